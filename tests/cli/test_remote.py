"""Photos, masks, depth maps and results in a real S3 server on this machine."""

from __future__ import annotations

import json
import logging

import pytest

from maskdepth_cli.errors import ExitCode, OutputError
from maskdepth_cli.files.remote import Stage, is_remote

BUCKET = "album"


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def store(server, monkeypatch, tmp_path):
    """Return a client of a server with one empty bucket; the command finds it by itself."""
    import boto3
    import requests

    for name in ("TMPDIR", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    (tmp_path / "TMPDIR").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    requests.post(f"{server}/moto-api/reset", timeout=10)
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    yield client
    assert list((tmp_path / "TMPDIR").iterdir()) == [], "stand-ins are removed"


@pytest.fixture
def remote(album, store):
    """Return an album whose photos, masks and depth maps are in the bucket too."""
    for name in ("a.jpg", "x/b.jpg", "x/c.png"):
        album.add(name)
    upload(album, store, "a", "x/b", "x/c")
    return album


def upload(album, store, *names):
    for folder in ("photos", "masks", "depths"):
        for path in (p for name in names for p in (album.root / folder).glob(f"{name}.*")):
            store.upload_file(str(path), BUCKET, str(path.relative_to(album.root)))


def url(place):
    return f"s3://{BUCKET}/{place}"


def arguments(album, *more):
    ours = {str(album.root / name): url(name) for name in ("photos", "masks", "depths", "out")}
    return [ours.get(argument, argument) for argument in album.arguments(*more)]


def objects(store, prefix="out/"):
    """Return what lies below a prefix, by the rest of its name."""
    found = store.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    keys = [entry["Key"] for entry in found]
    return {
        key.removeprefix(prefix): store.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        for key in keys
    }


def rows(content):
    return {row["name"]: row for row in map(json.loads, content.splitlines())}


def test_results_are_those_of_a_run_on_disks(remote, store, maskdepth):
    assert maskdepth(*remote.arguments("--layers", "--preview")).code == ExitCode.OK
    ended = maskdepth(*arguments(remote, "--layers", "--preview", "--json"))
    assert ended.code == ExitCode.OK
    found = objects(store)
    manifest = rows(found.pop("manifest.jsonl"))
    assert found == remote.files()
    assert manifest.keys() == remote.records().keys()
    assert manifest["x/b.jpg"]["path"] == url("photos/x/b.jpg")
    assert ended.rows["x/b.jpg"]["output"] == url("out/x/b.tiff")
    assert manifest["x/b.jpg"]["outputs"] == remote.records()["x/b.jpg"]["outputs"]


def test_a_second_run_does_what_is_new_or_changed(remote, store, maskdepth):
    def statuses(*more):
        ended = maskdepth(*arguments(remote, "--json", *more))
        return {name: row["status"] for name, row in ended.rows.items()}

    assert set(statuses().values()) == {"done"}
    modified = {e["Key"]: e["ETag"] for e in store.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert set(statuses().values()) == {"skipped"}
    remote.add("a.jpg")  # another photo of, perhaps, the same second
    remote.add("d.jpg")
    upload(remote, store, "a", "d")
    expected = {"a.jpg": "planned", "d.jpg": "planned", "x/b.jpg": "skipped", "x/c.png": "skipped"}
    assert statuses("--dry-run") == expected
    assert statuses() == {name: x.replace("planned", "done") for name, x in expected.items()}
    store.delete_object(Bucket=BUCKET, Key="out/x/c.tiff")
    assert [name for name, status in statuses().items() if status == "done"] == ["x/c.png"]
    after = {e["Key"]: e["ETag"] for e in store.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert after["out/x/b.tiff"] == modified["out/x/b.tiff"]


def test_a_mask_of_two_photos_is_there_for_both(album, store, maskdepth):
    for i in range(6):
        for name in (f"{i}.jpg", f"{i}.png"):
            album.add(name)
    upload(album, store, *map(str, range(6)))
    assert maskdepth(*arguments(album, "--workers", "4")).code == ExitCode.OK
    found = objects(store)
    assert {row["status"] for row in rows(found.pop("manifest.jsonl")).values()} == {"done"}
    assert maskdepth(*album.arguments()).code == ExitCode.OK
    assert found == album.files()
    assert len(found) == 12


def test_a_cluster_fetches_and_sends_for_itself(remote, store, maskdepth, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")  # the names of its sockets must be short
    assert maskdepth(*remote.arguments()).code == ExitCode.OK
    ended = maskdepth(*arguments(remote, "--executor", "ray", "--ray-workers", "2"))
    assert ended.code == ExitCode.OK
    found = objects(store)
    assert rows(found.pop("manifest.jsonl")).keys() == remote.records().keys()
    assert found == remote.files()


def test_bad_photos_and_odd_names_fail_alone_and_by_their_url(remote, store, maskdepth):
    store.put_object(Bucket=BUCKET, Key="photos/bad.jpg", Body=b"\xff\xd8\xff no photo")
    store.put_object(Bucket=BUCKET, Key="masks/bad.png", Body=b"")
    store.put_object(Bucket=BUCKET, Key="depths/bad.npy", Body=b"")
    store.put_object(Bucket=BUCKET, Key="photos/x//twice.jpg", Body=b"1")
    store.put_object(Bucket=BUCKET, Key="photos/../../up.jpg", Body=b"1")
    store.put_object(Bucket=BUCKET, Key="photos/empty/", Body=b"")
    ended = maskdepth(*arguments(remote))
    assert ended.code == ExitCode.SOME_FAILED
    assert f"failed: bad.jpg: {url('photos/bad.jpg')}: damaged" in ended.err
    assert f"{BUCKET}/photos/x//twice.jpg: left aside" in ended.err
    assert "maskdepth-" not in ended.err
    assert f"results: {url('out')}" in ended.err
    found = objects(store)
    assert sorted(found) == ["a.tiff", "manifest.jsonl", "x/b.tiff", "x/c.tiff"]
    assert "maskdepth-" not in found["manifest.jsonl"].decode()


def test_only_the_target_or_only_the_photos(remote, store, maskdepth):
    assert maskdepth(*remote.arguments()).code == ExitCode.OK
    there = [a if a != str(remote.out) else url("out") for a in remote.arguments()]
    assert maskdepth(*there).code == ExitCode.OK
    found = objects(store)
    del found["manifest.jsonl"]
    assert found == remote.files()
    remote.out.rename(remote.root / "before")
    here = [a if a != url("out") else str(remote.out) for a in arguments(remote)]
    assert maskdepth(*here).code == ExitCode.OK
    assert remote.files() == found


def test_shards_and_their_manifests(remote, store, maskdepth):
    for shard in ("1/2", "2/2"):
        assert maskdepth(*arguments(remote, "--shard", shard)).code == ExitCode.OK
    names = objects(store)
    assert {"manifest.1-of-2.jsonl", "manifest.2-of-2.jsonl"} < set(names)
    assert maskdepth("merge-manifests", url("out")).code == ExitCode.OK
    found = objects(store)
    assert [name for name in found if name.startswith("manifest")] == ["manifest.jsonl"]
    assert set(rows(found["manifest.jsonl"])) == {"a.jpg", "x/b.jpg", "x/c.png"}


def test_every_command_over_photos_works_there(remote, store, maskdepth, tmp_path):
    """The same files come from a store and from disks, and lie in a store and on disks."""
    assert maskdepth(*remote.arguments("--layers", "--preview")).code == ExitCode.OK
    here = remote.root
    for path in (path for path in remote.out.rglob("*") if path.is_file()):
        store.upload_file(str(path), BUCKET, str(path.relative_to(here)))

    def both(command, *places, more=(), page=False):
        local = [str(here / place) for place in places]
        name = f"{command}.html" if page else command
        target = here / "made" / name
        ended = maskdepth(command, *local, *more, "-o", str(target))
        assert ended.code == ExitCode.OK, ended.err
        ended = maskdepth(command, *map(url, places), *more, "-o", url(f"made/{name}"))
        assert ended.code == ExitCode.OK, ended.err
        assert "maskdepth-" not in ended.err
        files = [target] if page else [p for p in target.rglob("*") if p.is_file()]
        made = {str(p.relative_to(here / "made")): p.read_bytes() for p in files}
        found = {k: v for k, v in objects(store, "made/").items() if k.startswith(name)}
        for rows_of in (made, found):
            rows_of.pop(f"{name}/manifest.jsonl", None)
        assert found == made
        assert len(found) >= (1 if page else 3)

    both("gallery", "out", page=True)
    both("export", "out", more=["--photos", url("photos")])
    both("bokeh", "out", more=["--photos", str(here / "photos"), "--focus", "background"])
    both("pointcloud", "photos", "out")
    target = here / "made/show"
    compared = ["--before", str(here / "depths"), "--after", str(here / "out")]
    assert maskdepth("show", str(here / "photos"), *compared, "-o", str(target)).code == ExitCode.OK
    compared = ["--before", url("depths"), "--after", url("out")]
    ended = maskdepth("show", url("photos"), *compared, "-o", url("made/show"))
    assert ended.code == ExitCode.OK
    assert sorted(objects(store, "made/show/")) == ["a.png", "manifest.jsonl", "x/b.png", "x/c.png"]


def test_layers_find_photos_in_a_store_by_their_manifest(remote, store, maskdepth):
    assert maskdepth(*arguments(remote, "--layers")).code == ExitCode.OK
    assert maskdepth("bokeh", url("out"), "-o", url("blurred")).code == ExitCode.OK
    found = sorted(objects(store, "blurred/"))
    assert found == ["a.png", "manifest.jsonl", "x/b.png", "x/c.png"]
    ended = maskdepth("export", url("none"), "-o", url("x"))
    assert ended.code == ExitCode.NOTHING_TO_DO
    assert "s3://album/none" in ended.err


@pytest.mark.parametrize(
    ("place", "with_place", "code", "words"),
    [
        ("photos", "s3://album/none", 2, "s3://album/none: no such file or folder"),
        ("photos", "s3://nowhere/photos", 2, "s3://nowhere/photos: cannot be listed"),
        ("masks", "s3://album/none", 2, "s3://album/none: no such file or folder"),
        ("out", "s3://nowhere/out", 5, "s3://nowhere/out: cannot be written"),
    ],
)
def test_places_that_are_not_there(remote, store, maskdepth, place, with_place, code, words):
    given = [with_place if a == url(place) else a for a in arguments(remote)]
    ended = maskdepth(*given)
    assert ended.code == code
    assert words in ended.err
    assert objects(store) == {}


def test_a_store_that_refuses_an_output_leaves_the_old_one(remote, store, maskdepth, monkeypatch):
    put = Stage.put

    def refuse(stage, path, **options):
        if path.name == "b.tiff":
            raise OutputError(f"{path}: cannot be written: refused")
        put(stage, path, **options)

    monkeypatch.setattr(Stage, "put", refuse)
    ended = maskdepth(*arguments(remote))
    assert ended.code == ExitCode.SOME_FAILED
    assert f"failed: x/b.jpg: {url('out/x/b.tiff')}: cannot be written: refused" in ended.err


def test_what_names_a_store():
    for place in ("s3://b", "s3://b/", "s3:/b/k", "gs://b/k/l"):
        assert is_remote(place)
    for place in ("s3", "s3:b", "photos/s3://b", "-", "file://x", "s3:///k"):
        assert not is_remote(place)
