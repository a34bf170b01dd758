from __future__ import annotations

import hashlib
import os

import pytest

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.run.fingerprints import check_unchanged, run_key, settings_hash, stamp_files


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "image").write_bytes(b"photo")
    (tmp_path / "mask").write_bytes(b"mask")
    return [("image", tmp_path / "image"), ("mask", tmp_path / "mask")]


def test_stamps_hold_size_time_and_sha256(sources):
    image, mask = stamp_files(sources)
    status = sources[0][1].stat()
    assert (image.role, image.size, image.mtime_ns) == ("image", 5, status.st_mtime_ns)
    assert mask.sha256 == hashlib.sha256(b"mask").hexdigest()


def test_unchanged_files_are_not_read_again(sources):
    known = stamp_files(sources)
    path = sources[1][1]
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(b"MASK")  # same size ...
    os.utime(path, ns=times)  # ... and same time: taken for the same
    assert stamp_files(sources, known) == known
    os.utime(path, ns=(7, 7))
    assert stamp_files(sources, known)[1].sha256 == hashlib.sha256(b"MASK").hexdigest()
    assert stamp_files(sources, known, hash_content=False) is None


def test_a_change_while_reading_is_noticed(sources):
    stamps = stamp_files(sources)
    check_unchanged(sources, stamps)
    sources[0][1].write_bytes(b"another photo")
    with pytest.raises(InputFileError, match="changed"):
        check_unchanged(sources, stamps)
    sources[0][1].unlink()
    with pytest.raises(InputFileError, match="changed"):
        check_unchanged(sources, stamps)


def test_what_is_no_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "missing"):
        with pytest.raises(InputFileError, match=path.name):
            stamp_files([("image", path)])


def test_the_key_is_that_of_settings_roles_and_content(sources, tmp_path):
    base = settings_hash({"weights": "w", "keep": "band"})
    assert base == settings_hash({"keep": "band", "weights": "w"})
    assert base != settings_hash({"keep": "none", "weights": "w"})
    stamps = stamp_files(sources)
    key = run_key(base, stamps)
    moved = tmp_path / "elsewhere"
    moved.write_bytes(b"photo")
    os.utime(moved, ns=(1, 1))
    assert run_key(base, stamp_files([("image", moved), sources[1]])) == key
    assert run_key(base, stamp_files([("image", moved), ("depth", sources[1][1])])) != key
    assert run_key(base, stamp_files([("mask", sources[0][1]), ("image", sources[1][1])])) != key
    assert run_key(settings_hash({}), stamps) != key
