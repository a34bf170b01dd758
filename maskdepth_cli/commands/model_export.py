"""A network as one file for other runtimes: ONNX, or torch.export's own format; compared first."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.errors import UsageError, WeightsError
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.files.names import shown
from maskdepth_cli.side.models import find_side_model, load_side_model
from maskdepth_cli.side.preprocessing import PREPROCESSING
from maskdepth_cli.weights.refinement import find_weights, load_refinement
from maskdepth_cli.weights.registry import HUGGING_FACE, find_entry

if TYPE_CHECKING:
    from torch import Tensor, nn

EXPORT_SUFFIXES = (".onnx", ".pt2")
TOLERANCE = 1e-3
"""Largest difference to torch, as a share of the range of its output."""

_KEY = "maskdepth"
_EXTRA_FILE = f"{_KEY}.json"


@dataclass(frozen=True)
class ExportedModel:
    """What was written.

    Parameters
    ----------
    inputs
        Name to shape; None is the batch, of any size.
    difference
        The largest difference to torch that was found, as a share of the range of its output.
    """

    inputs: dict[str, tuple[int | None, ...]]
    difference: float


@dataclass(frozen=True)
class _Traced:
    """A network with inputs to trace and to compare it on."""

    network: nn.Module
    inputs: dict[str, Tensor]  # name to (2, C, H, W)
    output: str
    facts: dict[str, Any]  # noted in the file


def export_model(name: str, path: Path, *, width: int = 512, height: int = 384) -> ExportedModel:
    """Write a network of `maskdepth models list`, or of a weights file, for another runtime.

    A refinement network takes ``depth`` (B, 1, H, W) in [0, 10], ``mask`` (B, 1, H, W) in [0, 1]
    and ``rgb`` (B, 3, H, W) in [0, 1], and gives ``layer`` (B, 1, H, W); a SIDE network takes
    ``image`` (B, 3, h, w), normalised, and gives ``depth``. What surrounds them (scaling, both
    layers, composition, keep band) is `engine.refiner`'s and not in the file.

    Parameters
    ----------
    name
        A name, or a file of refinement weights.
    path
        ``.onnx`` or ``.pt2``.
    width, height
        Size of the photos; the file is made for this one. A batch may have any size.

    Raises
    ------
    UsageError
        Another extension, a library that is not installed, or a network of transformers.
    WeightsError
        There is no such network, or what was exported computes something else than torch.
        Nothing is written then.
    OutputError
        The file cannot be written.
    """
    if path.suffix not in EXPORT_SUFFIXES:
        raise UsageError(f"{shown(path)}: the name must end in {' or '.join(EXPORT_SUFFIXES)}")
    if path.suffix == ".onnx":
        _need_onnx()
    traced = _traced(name, width, height)
    with atomic_write(path) as temporary, _silence():
        if path.suffix == ".onnx":
            _write_onnx(traced, temporary)
        else:
            _write_pt2(traced, temporary)
        difference = _difference(traced, temporary)
        if not difference <= TOLERANCE:
            raise WeightsError(
                f"{shown(path)}: differs from torch by {difference:.2g} of the range, more than "
                f"{TOLERANCE:g}; it is not written"
            )
    shapes = {key: (None, *value.shape[1:]) for key, value in traced.inputs.items()}
    return ExportedModel(shapes, difference)


def _need_onnx() -> None:
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"ONNX needs {error.name}, which is not installed: pip install 'maskdepth[onnx]'; "
            "a .pt2 file needs nothing else"
        ) from error


def _traced(name: str, width: int, height: int) -> _Traced:
    """Load a network through the public loaders, with a picture like those it is for."""
    import torch

    rows, columns = np.mgrid[:height, :width]
    inside = np.hypot(rows - height / 2, columns - width / 2) < min(height, width) / 4
    soft = np.hypot(rows - height / 2, columns - width / 2) / min(height, width)
    photo = np.stack([0.5 + 0.4 * np.sin(columns / (7 + i) + rows / 11) for i in range(3)], axis=-1)
    photo = (photo * np.where(inside, 1, 0.6)[..., None]).astype(np.float32)

    def both(array: NDArray[Any], other: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.stack([array, other]).astype(np.float32))

    if name.startswith(HUGGING_FACE):
        raise UsageError(f"{name}: networks of transformers are exported by optimum")
    entry = find_entry(name)
    if entry and entry.kind == "side":
        side = load_side_model(find_side_model(name))
        prepared = side.prepare(photo).numpy()
        inputs = {"image": both(prepared, prepared[..., ::-1])}
        facts: dict[str, Any] = {"gives": side.depth_kind, "photo": [width, height]}
        if rule := PREPROCESSING.get(entry.loader):
            facts |= {"mean": rule.mean, "std": rule.std}
        return _Traced(side.network.eval(), inputs, "depth", {"network": name, **facts})
    network = load_refinement(find_weights(name)).eval()
    blurred = 8 / (1 + np.exp(12 * (soft - 0.25))) + 1.5 * rows / height
    channels = photo.transpose(2, 0, 1)
    inputs = {
        "depth": both(blurred[None], 10 - blurred[None]),
        "mask": both(inside[None], ~inside[None]),
        "rgb": both(channels, channels[..., ::-1]),
    }
    return _Traced(network, inputs, "layer", {"network": Path(name).name, "range": [0, 10]})


def _exported(traced: _Traced) -> Any:
    """Return torch's graph of the network, the batch's size left open."""
    import torch

    batch = torch.export.Dim("batch", min=1, max=1024)
    inputs = tuple(traced.inputs.values())
    with torch.no_grad():
        return torch.export.export(
            traced.network, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs)
        )


def _write_pt2(traced: _Traced, path: Path) -> None:
    import torch

    torch.export.save(_exported(traced), path, extra_files={_EXTRA_FILE: json.dumps(traced.facts)})


def _write_onnx(traced: _Traced, path: Path) -> None:
    import torch

    program = torch.onnx.export(
        _exported(traced),
        dynamo=True,
        verbose=False,
        input_names=list(traced.inputs),
        output_names=[traced.output],
    )
    assert program is not None
    program.model.metadata_props[_KEY] = json.dumps(traced.facts)
    program.save(path, external_data=False)


def _difference(traced: _Traced, path: Path) -> float:
    """Return the largest difference of a file to torch, as a share of the range."""
    import torch

    compute = _opened(path)
    differences = []
    for items in (1, 2):
        inputs = {name: value[:items].contiguous() for name, value in traced.inputs.items()}
        with torch.no_grad():
            wanted = traced.network(*inputs.values()).float().numpy()
            found = compute(inputs)
        differences.append(np.abs(found - wanted).max() / np.ptp(wanted))
    return float(np.max(differences))  # NaN stays NaN


def _opened(path: Path) -> Callable[[Mapping[str, Tensor]], NDArray[Any]]:
    """Return what a file computes."""
    import torch

    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda inputs: session.run(None, {k: v.numpy() for k, v in inputs.items()})[0]
    module = torch.export.load(path).module()
    return lambda inputs: module(*inputs.values()).float().numpy()


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep back what exporters say about themselves."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
