"""Recipes: every number of a training run, as frozen dataclasses read from TOML."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from maskdepth_cli.choices import DepthKind, MaskKind, Schedule
from maskdepth_cli.errors import UsageError
from maskdepth_cli.networks.config import SIZES, NetworkConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")
_LONGEST = 1 << 20  # bytes of a recipe


@dataclass(frozen=True)
class DataSettings:
    """What a sample is made of (paper section 3.1; spec section 3)."""

    patch: int = 320  # side of the square patches in pixels
    scale: tuple[float, float] = (0.6, 1.6)  # random resize of the source before cropping
    paired_share: float = 0.0  # samples that are one real frame with one of its own masks
    predicted_share: float = 0.0  # of these: spoilt by a SIDE network (initial/) in our stead
    sky_share: float = 0.2  # masks of the region without instance, where a frame has one
    human_share: float = 0.3  # masks of humans, where a set of masks has them
    holes_share: float = 0.15  # masks with holes: half of the paper's 30% of humans
    known_share: float = 0.5  # of a patch's depth at least; otherwise drawn again
    mask_area: tuple[float, float] = (0.03, 0.90)  # share of the patch; otherwise drawn again
    nearer_share: float = 0.8  # M layer wholly nearer than the 1-M layer
    affine_scale: tuple[float, float] = (0.3, 1.0)
    gap: float = 0.3  # largest gap between the layers, of one patch's range
    window: tuple[float, float] = (1.0, 1.0)  # share of [0, 10] that a patch's depth spans
    around_share: float = 0.0  # M layer placed by what is around the mask, see `layering`
    relief_share: float = 0.0  # smooth reliefs in the place of a frame's depth for the M layer
    parts_share: float = 0.0  # of objects, whose parts stand at depths of their own
    recolour_share: float = 0.0  # M layers with drawn colours
    soft_masks: bool = False  # as soft as they are; the paper's are binary
    wrong_share: float = 0.0  # masks given with an edge that is off by up to some 3 pixels
    turned_share: float = 0.0  # M and 1-M exchanged
    seam: float = 2.0  # widest feathering of the RGB seam in pixels
    jpeg_share: float = 0.3
    gray_share: float = 0.1
    jitter: float = 0.3  # brightness, contrast and saturation by 1 +- this


@dataclass(frozen=True)
class PerturbationSettings:
    """How the composite's depth is spoilt (paper Fig. 3; spec section 3). Pixels at a 320 patch."""

    hard_share: float = 0.0  # by hard decisions, as modern networks; what follows is for the rest
    gap_share: float = 1.0  # of the hard ones: fills narrow gaps and holes
    morphology_share: float = 1.0
    kernel: tuple[int, int] = (3, 5)
    large_kernel_share: float = 0.3  # lost thin structures
    large_kernel: int = 15
    partial_share: float = 0.0  # morphology only through a smooth random mask
    blur_share: float = 1.0
    blur: tuple[float, float] = (0.5, 4.0)  # sigma
    hole_share: float = 0.5  # of the mask's isolated holes
    resample_share: float = 0.3
    resample: tuple[float, float] = (2.0, 8.0)
    elastic_share: float = 0.5
    elastic: float = 4.0  # largest displacement
    drift_share: float = 0.5
    drift: float = 0.05  # low-frequency multiplicative noise


@dataclass(frozen=True)
class LossSettings:
    """Weights of the loss terms (paper section 3.2, unit weights)."""

    l1: float = 1.0
    l2: float = 1.0
    gradient: float = 1.0
    gradient_scales: int = 4
    boundary: float = 0.0  # extra weight of pixels near the mask boundary
    boundary_width: int = 8  # pixels
    hidden: float = 1.0  # weight of a layer's target outside its own region, where it is a guess
    harm: float = 0.0  # extra weight of an error that exceeds the given depth's
    harm_margin: float = 0.1  # by more than this, of [0, 10]


@dataclass(frozen=True)
class TrustSettings:
    """Weights of the loss of a `TrustNetwork`, in stage 2; depth in units of the range."""

    composite: float = 8.0  # L1 of the composite
    harm: float = 8.0  # what its error exceeds the given depth's by
    harm_margin: float = 0.01  # beyond this
    layers: float = 4.0  # L1 of both layers
    trust: float = 1.0  # cross-entropy of the trust
    tolerance: float = 0.03  # error of the given depth at which its trust falls to 1/e
    near: int = 16  # pixels from the mask's boundary within which pixels count five times


@dataclass(frozen=True)
class TrainSettings:
    """How long and how fast (paper section 4.1; spec section 4)."""

    iterations: int = 500_000
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float = 1e-4
    encoder_scale: float = 1.0  # learning rate of the encoder relative to the rest's
    schedule: Schedule = "step"
    milestones: tuple[float, ...] = (0.6, 0.8)  # shares of the iterations; each divides by ten
    warmup: int = 0
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    save_every: int = 1000
    validate_every: int = 5000

    def __post_init__(self) -> None:
        counts = ("iterations", "batch_size", "accumulate", "save_every", "validate_every")
        if zero := next((name for name in counts if getattr(self, name) < 1), None):
            raise TypeError(f"{zero} must be 1 or more")


@dataclass(frozen=True)
class FrameSource:
    """A set of RGB-D frames; layouts are listed in `maskdepth_cli.training.catalog`."""

    layout: str = "folder"
    root: str = ""  # relative to --data
    weight: float = 1.0  # its share of the frames, relative to the other sets'
    kind: DepthKind = "inverse"  # what depth/ of a folder holds


@dataclass(frozen=True)
class MaskSource:
    """A set of masks; layouts are listed in `maskdepth_cli.training.catalog`."""

    layout: str = "folder"
    root: str = ""  # relative to --data
    weight: float = 1.0  # its share of the masks of a kind, relative to the other sets'
    kind: MaskKind = "object"  # what a layout without classes shows


@dataclass(frozen=True)
class Recipe:
    """One training, both stages."""

    frames: tuple[FrameSource, ...] = ()
    masks: tuple[MaskSource, ...] = ()
    network: NetworkConfig = SIZES["base"]
    data: DataSettings = field(default_factory=DataSettings)
    perturbation: PerturbationSettings = field(default_factory=PerturbationSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    trust: TrustSettings = field(default_factory=TrustSettings)
    stage1: TrainSettings = field(default_factory=TrainSettings)
    stage2: TrainSettings = field(default_factory=TrainSettings)


def load_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a TOML recipe; what it leaves out has the paper's value.

    ``[network]`` takes ``size`` and any field of its configuration; ``[data]``,
    ``[perturbation]``, ``[loss]``, ``[stage1]`` and ``[stage2]`` the fields of their dataclasses,
    and so do any number of ``[[frames]]`` and ``[[masks]]``.

    Parameters
    ----------
    path : Path
        The recipe; ``extends = "other.toml"`` at its top takes all else from another one.
    changes : sequence of str
        ``SECTION.NAME=VALUE``, values as in TOML.

    Raises
    ------
    UsageError
        The file cannot be read, or holds an unknown name or a value of the wrong type.
    """
    content = read_toml(path, changes)
    try:
        network = dict(content.pop("network", {}))
        size = network.pop("size", "base")
        if size not in SIZES:
            raise TypeError(f"unknown network size {size!r}; choose {', '.join(SIZES)}")
        recipe = Recipe(
            frames=tuple(override(FrameSource(), s) for s in content.pop("frames", ())),
            masks=tuple(override(MaskSource(), s) for s in content.pop("masks", ())),
            network=override(SIZES[size], network),
        )
        sections = {
            f.name: override(getattr(recipe, f.name), content.pop(f.name, {}))
            for f in fields(Recipe)
            if f.name not in ("frames", "masks", "network")
        }
        if content:
            raise TypeError(f"unknown sections: {', '.join(sorted(content))}")
    except TypeError as error:
        raise UsageError(f"{path}: not a usable recipe: {error}") from error
    return replace(recipe, **sections)


def read_toml(path: Path, changes: Sequence[str] = ()) -> dict[str, Any]:
    """Read a TOML file, what it extends, and changes to it; see `load_recipe`.

    Raises
    ------
    UsageError
        It cannot be read, or a change cannot.
    """
    content = _parse(path)
    chain = [path.resolve()]
    while base := content.pop("extends", None):
        chain.append((chain[-1].parent / str(base)).resolve())
        if chain[-1] in chain[:-1]:
            raise UsageError(f"{path}: not a usable recipe: it extends itself")
        content = _merged(_parse(chain[-1]), content)
    for change in changes:
        try:
            content = _merged(content, tomllib.loads(change))
        except tomllib.TOMLDecodeError as error:
            raise UsageError(
                f"--set {change}: expected SECTION.NAME=VALUE with a TOML value: {error}"
            ) from error
    return content


def _parse(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST).decode("utf-8")
        content = tomllib.loads(text.replace("\r\n", "\n"))
    except (OSError, RecursionError, ValueError) as error:
        raise UsageError(f"{path}: not a usable recipe: {error}") from error
    for name, section in content.items():
        sections = section if isinstance(section, list) else [section]
        if name != "extends" and not all(isinstance(part, dict) for part in sections):
            raise UsageError(f"{path}: not a usable recipe: {name} is no section")
    return content


def _merged(base: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Put values over a base, section by section."""
    result = dict(base)
    for name, value in values.items():
        there = result.get(name)
        if isinstance(there, dict) and isinstance(value, dict):
            value = _merged(there, value)
        result[name] = value
    return result


def override(settings: T, values: Mapping[str, Any]) -> T:
    """Replace fields of a settings dataclass by plain values; lists become tuples.

    Raises
    ------
    TypeError
        For an unknown name or a value of another type than the default's.
    """
    if not isinstance(values, Mapping):
        raise TypeError(f"{str(values)[:60]!r} in place of a section")
    known = {f.name: getattr(settings, f.name) for f in fields(settings)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(known)):
        raise TypeError(f"unknown settings: {', '.join(unknown)}")
    return replace(settings, **{n: _as(known[n], v, n) for n, v in values.items()})  # type: ignore[type-var]


def _as(default: Any, value: Any, name: str) -> Any:
    if isinstance(value, list) and isinstance(default, tuple):
        value = tuple(_as(default[0], item, name) for item in value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(default):
        raise TypeError(f"{name} is {str(value)[:60]!r}, but takes a {type(default).__name__}")
    if isinstance(value, (int, float)) and not 0 <= value < math.inf:
        raise TypeError(f"{name} is {value}, but must be finite and not below 0")
    return value
