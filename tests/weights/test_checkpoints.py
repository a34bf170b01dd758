from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from maskdepth_cli.errors import OutputError, WeightsError
from maskdepth_cli.weights.checkpoints import load_into, load_state
from maskdepth_cli.weights.tensors import load_tensors, save_tensors


class Runs:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_safetensors_keep_values_names_and_configuration(tmp_path: Path) -> None:
    state = {"a.weight": torch.randn(3, 4).t(), "count": torch.tensor(7)}
    config = {"network": "lite", "sizes": [1, 2], "form": "plain"}
    save_tensors(tmp_path / "new" / "w.safetensors", state, config)
    found, read = load_tensors(tmp_path / "new" / "w.safetensors")
    assert read == config
    assert list(found) == list(state)
    assert all(torch.equal(found[name], state[name]) for name in state)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["w.safetensors"]


def test_half_precision_spares_integers(tmp_path: Path) -> None:
    state = {"weight": torch.tensor([1 / 3]), "count": torch.tensor(70_000)}
    save_tensors(tmp_path / "w.safetensors", state, {}, half=True)
    found, _ = load_tensors(tmp_path / "w.safetensors")
    assert found["weight"].dtype == torch.float16
    assert found["count"].item() == 70_000


def test_the_target_survives_a_failed_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.safetensors"
    save_tensors(path, {"a": torch.ones(1)}, {})
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OutputError, match="No space left"):
        save_tensors(path, {"a": torch.zeros(1)}, {})
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
@pytest.mark.parametrize("content", [b"", b"no weights", b"\x10" + b"\x00" * 30])
def test_damaged_files_are_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=name) as caught:
        load_state(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match="no such"):
        load_state(tmp_path / f"missing{path.suffix}")


def test_a_cut_checkpoint_is_one_line(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1000)}, tmp_path / "w.pt")
    (tmp_path / "w.pt").write_bytes((tmp_path / "w.pt").read_bytes()[:2000])
    with pytest.raises(WeightsError, match=r"w\.pt"):
        load_state(tmp_path / "w.pt")


@pytest.mark.parametrize("legacy", [False, True])
def test_a_checkpoint_with_code_is_refused_and_its_code_does_not_run(
    tmp_path: Path, legacy: bool
) -> None:
    bait = tmp_path / "ran"
    content = {"a": torch.ones(1), "b": Runs(bait)}
    torch.save(content, tmp_path / "w.pt", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match="refused"):
        load_state(tmp_path / "w.pt")
    assert not bait.exists()
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(content["b"]))
    with pytest.raises(WeightsError):
        load_state(tmp_path / "raw.pt")
    assert not bait.exists()


@pytest.mark.parametrize(
    "content",
    [
        {"a": torch.ones(2)},
        {"state_dict": {"a": torch.ones(2)}},
        {"model": {"a": torch.ones(2)}, "optimizer": {"lr": 1.0}},  # MiDaS's rule
    ],
)
def test_nested_checkpoints_are_unwrapped(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pt")
    assert torch.equal(load_state(tmp_path / "w.pt")["a"], torch.ones(2))


@pytest.mark.parametrize("content", [[1, 2], {"a": 1.0}, {}, torch.ones(2)])
def test_other_content_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"w\.pt"):
        load_state(tmp_path / "w.pt")


def test_keys_must_fit(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    state = {"weight": torch.ones(2, 3).half(), "bias": torch.zeros(2).half()}
    layer = load_into(lambda: nn.Linear(3, 2), state, path, "a layer")
    assert torch.equal(layer(torch.ones(3)), torch.full((2,), 3.0))  # float32 again
    wrong = {"weight": torch.ones(2, 4), "scale": torch.ones(1)}
    with pytest.raises(WeightsError) as caught:
        load_into(lambda: nn.Linear(3, 2), wrong, path, "a layer")
    message = str(caught.value)
    assert "\n" not in message
    for part in ("w.pt", "a layer", "1 missing, such as bias", "1 unknown, such as scale", "shape"):
        assert part in message


def test_a_header_that_is_no_table_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.ones(1)}, tmp_path / "w.safetensors", {"config": json.dumps([1])})
    with pytest.raises(WeightsError, match="header"):
        load_tensors(tmp_path / "w.safetensors")
