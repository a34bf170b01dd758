"""What a field of a settings dataclass says of itself, declared once and read by all.

A field of any settings dataclass becomes an option of each command that takes the dataclass by

    size: Annotated[int, Setting("Long side of the pictures, in pixels.", min=16)] = 320

Name, type, default and help of ``--size`` come from there (`cli/fields.py`), and so does whether
the field decides a result (`decisive`). A field without a `Setting` is for Python alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from maskdepth_cli.choices import DepthFormat, Device, Precision
from maskdepth_cli.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

COMPUTING = "Networks and how they compute"
METHOD = "Refinement, for experiments"
RUNNING = "Large runs"
"""Under which headings the rarer options stand in a command's help."""


@dataclass(frozen=True)
class Setting:
    """What a field tells beside its name, type and default.

    Parameters
    ----------
    help
        What the option's help says.
    flags
        The option where it is not named like the field; several for a short one.
    metavar
        What stands for the value in the help, where not the type.
    min, max
        Limits of a number, included.
    argument
        It is typed without an option.
    panel
        Heading in the help; None: among the first options.
    default_text
        What the help calls the default, where that is None.
    parse
        Makes the value of the text that was typed.
    place
        It names files, folders or several of them, which may lie in an object store. Where they
        are decides nothing: their content does.
    decides
        Whether the value decides what is computed: if it changes, finished files are made again.
    """

    help: str = ""
    flags: tuple[str, ...] = ()
    metavar: str | None = None
    min: float | None = None
    max: float | None = None
    argument: bool = False
    panel: str | None = None
    default_text: str | None = None
    parse: Callable[[str], Any] | None = None
    place: bool = False
    decides: bool = True


@dataclass(frozen=True)
class Without:
    """Fields of a dataclass that are no options where it is taken so: they keep their defaults."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Declared:
    """A field as it was declared: its type without what stands beside it, and that."""

    kind: Any
    setting: Setting | None
    without: tuple[str, ...]

    @property
    def decides(self) -> bool:
        """Whether its value decides what is computed."""
        setting = self.setting
        return setting is None or (setting.decides and not setting.place)


@cache
def declared(settings: type[DataclassInstance]) -> dict[str, Declared]:
    """Return the fields of a dataclass by name."""
    hints = get_type_hints(settings, include_extras=True)
    return {field.name: _declared(hints[field.name]) for field in fields(settings)}


def _declared(hint: Any) -> Declared:
    extras = getattr(hint, "__metadata__", ())
    setting = next((extra for extra in extras if isinstance(extra, Setting)), None)
    without = next((extra.names for extra in extras if isinstance(extra, Without)), ())
    return Declared(hint.__origin__ if extras else hint, setting, without)


def decisive(settings: DataclassInstance) -> dict[str, Any]:
    """Return the fields that decide what is computed, by name."""
    known = declared(type(settings))
    return {name: getattr(settings, name) for name, field in known.items() if field.decides}


def check(settings: DataclassInstance, *, aside: tuple[str, ...] = ()) -> None:
    """Refuse values that the fields do not allow, as options of a command are.

    Parameters
    ----------
    settings
        Of which fields with a choice, a number or a switch are checked.
    aside
        Fields that are checked elsewhere.

    Raises
    ------
    UsageError
        Names the field, its value and what may be given.
    """
    for name, field in declared(type(settings)).items():
        value = getattr(settings, name)
        if name in aside or (value is None and NoneType in get_args(field.kind)):
            continue
        if expected := _unlike(value, field):
            raise UsageError(f"{name}={value!r}: give {expected}")


def _unlike(value: Any, field: Declared) -> str:
    """Say what a field takes instead of a value, empty where it takes that."""
    kinds = get_args(field.kind) if get_origin(field.kind) in (Union, UnionType) else (field.kind,)
    kind = kinds[0]
    if get_origin(kind) is Literal:
        return "" if value in get_args(kind) else " or ".join(get_args(kind))
    if kind is bool:
        return "" if isinstance(value, bool) else "True or False"
    if kind not in (int, float):
        return ""
    low, high = (field.setting.min, field.setting.max) if field.setting else (None, None)
    words = "a whole number" if kind is int else "a number"
    words += f" of at least {low:g}" if low is not None else ""
    words += f"{' and' if low is not None else ' of'} at most {high:g}" if high is not None else ""
    if isinstance(value, bool) or not isinstance(value, Integral if kind is int else Real):
        return words
    number = float(value)
    within = (low is None or number >= low) and (high is None or number <= high)
    return "" if within and math.isfinite(number) else words


_Settings = TypeVar("_Settings", bound="DataclassInstance")


def changed(settings: _Settings, changes: Mapping[str, Any]) -> _Settings:
    """Return settings with some fields changed.

    Raises
    ------
    UsageError
        A field is unknown, or its value is not allowed.
    """
    names = list(declared(type(settings)))
    for name in changes:
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            raise UsageError(f"no setting {name!r}; {hint}")
    return replace(settings, **changes)


DeviceSetting = Annotated[
    Device, Setting("Where the network runs.", panel=COMPUTING, decides=False)
]
PrecisionSetting = Annotated[
    Precision,
    Setting(
        "auto: half precision where the device is faster with it and results stay the same "
        "within 0.5% of the range.",
        panel=COMPUTING,
    ),
]
CompiledSetting = Annotated[
    bool,
    Setting(
        "Run networks through torch.compile: a minute or more for every size, then faster "
        "on some GPUs.",
        flags=("--compile",),
        panel=COMPUTING,
    ),
]
BatchSizeSetting = Annotated[
    int,
    Setting(
        "Photos, or masks of one or several photos, that a GPU computes at once.",
        min=1,
        panel=COMPUTING,
        decides=False,
    ),
]
WrapSetting = Annotated[
    bool,
    Setting(
        "Panoramas of 360 degrees: the last column is beside the first, and no seam comes between "
        "them."
    ),
]
InputsSetting = Annotated[
    tuple[str, ...],
    Setting(
        "Photos, folders of photos (searched to the bottom), or - for a list on stdin.",
        argument=True,
        place=True,
        metavar="INPUTS...",
    ),
]
MaskSuffixSetting = Annotated[
    str,
    Setting(
        "How masks or instance maps are named: {name}_mask, {name}-removebg-preview, {name}/mask.",
        metavar="PATTERN",
        default_text="as the photo",
    ),
]
DepthSuffixSetting = Annotated[
    str,
    Setting(
        "How depth maps are named: {name}_depth, {name}-*, {name}/depth.exr.",
        metavar="PATTERN",
        default_text="as the photo",
    ),
]
FormatSetting = Annotated[
    DepthFormat,
    Setting(
        "File format of depth maps. keep: integers stay in their codes (PNG), floats become TIFF."
    ),
]


def _two_numbers(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = math.nan, math.nan
    if not -math.inf < low < high < math.inf:
        raise UsageError(f"--png-range {text}: give two numbers, such as 0,65.535")
    return low, high


PngRangeSetting = Annotated[
    tuple[float, float] | None,
    Setting(
        "Values of code 0 and 65535 where png16 is to hold floats.",
        metavar="LOW,HIGH",
        default_text="0,65.535 for depth, so millimetres; else 0,1",
        parse=_two_numbers,
    ),
]
UnknownSetting = Annotated[
    float | None,
    Setting("The number of unknown pixels in depth maps, such as 0 or 65535.", metavar="NUMBER"),
]
PreviewSetting = Annotated[bool, Setting("Also write pictures to look at, to DIR/previews.")]
MaxMegapixelsSetting = Annotated[
    float, Setting("Refuse larger pictures unread.", min=0.001, panel=RUNNING, decides=False)
]
