"""Mutated files end in a result or in one line: some hundred here, ten thousand by command."""

from __future__ import annotations

import pytest
from faults.fuzzing import KINDS, depth_maps, read_mutants

from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files.depths import read_depth

MUTANTS = {"pictures": 70, "arrays": 60, "depth maps": 40, "checkpoints": 30}

# Pytest lifts the filter that the package sets on Pillow's remarks.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "error::RuntimeWarning")


@pytest.mark.parametrize("title", KINDS)
def test_mutants_end_in_a_result_or_one_line(title, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kind = KINDS[title]()
    results = lines = 0
    for state in read_mutants(kind, title, range(MUTANTS.get(title, 25)), tmp_path):
        assert state["faults"] == []
        results += state["results"]
        lines += state["lines"]
    assert results > 0
    assert lines > 0 or title in ("camera tables", "lists of photos")


@pytest.mark.parametrize("title", KINDS)
def test_files_that_are_not_damaged_are_read(title, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kind = KINDS[title]()
    for name, data in kind.seeds.items():
        path = tmp_path / f"whole{kind.suffix}"
        path.write_bytes(data)
        read = 0
        for reader in kind.readers.values():
            try:
                reader(path)
            except Exception:
                continue
            read += 1
        assert read > 0, name


def test_openexr_prints_nothing_and_gives_no_pixels_that_are_not_there(tmp_path, capfd):
    data = bytearray(depth_maps()["depth exr"])
    data[-8:] = b"\xff" * 8
    path = tmp_path / "damaged.exr"
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    with pytest.raises(InputFileError, match="damaged or not supported"):
        read_depth(path, "inverse")
    assert capfd.readouterr().out == ""
