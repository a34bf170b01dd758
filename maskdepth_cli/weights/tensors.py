"""Safetensors files that carry their network's configuration in the header."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskdepth_cli.errors import OutputError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor

CONFIG_KEY = "config"


def save_tensors(
    path: str | os.PathLike[str],
    state: Mapping[str, Tensor],
    config: Mapping[str, Any],
    *,
    half: bool = False,
) -> None:
    """Write tensors and a JSON-serialisable configuration as one safetensors file, atomically.

    Parameters
    ----------
    path
        Target file; its folder is created.
    state
        Tensors by name.
    config
        What the loader needs to rebuild the network; stored as JSON in the file's header.
    half
        Store floating point tensors as float16.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    import torch
    from safetensors.torch import save_file

    tensors = {
        name: _storable(tensor, torch.float16 if half else None) for name, tensor in state.items()
    }
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary, metadata={CONFIG_KEY: json.dumps(dict(config))})
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot write weights: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def load_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a safetensors file.

    Parameters
    ----------
    path
        File written by `save_tensors`, or any safetensors file.

    Returns
    -------
    state
        Tensors by name, on the CPU, in the stored precision.
    config
        The configuration in the header; empty where the file has none.

    Raises
    ------
    WeightsError
        The file is missing or is not a whole safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            config = json.loads((file.metadata() or {}).get(CONFIG_KEY, "{}"))
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such weights file") from error
    except (SafetensorError, OSError, RecursionError, ValueError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error})") from error
    if not isinstance(config, dict):
        raise WeightsError(f"{path}: the configuration in its header is not a table")
    return state, config


def _storable(tensor: Tensor, dtype: Any) -> Tensor:
    """Return the tensor contiguous on the CPU, floating point ones in `dtype` where given."""
    tensor = tensor.detach().cpu()
    if dtype is not None and tensor.is_floating_point():
        tensor = tensor.to(dtype)
    return tensor.contiguous()
