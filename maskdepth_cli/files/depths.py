"""Depth maps from files: `InverseDepth` arrays, without a guess about their kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from maskdepth_cli.choices import MAX_MEGAPIXELS, DepthKind
from maskdepth_cli.errors import InputFileError
from maskdepth_cli.files import arrays, exr
from maskdepth_cli.files.headers import open_file
from maskdepth_cli.files.names import shown
from maskdepth_cli.files.rasters import Raster, read_raster, single_channel
from maskdepth_cli.files.scales import WHITE, Scale, scale_of_facts, scale_of_text
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.files.sniffing import EXR_MAGIC
from maskdepth_cli.kinds import inverse_of
from maskdepth_cli.types import InverseDepth

DESCRIPTION_KEY = "maskdepth"

Numbers = NDArray[np.uint16] | NDArray[np.float32]


@dataclass(frozen=True)
class DepthMap:
    """A depth map with the numbers it was read from, so that they can be written again.

    Attributes
    ----------
    inverse : InverseDepth
        (H, W), what is worked on.
    numbers : ndarray or None
        (H, W): uint16 codes where the file holds integers (those of fewer bits are spread over 16:
        8-bit codes times 257), float32 values otherwise. None where the map was resized.
    scale : Scale
        How they stand for values.
    bits : int
        Of the file's integers; 0 where it holds floats or integers of more than 16 bits.
    """

    inverse: InverseDepth
    numbers: Numbers | None
    scale: Scale
    bits: int = 0

    def to_size(self, size: tuple[int, int], path: str | Path) -> DepthMap:
        """Bring the map to a photo's width and height, see `match_size`."""
        inverse = match_size(self.inverse, size, what="depth", path=path)
        return self if inverse is self.inverse else replace(self, inverse=inverse, numbers=None)

    def changed(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> DepthMap:
        """Return the map with its pixels elsewhere: turned, or mirrored."""
        numbers = None if self.numbers is None else change(self.numbers)
        return replace(self, inverse=change(self.inverse), numbers=numbers)


def read_depth(
    path: str | Path,
    kind: DepthKind,
    *,
    unknown: float | None = None,
    channel: str | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> InverseDepth:
    """Read a depth map of a declared kind as inverse depth; see `read_depth_map`.

    Returns
    -------
    InverseDepth
        float32 (H, W), larger is nearer, NaN or infinite where unknown.
    """
    return read_depth_map(
        path, kind, unknown=unknown, channel=channel, max_megapixels=max_megapixels
    ).inverse


def read_depth_map(
    path: str | Path,
    kind: DepthKind,
    *,
    unknown: float | None = None,
    channel: str | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> DepthMap:
    """Read a depth map of a declared kind.

    ``.npy``, ``.npz`` (the array ``depth`` or the only one), ``.pfm``, ``.exr`` (the channel that
    is called depth), and pictures of one channel, told apart by content. Values are taken as they
    are, except for files that `write_depth` made: their scale restores the values.

    Parameters
    ----------
    path : str or Path
        The file.
    kind : DepthKind
        What the numbers are; converted here, once, by `kinds.inverse_of`.
    unknown : float, optional
        The number of unknown pixels, as it is stored; files that state theirs keep it. Besides,
        not finite numbers are unknown, and so are pixels of a picture whose alpha is 0.
    channel : str, optional
        Which channel of an OpenEXR file, or array of a ``.npz``, is the depth; None: the one that
        is called so.
    max_megapixels : float
        Larger maps are refused before they are decoded.

    Raises
    ------
    InputFileError
        If it cannot be read, is a colour picture, holds no known value, or says itself that it
        is of another kind.
    """
    path = Path(path)
    return _depth_map(*_read(path, max_megapixels, channel), path, kind, unknown)


def depth_map_of(
    stored: Raster | NDArray[Any],
    path: Path,
    kind: DepthKind,
    *,
    unknown: float | None = None,
    facts: Mapping[str, Any] | None = None,
) -> DepthMap:
    """Take decoded samples as `read_depth_map` takes a file's.

    Parameters
    ----------
    stored : Raster or ndarray
        A picture, or numbers (H, W).
    path : Path
        Where they are from, for messages.
    kind, unknown
        As `read_depth_map` takes them.
    facts : mapping, optional
        What the file says of its numbers: ``kind``, ``offset``, ``step`` and the like.

    Raises
    ------
    InputFileError
        As `read_depth_map`.
    """
    if isinstance(stored, Raster):
        samples, own = _read_picture(stored, path)
        return _depth_map(samples, facts or own, path, kind, unknown)
    return _depth_map(_Stored.of(stored), facts or {}, path, kind, unknown)


def _depth_map(
    stored: _Stored, facts: Mapping[str, Any], path: Path, kind: DepthKind, unknown: float | None
) -> DepthMap:
    stated = facts.get("kind", kind)
    if stated != kind and stated in get_args(DepthKind):
        raise InputFileError(
            f"{shown(path)}: declared as '{kind}', but the file says it holds '{stated}'; "
            f"use --depth-kind {stated}"
        )
    known = None if stored.alpha is None else stored.alpha > 0
    try:
        found = _of_codes if stored.numbers.dtype.kind in "bu" and stored.bits else _of_floats
        depth = found(stored, facts, kind, unknown)
    except ValueError as error:
        raise InputFileError(f"{shown(path)}: {error}") from error
    if known is not None and not known.all():
        depth = _without(depth, ~known)
    if not np.isfinite(depth.inverse).any():
        raise InputFileError(f"{shown(path)}: the depth map has no known pixel")
    return replace(depth, inverse=np.ascontiguousarray(depth.inverse))


def _without(depth: DepthMap, transparent: NDArray[np.bool_]) -> DepthMap:
    """Return a map that is unknown where its picture is transparent."""
    inverse = np.where(transparent, np.float32(np.nan), depth.inverse)
    if depth.bits:
        return replace(depth, inverse=inverse, scale=replace(depth.scale, alpha=True))
    assert depth.numbers is not None
    numbers = np.where(transparent, np.float32(np.nan), depth.numbers)
    return replace(depth, inverse=inverse, numbers=numbers)


@dataclass(frozen=True)
class _Stored:
    """What a file holds, (H, W); `bits` of its integers, 0 where they have more than 16."""

    numbers: NDArray[Any]
    bits: int = 0
    alpha: NDArray[Any] | None = None

    @classmethod
    def of(cls, numbers: NDArray[Any], bits: int = 0) -> _Stored:
        small = numbers.dtype.kind in "bu" and numbers.dtype.itemsize <= 2
        own = 1 if numbers.dtype.kind == "b" else 8 * numbers.dtype.itemsize
        return cls(numbers, (bits or own) if small else 0)


def _of_codes(
    stored: _Stored, facts: Mapping[str, Any], kind: DepthKind, unknown: float | None
) -> DepthMap:
    """Read codes of up to 16 bits, spread over 16."""
    spread = WHITE // (2**stored.bits - 1)  # whole: 1, 2, 4, 8 and 16 bits
    codes = np.asarray(stored.numbers, np.uint16)
    if spread > 1:
        codes = codes * np.uint16(spread)
    scaled = "step" in facts or "low" in facts
    scale = scale_of_facts(facts) if scaled else Scale(kind, step=1 / spread)
    stated = scaled and scale.unknown is not None
    if unknown is not None and not stated and unknown * spread in range(WHITE + 1):
        scale = replace(scale, unknown=unknown * spread)
    if kind == "depth" and not scaled and scale.unknown is None:
        scale = replace(scale, unknown=0)  # no distance
    plain = scale.offset == 0 and scale.step == 1 and scale.unknown is scale.infinite is None
    values = codes.astype(np.float32) if plain else scale.values(codes)
    return DepthMap(inverse_of(values, kind), codes, scale, stored.bits)


def _of_floats(
    stored: _Stored, facts: Mapping[str, Any], kind: DepthKind, unknown: float | None
) -> DepthMap:
    """Read values as they are."""
    if isinstance(facts.get("unknown"), int | float):
        unknown = facts["unknown"]
    if unknown is not None and not np.isfinite(unknown):  # which it is without being said
        unknown = None
    values = stored.numbers
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = np.asarray(values, np.float32)
    if unknown is not None:
        values = np.where(values == unknown, np.float32(np.nan), values)
    return DepthMap(inverse_of(values, kind), numbers, Scale(kind, unknown=unknown))


def _read(
    path: Path, max_megapixels: float, channel: str | None
) -> tuple[_Stored, Mapping[str, Any]]:
    """Return what is stored, and what the file says of it: ``kind`` and the like."""
    with open_file(path) as stream:
        start = stream.read(6)
        stream.seek(0)
        if start[:3] in (b"Pf\n", b"PF\n", b"Pf ", b"PF ", b"Pf\r", b"PF\r"):
            values = arrays.read_pfm(stream, path, max_megapixels)
            return _Stored.of(_one_channel(values, path)), {}
        if start.startswith(EXR_MAGIC):
            return _Stored.of(exr.read_depth_channel(stream, path, max_megapixels, channel)), {}
    if arrays.is_array_file(path):
        values = arrays.read_array(path, key="depth", name=channel, max_megapixels=max_megapixels)
        label = arrays.read_label(path, "kind")
        return _Stored.of(values), {"kind": label} if label else {}
    if channel is not None:
        raise InputFileError(
            f"{shown(path)}: --depth-channel {channel} names a channel of OpenEXR or an array of "
            ".npz, which it is not"
        )
    return _read_picture(read_raster(path, max_megapixels), path)


def _read_picture(raster: Raster, path: Path) -> tuple[_Stored, Mapping[str, Any]]:
    numbers = single_channel(raster)
    if numbers is None:
        raise InputFileError(
            f"{shown(path)}: a colour picture is no depth map (colour maps cannot be undone "
            "reliably); save the depth in one channel"
        )
    try:
        scale = scale_of_text(raster.text)
    except ValueError as error:
        raise InputFileError(f"{shown(path)}: {error}") from error
    facts = _described(raster.text.get("description", "")) if scale is None else scale.record()
    bits = round(np.log2(raster.white + 1))
    return replace(_Stored.of(numbers, bits), alpha=raster.alpha), facts


def _described(description: str) -> Mapping[str, Any]:
    """Return what a TIFF says of its numbers; nothing where the description is not ours."""
    try:
        facts = json.loads(description)[DESCRIPTION_KEY]
        return facts if isinstance(facts["kind"], str) else {}
    except (ValueError, TypeError, LookupError, RecursionError):  # somebody else's description
        return {}


def _one_channel(values: NDArray[Any], path: Path) -> NDArray[Any]:
    if values.ndim == 2:
        return values
    first = values[..., 0]
    if not all(np.array_equal(first, values[..., i], equal_nan=True) for i in range(1, 3)):
        raise InputFileError(f"{shown(path)}: has colours; save the depth in one channel")
    return first
