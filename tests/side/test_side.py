"""Which SIDE network a name or a file stands for, and what is refused."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from file_server import CONTENT, FileServer

from maskdepth_cli.errors import UsageError, WeightsError
from maskdepth_cli.side import models
from maskdepth_cli.side.lite import LiteConfig, LiteNetwork
from maskdepth_cli.side.models import (
    default_side_model,
    find_side_model,
    load_side_model,
    side_model_id,
)
from maskdepth_cli.weights import registry, store
from maskdepth_cli.weights.tensors import save_tensors


@pytest.fixture
def lite_file(tmp_path: Path) -> Path:
    config = LiteConfig(decoder_channels=8, head_channels=4)
    path = tmp_path / "own.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = LiteNetwork(config)
    save_tensors(path, network.state_dict(), {"network": "lite", **asdict(config)}, half=True)
    return path


def test_registered_files_have_a_digest_a_licence_and_a_safe_address() -> None:
    names = [entry.name for entry in registry.ENTRIES]
    assert len(set(names)) == len(names)
    for entry in registry.ENTRIES:
        assert entry.licence
        if entry.url:
            assert entry.url.startswith("https://")
        if entry.file and not entry.embedded:
            assert len(entry.sha256) == 64
    authors = registry.require_entry("authors")
    assert authors.gated
    assert not authors.url


def test_the_default_is_the_best_model_that_is_here(home: Path) -> None:
    assert default_side_model() == "lite"
    home.mkdir()
    (home / "midas_v21_384.pt").write_bytes(b"")
    assert default_side_model() == "midas-v2.1"
    (home / "dpt_large_384.pt").write_bytes(b"")
    assert default_side_model() == "dpt-large"


def test_a_file_is_recognised_and_loaded(lite_file: Path) -> None:
    for source in (find_side_model(weights=lite_file), find_side_model(str(lite_file))):
        assert source.name == "lite"
        assert side_model_id(source) == hashlib.sha256(lite_file.read_bytes()).hexdigest()
        model = load_side_model(source)
        assert model.depth_kind == "inverse"
        prepared = model.prepare(torch.rand(30, 40, 3).numpy())
        assert model.network(prepared[None]).shape == (1, 1, *prepared.shape[1:])


def test_a_midas_checkpoint_is_recognised_by_its_keys(tmp_path: Path) -> None:
    from maskdepth_cli.side.midas import midas_v21_small

    path = tmp_path / "model-small-70d6b9c8.pt"
    torch.save(midas_v21_small().state_dict(), path)
    assert find_side_model(weights=path).name == "midas-v2.1-small"
    with pytest.raises(WeightsError, match="not the weights of dpt-large"):
        load_side_model(find_side_model("dpt-large", path))


def test_foreign_files_are_refused_in_one_line(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "own.pt")
    with pytest.raises(WeightsError, match="fits no SIDE network"):
        find_side_model(weights=tmp_path / "own.pt")
    save_tensors(tmp_path / "w.safetensors", {"a": torch.ones(1)}, {"form": "plain"})
    with pytest.raises(WeightsError, match=r"w\.safetensors"):
        load_side_model(find_side_model("lite", tmp_path / "w.safetensors"))
    save_tensors(tmp_path / "v.safetensors", {"a": torch.ones(1)}, {"network": "lite", "depth": 3})
    with pytest.raises(WeightsError, match="another version"):
        load_side_model(find_side_model("lite", tmp_path / "v.safetensors"))


def test_unknown_names_list_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"midas-v2\.1"):
        find_side_model("midas-v9")
    with pytest.raises(WeightsError, match="no such weights file"):
        find_side_model("dpt-large", tmp_path / "missing.pt")
    with pytest.raises(WeightsError, match="'trust'"):
        find_side_model("trust")  # a refinement network predicts no depth
    (tmp_path / "w.pt").write_bytes(b"")
    with pytest.raises(UsageError, match="hf:"):
        find_side_model("hf:org/name", tmp_path / "w.pt")


@pytest.fixture
def served(server: FileServer, monkeypatch: pytest.MonkeyPatch, home: Path) -> registry.Entry:
    """An entry whose file the local server has."""
    entry = replace(
        registry.require_entry("midas-v2.1-small"),
        name="served",
        file="served.pt",
        url=server.url,
        sha256=server.sha256,
        size=server.size,
    )
    entries = (*registry.ENTRIES, entry)
    for module in (registry, models, store):
        monkeypatch.setattr(module, "ENTRIES", entries)
    return entry


def test_fetch_into_the_cache_then_verify(
    served: registry.Entry, server: FileServer, home: Path
) -> None:
    assert store.fetch_entry(served) == home / "served.pt"
    assert store.fetch_entry(served).read_bytes() == CONTENT
    assert len(server.ranges) == 1
    assert list(store.verify_files(["served"])) == [f"{home / 'served.pt'}: as expected"]
    (home / "served.pt").write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="sha256 is"):
        list(store.verify_files(["served"]))


def test_a_licence_must_be_accepted(
    served: registry.Entry, server: FileServer, home: Path, tmp_path: Path
) -> None:
    gated = replace(served, gated=True)
    with pytest.raises(WeightsError, match="--accept-licence"):
        store.fetch_entry(gated)
    with pytest.raises(WeightsError, match="--accept-licence"):
        store.import_entry(gated, str(tmp_path / "file"))
    assert server.ranges == []
    own = tmp_path / "file"
    own.write_bytes(CONTENT)
    store.import_entry(gated, str(own), accept_licence=True)
    assert (home / "served.pt").read_bytes() == CONTENT
    assert server.ranges == []


@pytest.mark.usefixtures("home", "no_sockets")
def test_the_authors_file_is_never_fetched() -> None:
    authors = registry.require_entry("authors")
    with pytest.raises(WeightsError, match="non-commercial"):
        store.fetch_entry(authors)
    with pytest.raises(WeightsError, match="--from FILE"):
        store.fetch_entry(authors, accept_licence=True)


def test_verify_a_file_of_the_users_own(tmp_path: Path, home: Path) -> None:
    own = tmp_path / "own.pt"
    own.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert list(store.verify_files([str(own)], digest.upper())) == [f"{own}: as expected"]
    with pytest.raises(WeightsError, match="expected 000"):
        list(store.verify_files([str(own)], "0" * 64))
    with pytest.raises(WeightsError, match="none of the registered"):
        list(store.verify_files([str(own)]))
    with pytest.raises(WeightsError, match="one file"):
        list(store.verify_files([], digest))
