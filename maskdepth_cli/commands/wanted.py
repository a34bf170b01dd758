"""What photos need beside themselves, from what was typed: masks, instance maps, depth maps."""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path

from maskdepth_cli.commands.portraits import matte_missing
from maskdepth_cli.commands.refine_request import RefineRequest
from maskdepth_cli.errors import UsageError
from maskdepth_cli.pairing.coco import check_selection
from maskdepth_cli.pairing.finding import is_there
from maskdepth_cli.pairing.matching import DEPTH_SUFFIXES
from maskdepth_cli.run.gathering import Wanted


def wanted_by_refine(request: RefineRequest) -> list[Wanted]:
    """Return what every photo needs to be refined.

    Raises
    ------
    UsageError
        Masks and instance maps are both named, or what is said of the initial depth contradicts
        itself.
    """
    if request.matte and request.instances:
        raise UsageError("--matte chooses a mask, --instances gives maps; drop one")
    if request.depths and request.side.model:
        raise UsageError("--model predicts the initial depth, --depths gives it; drop one")
    if request.depths is None and request.depth_kind != "inverse":
        raise UsageError("--depth-kind says what --depths holds; without it, drop that too")
    if request.depths is None and request.unknown is not None:
        raise UsageError("--unknown is a number in --depths; without it, drop that too")
    if request.depths is None and request.depth_suffix:
        raise UsageError("--depth-suffix says how the files of --depths are named; give both")
    if request.depths is None and request.depth_channel:
        raise UsageError("--depth-channel names a channel of the files of --depths; give both")
    for place in (None if request.own_alpha else request.masks, request.instances):
        check_selection(place, request.selection)
    if request.mask_rules.invert and request.instances:
        raise UsageError("--invert is for masks; an instance map names its background with 0")
    if request.own_alpha:
        found = [Wanted("mask", "mask", None, within=_no_objection)]
    else:
        found = masks_or_instances(request.masks, request.instances, request.mask_suffix)
    if not request.instances and not request.own_alpha:
        within = partial(matte_missing, name=request.matte or "portrait")
        masks = found[0] if found else Wanted("mask", "mask", None, several=True)
        found = [replace(masks, within=within)]
    if request.finish.sky_as != "far" and not request.sky:
        raise UsageError("--sky-as says what the masks of --sky become; give both")
    if request.sky:
        found.append(Wanted("sky", "sky mask", request.sky, within=lambda photo: ""))
    if request.depths:
        found.append(depth_maps("depth", request.depths, request.depth_suffix))
    return found


def _no_objection(_: Path) -> str:
    """Take every photo for one with transparency: whoever reads it says where it has none."""
    return ""


def as_typed(request: RefineRequest) -> str:
    """Return what to type where photo, mask and depth map were named one after the other."""
    count = len(request.inputs)
    most = 2 if request.depths else 3
    if not 2 <= count <= most or not all(is_there(Path(place)) for place in request.inputs):
        return ""
    photo, *partners = (shlex.quote(place) for place in request.inputs)
    options = zip(("--masks", "--depths"), partners, strict=False)
    words = " ".join(f"{option} {place}" for option, place in options)
    more = f" --depths {shlex.quote(str(request.depths))}" if request.depths else ""
    return (
        f"; for a mask{' and a depth map' if count > 2 else ''} type: refine {photo} {words}{more}"
    )


def masks_or_instances(masks: Path | None, instances: Path | None, names: str = "") -> list[Wanted]:
    """Return that every photo needs masks or an instance map, where one of them is named.

    Raises
    ------
    UsageError
        Both are.
    """
    if masks and instances:
        raise UsageError("give either --masks or --instances")
    named = partial(Wanted, names=names, option="--mask-suffix")
    if masks:
        return [named("mask", "mask", masks, several=True)]
    return [named("instances", "instance map", instances)] if instances else []


def depth_maps(
    role: str,
    folder: Path,
    names: str = "",
    *,
    noun: str = "depth map",
    option: str = "--depth-suffix",
) -> Wanted:
    """Return that every photo needs a depth map."""
    return Wanted(role, noun, folder, DEPTH_SUFFIXES, names=names, option=option, word="depth")
