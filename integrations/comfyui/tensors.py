"""ComfyUI's tensors as maskdepth's arrays and back.

IMAGE is float32 (B, H, W, C) in [0, 1], MASK float32 (B, H, W) or (H, W); both may lie on any
device.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from maskdepth_cli.choices import DepthKind
from maskdepth_cli.files.sizes import match_size
from maskdepth_cli.kinds import inverse_of

_EQUAL = 1 / 255  # by which the channels of a gray picture may differ


def photos(image: torch.Tensor) -> list[np.ndarray]:
    """Return the photos of an IMAGE, each float32 (H, W, 3); alpha is left out."""
    if image.ndim != 4 or image.shape[-1] < 3:
        raise ValueError(f"image: an IMAGE of shape {tuple(image.shape)} is not (B, H, W, 3)")
    return list(np.ascontiguousarray(_numpy(image)[..., :3]))


def depths(depth: torch.Tensor, kind: DepthKind, like: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the inverse depth of an IMAGE, one map a photo, each of its photo's size.

    One map serves a whole batch. Depth, where larger is farther, becomes 1/d, and unknown where it
    is not above 0.

    Raises
    ------
    ValueError
        The picture has colours, as colour-mapped depth has, or the numbers do not agree.
    """
    values = _numpy(depth)
    if values.ndim == 4:
        if (np.ptp(values[..., :3], axis=-1) > _EQUAL).any():
            raise ValueError("depth: a picture in colours is no depth map; give gray values")
        values = values[..., 0]
    maps = _spread(list(np.ascontiguousarray(values)), len(like), "depth")
    return [
        _fit(inverse_of(one, kind), photo, "depth") for one, photo in zip(maps, like, strict=True)
    ]


def masks(mask: torch.Tensor, like: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    """Return the masks of each photo, of its size.

    A batch of masks for a batch as long is one for each; for a single photo all of them are its
    own; one mask serves a whole batch.

    Raises
    ------
    ValueError
        All are empty, or the numbers do not agree.
    """
    values = _numpy(mask)
    values = values[None] if values.ndim == 2 else values
    if not values.any():
        raise ValueError(
            "mask: it is empty. Load Image gives such a mask for pictures without transparency"
        )
    each = [[one] for one in _spread(list(values), len(like), "mask")] if len(like) > 1 else []
    each = each or [list(values)]
    return [
        [_fit(np.clip(one, 0, 1), photo, "mask") for one in several]
        for several, photo in zip(each, like, strict=True)
    ]


def as_image(maps: Sequence[np.ndarray], like: torch.Tensor) -> torch.Tensor:
    """Return maps (H, W) or pictures (H, W, 3) as an IMAGE on the device of `like`, unchanged."""
    full = [one if one.ndim == 3 else np.repeat(one[..., None], 3, axis=-1) for one in maps]
    return torch.from_numpy(np.stack(full).astype(np.float32, copy=False)).to(like.device)


def as_mask(maps: Sequence[np.ndarray], like: torch.Tensor) -> torch.Tensor:
    """Return masks (H, W) as a MASK on the device of `like`."""
    return torch.from_numpy(np.stack(maps).astype(np.float32, copy=False)).to(like.device)


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float32).numpy()


def _spread(values: list[np.ndarray], count: int, name: str) -> list[np.ndarray]:
    if len(values) == 1:
        return values * count
    if len(values) != count:
        raise ValueError(f"{name}: {len(values)} for {count} photos; give one for each, or one")
    return values


def _fit(values: np.ndarray, photo: np.ndarray, what: str) -> np.ndarray:
    height, width = photo.shape[:2]
    fitted = match_size(np.ascontiguousarray(values), (width, height), what=what, path="its input")
    return fitted.astype(np.float32, copy=False)
