"""Mutated files end in a result or in one line: some hundred here, ten thousand by command."""

from __future__ import annotations

import pytest
from faults.fuzzing import KINDS, read_mutants

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
        assert read > 0 or name == "depth exr", name
