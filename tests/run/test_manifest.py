from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskdepth_cli.run.fingerprints import Stamp
from maskdepth_cli.run.manifest import Manifest, Record, json_line


def record(name, status="done", **values):
    return Record(name, f"/photos/{name}", status, **values)


def reopen(path, **options):
    manifest = Manifest(path, **options)
    rows = {row.name: row for row in manifest}
    manifest.close()
    return rows


def test_the_last_line_of_a_file_wins_and_compaction_keeps_one(tmp_path):
    path = tmp_path / "manifest.jsonl"
    manifest = Manifest(path, writable=True)
    for name, message in [("a", "1"), ("b", "2"), ("a", "3")]:
        manifest.append(record(name, message=message))
    assert manifest.get("a").message == "3"
    assert manifest.get("c") is None
    assert len(path.read_text().splitlines()) == 3
    manifest.compact()
    assert len(path.read_text().splitlines()) == 2
    assert {name: row.message for name, row in reopen(path).items()} == {"a": "3", "b": "2"}


def test_without_superseded_lines_the_file_is_not_rewritten(tmp_path):
    path = tmp_path / "manifest.jsonl"
    manifest = Manifest(path, writable=True)
    manifest.append(record("a"))
    before = path.stat().st_ino
    manifest.compact()
    assert path.stat().st_ino == before


def test_a_record_comes_back_as_it_was(tmp_path):
    path = tmp_path / "manifest.jsonl"
    written = record(
        os.fsdecode(b"sub/\xff\n\"name'.jpg"),
        key="k",
        settings="s",
        seconds=1.5,
        inputs=(Stamp("image", 3, 4, "abc"), Stamp("mask/1", 5, 6, "def")),
        outputs={"depth": {"path": "x.png", "size": 12}},
        details={"scale": 0.5},
    )
    manifest = Manifest(path, writable=True)
    manifest.append(written)
    assert manifest.get(written.name) == written
    manifest.close()
    assert reopen(path) == {written.name: written}
    assert path.read_bytes().isascii()


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_half_written_last_line_is_dropped_and_repaired(tmp_path, cut):
    path = tmp_path / "manifest.jsonl"
    manifest = Manifest(path, writable=True)
    manifest.append(record("a"))
    manifest.append(record("b"))
    manifest.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert set(reopen(path)) == {"a"}
    assert path.read_bytes() == whole[:-cut]  # reading alone repairs nothing
    manifest = Manifest(path, writable=True)
    manifest.append(record("c"))
    manifest.close()
    assert set(reopen(path)) == {"a", "c"}
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_damaged_lines_are_passed_over_and_leave_with_compaction(tmp_path):
    path = tmp_path / "manifest.jsonl"
    good = record("a").to_line()
    damaged = [b"\xff\xfe", b"[]", b"{}", b"3", b"null", b'{"name": 3}', b"[" * 100_000, b""]
    path.write_bytes(b"\n".join([*damaged, good]))
    assert set(reopen(path)) == {"a"}
    Manifest(path, writable=True).compact()
    assert path.read_bytes() == good


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_change_of_a_line_gives_a_record_or_none(data):
    line = bytearray(
        record("a", inputs=(Stamp("image", 1, 2, "x"),), outputs={"depth": {"path": "p"}}).to_line()
    )
    for _ in range(data.draw(st.integers(1, 4))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    found = Record.from_line(bytes(line))
    assert found is None or isinstance(found.name, str)


def test_complete_needs_every_output_as_it_was_written(tmp_path):
    (tmp_path / "a.png").write_bytes(b"12345")
    (tmp_path / "p.png").write_bytes(b"123")
    outputs = {"depth": {"path": "a.png", "size": 5}, "preview": {"path": "p.png", "size": 4}}
    row = record("a", outputs=outputs)
    assert row.is_complete(tmp_path, {"depth": "a.png"})
    assert not row.is_complete(tmp_path, {"depth": "a.tiff"})
    assert not row.is_complete(tmp_path, {"depth": "a.png", "preview": "p.png"})
    assert not row.is_complete(tmp_path, {"depth": "a.png", "foreground": "f.png"})
    assert not record("a", "failed", outputs=outputs).is_complete(tmp_path, {"depth": "a.png"})
    (tmp_path / "a.png").unlink()
    assert not row.is_complete(tmp_path, {"depth": "a.png"})


def test_numbers_that_json_does_not_know_become_null():
    row = {"a": float("nan"), "b": [float("inf"), 1.5], "c": {"d": float("-inf"), "e": True}}
    assert json.loads(json_line(row)) == {"a": None, "b": [None, 1.5], "c": {"d": None, "e": True}}
