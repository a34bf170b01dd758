"""Weights files of any allowed kind into networks, whose keys must fit exactly."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_STORED

from maskdepth_cli.errors import WeightsError, one_line
from maskdepth_cli.weights.tensors import load_tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

SAFETENSORS = ".safetensors"
WRAPPERS = ("state_dict", "model")  # names under which checkpoints nest their tensors


def load_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a weights file: safetensors, or a torch checkpoint of plain tensors.

    Torch checkpoints are read with ``weights_only=True``: no code in them runs.

    Raises
    ------
    WeightsError
        The file is missing or damaged, or holds anything but tensors.
    """
    import torch

    if path.suffix == SAFETENSORS:
        return load_tensors(path)[0]
    content = load_plain(path)
    for name in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"{path}: holds no tensors by name")
    if not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise WeightsError(f"{path}: holds something else beside tensors")
    size = path.stat().st_size
    for name, value in content.items():
        if value.numel() * value.element_size() > size:  # a view that repeats a few numbers
            raise WeightsError(f"{path}: the tensor {str(name)[:60]} is larger than the file")
    return dict(content)


def load_plain(path: Path, device: Any = "cpu") -> Any:
    """Read a torch checkpoint of tensors and plain data; no code in it runs.

    Raises
    ------
    WeightsError
        The file is missing or damaged, or holds anything else.
    """
    import torch

    try:
        _check_archive(path)
        return torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such weights file") from error
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: refused: it is damaged or holds more than tensors, which could run code"
        ) from error
    except WeightsError:
        raise
    except Exception as error:  # what damage makes the unpickler raise is of any type
        raise WeightsError(f"{path}: not a readable checkpoint ({one_line(error)})") from error


def _check_archive(path: Path) -> None:
    """Refuse a zip archive that inflates: torch stores, and inflates without a limit."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        packed = [entry for entry in archive.infolist() if entry.compress_type != ZIP_STORED]
    if packed:
        raise WeightsError(f"{path}: refused: its tensors are compressed; save it with torch again")


def load_into(
    build: Callable[[], nn.Module], state: Mapping[str, Tensor], path: Path, what: str
) -> nn.Module:
    """Build a network without initialising it, and give it tensors.

    Parameters
    ----------
    build
        Makes the network.
    state
        Its tensors; half precision becomes float32.
    path, what
        For messages: where they come from, and what they should be.

    Raises
    ------
    WeightsError
        Names or shapes differ.
    """
    from maskdepth_cli.networks.unfilled import unfilled

    with unfilled(shapes_only=True):
        network = build()
    expected = network.state_dict()
    if problem := mismatch(expected, state):
        raise WeightsError(f"{path}: not the weights of {what}: {problem}")
    network.load_state_dict(
        {
            name: value.float() if value.is_floating_point() else value
            for name, value in state.items()
        },
        assign=True,
    )
    return network.requires_grad_(False).eval()


def mismatch(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Say in one line how two sets of tensors differ by name or shape; empty where they agree."""
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    other = [n for n in expected if n in found and expected[n].shape != found[n].shape]
    parts = [
        f"{len(names)} {word}, such as {names[0]}"
        for word, names in (("missing", missing), ("unknown", extra), ("of another shape", other))
        if names
    ]
    return "; ".join(parts)


def config_of(path: Path) -> dict[str, Any]:
    """Return the configuration in a safetensors file's header; empty for other files."""
    return load_tensors(path)[1] if path.suffix == SAFETENSORS else {}
