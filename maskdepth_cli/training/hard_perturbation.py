"""How modern SIDE networks err: by hard decisions, and right to a pixel along plain borders.

The shares below are fitted to how DPT-Large was measured to err on photos with accurate masks:
holes of the mask narrower than about 8 pixels of a map 384 wide are filled whole, parts thinner
than 5 are lost, hair becomes a hull that reaches beyond its outermost strands, and all else stands
where it should. Lengths are in pixels of such a map, times each item's scale.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from maskdepth_cli.training.blurring import gaussian_blur

FIELDS = 5  # smooth random fields of a sample, uniform in [0, 1]
NUMBERS = 14  # uniform random numbers of a sample
SCALE = (0.5, 1.8)  # pixels for one of the measured maps
RADII = (1, 2, 3, 4, 6, 8, 11, 15)  # of closings, pixels
# Share of places whose radius lies below: of what is filled, and of what is lost.
FILLED = (
    *((0.0, 2.4), (0.03, 3.4), (0.06, 4.4), (0.1, 5.4), (0.22, 6.0)),
    *((0.5, 7.5), (0.64, 8.0), (0.94, 11.0), (0.98, 14.0), (1.0, 17.0)),
)
LOST = (
    *((0.0, 0.0), (0.09, 0.8), (0.15, 1.0), (0.28, 1.9), (0.36, 2.1)),
    *((0.6, 3.0), (0.78, 4.0), (0.92, 5.5), (1.0, 7.5)),
)
FREE_SHARE = 0.12  # samples with anything between nothing and all filled and lost
WHOLE_SHARE = 0.5  # samples whose decisions are whole; others are partial in places
WHOLE_RADIUS = 3  # pixels: what is that small is filled or lost whole
HULL_WHOLE_SHARE = 0.85
LEAST_LEVEL = 0.3
STEEPNESS = (1.8, 8.0)  # of a hull's rim, against the share that its things cover
OUTWARDS = 0.1  # mean shift of borders
SHIFT = 0.4  # its largest deviation
DECISIVE = (1.0, 5.0)  # how much steeper than the mask's a border is
WAVER = 0.6  # of its place, in units of its width
BLUR = (0.15, 0.5)  # sigma across plain borders
LEAST = 0.01  # of a mask that a pixel shares with another one
HAIR = (0.08, 0.23)  # share of what a closing and an opening tell apart: none, and hair for sure


def err_hard(
    depth: Tensor,
    foreground: Tensor,
    background: Tensor,
    mask: Tensor,
    fields: Tensor,
    numbers: Tensor,
    fills: Tensor,
) -> Tensor:
    """Spoil a composite's depth as modern SIDE networks do.

    Parameters
    ----------
    depth, foreground, background : Tensor
        (B, 1, H, W) the composite and its layers; equal where the layers are not known.
    mask : Tensor
        (B, 1, H, W) in [0, 1].
    fields : Tensor
        (B, FIELDS, H, W) smooth, in [0, 1]: hull, filled, lost, and how wholly either.
    numbers : Tensor
        (B, NUMBERS) in [0, 1].
    fills : Tensor
        (B,) whether gaps are filled at all.

    Returns
    -------
    Tensor
        (B, 1, H, W), within the range of the composite and its layers.
    """
    drawn = [number.view(-1, 1, 1, 1) for number in numbers.unbind(1)]
    low, high = SCALE
    scale = low * (high / low) ** drawn[0]
    hull = _hull(mask, fields[:, :1], scale, drawn[1:3], drawn[11])
    hull = hull * _level(fields[:, 3:4], drawn[12], HULL_WHOLE_SHARE)
    hair = _hair(mask, scale)
    low, high = DECISIVE
    steep = low + (high - low) * drawn[13]
    decided = (steep * (mask - 0.5 + WAVER * (fields[:, 4:5] - 0.5)) + 0.5).clamp(0, 1)
    decided = torch.where((mask > LEAST) & (mask < 1 - LEAST), decided, mask)
    spoilt = torch.lerp(background, foreground, decided)
    spoilt = torch.lerp(spoilt, torch.lerp(background, foreground, hull), (1.5 * hair).clamp(max=1))
    free = drawn[3] < FREE_SHARE
    filled, lost = (
        _quantile(torch.where(free, (field + 2 * number - 1).clamp(0, 1), field), table) * scale
        for field, number, table in (
            (fields[:, 1:2], drawn[4], FILLED),
            (fields[:, 2:3], drawn[5], LOST),
        )
    )
    fill, lose = (
        _level(fields[:, 3:4], drawn[6], WHOLE_SHARE),
        _level(fields[:, 4:5], drawn[7], WHOLE_SHARE),
    )
    filled = filled * fills.view(-1, 1, 1, 1)
    fills_first = drawn[8] < 0.5
    sign = torch.where(fills_first, 1.0, -1.0)
    both = ((filled, fill), (lost, lose))
    for (here, how), (there, otherwise) in (both, both[::-1]):
        radius, share = (
            torch.where(fills_first, here, there),
            torch.where(fills_first, how, otherwise),
        )
        spoilt = sign * close(sign * spoilt, radius, share)
        sign = -sign
    shift = (OUTWARDS + 2 * SHIFT * (drawn[9] - 0.5)) * scale
    spoilt = torch.lerp(spoilt, _grown(spoilt, 1), shift.clamp(0, 1))
    spoilt = torch.lerp(spoilt, -_grown(-spoilt, 1), (-shift).clamp(0, 1))
    sigma = scale * (BLUR[0] + (BLUR[1] - BLUR[0]) * drawn[10])
    return gaussian_blur(spoilt, sigma.flatten())


def close(depth: Tensor, radius: Tensor, share: Tensor) -> Tensor:
    """Grey closing by octagons of a radius that changes from place to place.

    Parameters
    ----------
    depth : Tensor
        (B, 1, H, W).
    radius : Tensor
        (B, 1, H, W) in pixels: the largest of `RADII` up to it is taken, none below 1.
    share : Tensor
        (B, 1, H, W) in [0, 1], of the closing in the result beyond what `WHOLE_RADIUS` closes.
    """
    if depth.device.type != "cpu":
        return _close(depth, radius, share)
    items = zip(depth.split(1), radius.split(1), share.split(1), strict=True)
    return torch.cat([_close(*item) for item in items])  # an item stays in the cache


def _close(depth: Tensor, radius: Tensor, share: Tensor) -> Tensor:
    closed = grown = whole = depth
    largest, done = float(radius.max()), 0
    for size in RADII:
        if size > largest:
            break
        for step in range(done, size):
            grown = _grown(grown, step)
        done, shrunk = size, -grown
        for step in range(size):
            shrunk = _grown(shrunk, step)
        closed = torch.where(radius >= size, -shrunk, closed)
        if size <= WHOLE_RADIUS:
            whole = closed
    return torch.lerp(whole, closed, share)


def _hair(mask: Tensor, scale: Tensor) -> Tensor:
    """Tell hair, and all that is as fine: what a closing and an opening of the mask tell apart."""
    radius, all_of_it = 4 * scale * torch.ones_like(mask), torch.ones_like(mask)
    fine = close(mask, radius, all_of_it) + close(-mask, radius, all_of_it)
    fine = gaussian_blur(fine, 3 * scale.flatten())
    return ((fine - HAIR[0]) / (HAIR[1] - HAIR[0])).clamp(0, 1)


def _hull(
    mask: Tensor, field: Tensor, scale: Tensor, drawn: list[Tensor], steepness: Tensor
) -> Tensor:
    """Share of the foreground in a hull around fine things, which goes on beyond their ends."""
    cover = gaussian_blur(mask, (scale * (1 + 3 * drawn[0])).flatten())
    threshold = 0.62 - 0.55 * drawn[1] + 0.5 * (field - 0.5)
    low, high = STEEPNESS
    return (low * (high / low) ** steepness * (cover - threshold) + 0.5).clamp(0, 1)


def _level(field: Tensor, drawn: Tensor, whole: float) -> Tensor:
    """How wholly it is decided: 1 in a share of the samples, less in places of the others."""
    partial = (4 * (field - 0.5) + 0.5 + 0.5 * drawn).clamp(LEAST_LEVEL, 1)
    return torch.where(drawn < whole, torch.ones_like(field), partial)


def _quantile(share: Tensor, table: tuple[tuple[float, float], ...]) -> Tensor:
    """Value below which a share lies, by straight lines between the rows of a table."""
    shares, values = torch.tensor(table, device=share.device).T.contiguous()
    index = torch.searchsorted(shares, share.contiguous(), right=True).clamp(1, len(table) - 1)
    below, above = shares[index - 1], shares[index]
    return torch.lerp(values[index - 1], values[index], (share - below) / (above - below))


def _grown(depth: Tensor, step: int) -> Tensor:
    """Maximum with the neighbours: of a square and a cross in turn, which makes octagons."""
    if depth.device.type != "cpu":  # where few kernels count, not few operations
        rows = functional.max_pool2d(depth, (1, 3), 1, (0, 1))
        if step % 2:
            return functional.max_pool2d(rows, (3, 1), 1, (1, 0))
        return torch.maximum(rows, functional.max_pool2d(depth, (3, 1), 1, (1, 0)))
    across = _grown_along(depth, 3)
    return _grown_along(across, 2) if step % 2 else torch.maximum(across, _grown_along(depth, 2))


def _grown_along(x: Tensor, axis: int) -> Tensor:
    result, length = x.clone(), x.shape[axis] - 1
    for here, there in ((0, 1), (1, 0)):
        part = result.narrow(axis, here, length)
        torch.maximum(part, x.narrow(axis, there, length), out=part)
    return result
