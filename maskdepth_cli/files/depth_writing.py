"""Depth maps to files: in the numbers of the initial map, or in a format that was asked for."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.arrays import strips
from maskdepth_cli.choices import DepthKind
from maskdepth_cli.errors import InputFileError, OutputError
from maskdepth_cli.files import arrays, exr
from maskdepth_cli.files.atomic import atomic_write
from maskdepth_cli.files.depth_formats import check_format
from maskdepth_cli.files.depths import DESCRIPTION_KEY, DepthMap, Numbers
from maskdepth_cli.files.png import encode_gray16
from maskdepth_cli.files.scales import WHITE, Scale
from maskdepth_cli.files.tiff import encode_tiff
from maskdepth_cli.kinds import values_of
from maskdepth_cli.types import InverseDepth

PNG_RANGES: dict[DepthKind, tuple[float, float]] = {
    "inverse": (0.0, 1.0),
    "depth": (0.0, 65.535),  # millimetres
    "far": (0.0, 1.0),
}
"""The values of code 0 and 65535 in a PNG of a float map, where none are named."""

_STRIP = 1 << 16  # pixels that are converted at once
_COARSEST = 0.005  # step of a PNG, as a share of the nearest tenth of the values
_BEYOND = 0.5  # share of pixels outside of a PNG's range from which on it is refused


def write_depth(
    path: str | Path,
    depth: InverseDepth,
    *,
    format: str,
    kind: DepthKind = "inverse",
    initial: DepthMap | None = None,
    png_range: tuple[float, float] | None = None,
    extra: Mapping[str, str | int | float] | None = None,
) -> dict[str, Any]:
    """Write a depth map; the target is replaced in one step or left as it was.

    ``keep``: the numbers of `initial`: integers of up to 16 bits as codes of 16 bits, in a PNG or,
    where the path says so, a TIFF; all else as a TIFF of float32, in which nothing is lost and
    which every program of the field opens. ``png16``: codes on one scale for all maps. The others:
    float32. docs/formats.md says what else each holds.

    Pixels that are those of `initial` are copied, not converted to inverse depth and back.

    Parameters
    ----------
    path : str or Path
        The target.
    depth : InverseDepth
        (H, W), larger is nearer; not finite where unknown.
    format : str
        One of `depth_formats.DEPTH_FORMATS`.
    kind : DepthKind
        What to store where there is no `initial`, whose kind it is otherwise.
    initial : DepthMap, optional
        The map that `depth` is a refinement of, of the same size.
    png_range : tuple of float, optional
        ``png16`` of a float map: the values of code 0 and 65535; default: `PNG_RANGES`.
    extra : mapping, optional
        Facts to keep in PNG text chunks and descriptions, such as the weights' name.

    Returns
    -------
    dict
        The scale record for the manifest: ``format``, ``kind``, ``offset`` and ``step``, where
        used ``unknown`` and ``infinite``, and where there are any ``clipped``, the number of
        pixels beyond the codes.

    Raises
    ------
    OutputError
        If the target cannot be written, or no pixel is known.
    InputFileError
        If most values do not fit ``png16``, or floats were to be kept in a picture of integers.
    UsageError
        As `check_format`.
    """
    check_format(format)
    path = Path(path)
    depth = np.asarray(depth, np.float32)
    known = np.isfinite(depth)
    if not known.any():
        raise OutputError("the depth map has no known pixel")
    codes = initial is not None and initial.bits > 0
    picture = path.suffix.lower() == ".png"
    if format == "keep" and picture and not codes:
        raise InputFileError(
            "its initial depth map is named as a picture but holds floats; rename it to .npy or "
            ".tiff, or give --format tiff"
        )
    whole = format == "png16" or (format == "keep" and codes)
    scale = _scale(initial, kind, whole, bool(known.all()), png_range)
    numbers: Any
    numbers, clipped = _numbers(depth, initial, scale, whole)
    written = "tiff" if format == "keep" else format
    if whole:
        written = "png16" if format == "png16" or picture else "tiff16"
        if clipped > _BEYOND * known.sum():
            raise InputFileError(_misfit(values_of(depth[known], scale.kind), clipped, scale))
        if scale.alpha:
            numbers = np.stack((numbers, known * np.uint16(WHITE)), axis=-1)
    record = {"format": written} | _facts(scale, whole)
    facts = _facts(scale, whole) | dict(extra or {})
    with atomic_write(path) as temporary:
        if written == "exr":
            exr.write_exr(temporary, numbers, json.dumps({DESCRIPTION_KEY: facts}))
        else:  # encoded in memory and written by Python: so the reason of a full disk is known
            temporary.write_bytes(_encoded(written, numbers, facts))
    return record | ({"clipped": clipped} if clipped else {})


def _facts(scale: Scale, whole: bool) -> dict[str, Any]:
    """Return what a file says of its numbers; floats are the values."""
    return {
        key: value
        for key, value in scale.record().items()
        if whole or key not in ("offset", "step")
    }


def _scale(
    initial: DepthMap | None,
    kind: DepthKind,
    whole: bool,
    all_known: bool,
    png_range: tuple[float, float] | None,
) -> Scale:
    """Return how the numbers that are written stand for values."""
    given = Scale(kind) if initial is None else initial.scale
    if not whole:
        unknown = None if given.alpha else given.unknown
        return Scale(given.kind, unknown=None if unknown is None else _value(given, unknown))
    scale = given
    if initial is None or not initial.bits:
        low, high = png_range or PNG_RANGES[given.kind]
        infinite = WHITE if given.kind == "depth" else None
        scale = Scale(given.kind, low, (high - low) / WHITE, 0, infinite)
    elif scale.unknown is None and not scale.alpha and not all_known:
        scale = replace(scale, unknown=0.0)
    return scale


def _value(scale: Scale, number: float) -> float:
    return scale.offset + scale.step * number


def _numbers(
    depth: InverseDepth, initial: DepthMap | None, scale: Scale, whole: bool
) -> tuple[Numbers, int]:
    """Return what is stored, (H, W), and how many pixels are beyond its codes."""
    numbers: Any = np.empty(depth.shape, np.uint16 if whole else np.float32)
    given = None if initial is None else _given(initial, whole)
    clipped = 0
    for rows in strips(0, len(depth), _STRIP // depth.shape[1]):
        part = depth[rows]
        if given is None or initial is None:
            numbers[rows], beyond = _converted(part, scale, whole)
        else:
            before = initial.inverse[rows]
            changed = part != before
            changed &= np.isfinite(part) | np.isfinite(before)
            numbers[rows] = given(rows)
            numbers[rows][changed], beyond = _converted(part[changed], scale, whole)
        clipped += beyond
    return numbers, clipped


def _converted(
    inverse: InverseDepth, scale: Scale, whole: bool
) -> tuple[NDArray[np.uint16] | NDArray[np.float32], int]:
    values = values_of(inverse, scale.kind)
    return scale.codes(values) if whole else (values, 0)


def _given(initial: DepthMap, whole: bool) -> Any:
    """Return what gives rows of the initial map's numbers; None where they are of no use."""
    numbers, scale = initial.numbers, initial.scale
    if numbers is None or (whole and not initial.bits):
        return None
    if whole or not initial.bits:
        return lambda rows: numbers[rows]
    plain = replace(scale, unknown=None)  # the number that means unknown is kept, too

    def values(rows: slice) -> NDArray[Any]:
        found = plain.values(numbers[rows])
        if scale.alpha:
            found[~np.isfinite(initial.inverse[rows])] = np.nan
        return found

    return values


def _misfit(values: NDArray[np.float32], clipped: int, scale: Scale) -> str:
    low, high = _value(scale, 0), _value(scale, WHITE)
    finite = values[np.isfinite(values)]
    return (
        f"{clipped / len(values):.0%} of its depth values lie outside of {low:g} to {high:g}, "
        f"which 16 bits were to hold: they go from {finite.min():.4g} to {finite.max():.4g}; "
        "say --png-range LOW,HIGH, or write a .tiff"
    )


def loss_in_codes(
    depth: InverseDepth, record: Mapping[str, Any], initial: DepthMap | None = None
) -> str:
    """Say in one line what a map loses in a 16-bit file; empty where that is little.

    Parameters
    ----------
    depth : InverseDepth
        (H, W), what was written.
    record : mapping
        What `write_depth` returned.
    initial : DepthMap, optional
        Its argument of that name.
    """
    remarks = []
    if clipped := record.get("clipped", 0):
        remarks.append(f"{clipped} pixels lie beyond the codes of 16 bits and were clipped")
    if record["format"] == "png16" and (initial is None or not initial.bits):
        values = values_of(depth[np.isfinite(depth)], record["kind"])
        values = values[np.isfinite(values)]
        low, high = np.percentile(values, (5, 95))  # low: the median of the nearest tenth
        size = low if record["kind"] == "depth" else high - low
        if record["step"] > _COARSEST * size:
            remarks.append(
                f"a step of its 16 bits is {record['step'] / max(size, 1e-30):.1%} of "
                + ("the nearest distances" if record["kind"] == "depth" else "its range")
                + "; --png-range LOW,HIGH or --format tiff keep more"
            )
    return "; ".join(remarks)


def _text(facts: Mapping[str, Any]) -> dict[str, str]:
    # Latin-1 is all that tEXt can hold: JSON escapes the rest.
    return {
        f"{DESCRIPTION_KEY}.{key}": value
        if isinstance(value, str) and value.isascii()
        else json.dumps(value)
        for key, value in facts.items()
    }


def _encoded(format: str, numbers: Any, facts: Mapping[str, Any]) -> bytes:
    if format == "png16":
        return encode_gray16(numbers, _text(facts))
    if format in ("tiff", "tiff16"):
        return encode_tiff(numbers, json.dumps({DESCRIPTION_KEY: dict(facts)}))
    if format == "pfm":
        return arrays.encode_pfm(numbers)
    stream = io.BytesIO()
    if format == "npz":
        np.savez_compressed(stream, depth=numbers, kind=np.array(facts["kind"]))
    else:
        np.save(stream, numbers)
    return stream.getvalue()
