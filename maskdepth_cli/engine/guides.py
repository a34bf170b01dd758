"""What the network sees of a photo for one mask: working size, window, nothing where idle."""

from __future__ import annotations

from dataclasses import dataclass

from maskdepth_cli.arrays import resize, resize_photo
from maskdepth_cli.engine.scaling import Scaled, scale, working_size
from maskdepth_cli.engine.windows import Window, whole_image, window_around
from maskdepth_cli.types import Image, InverseDepth, Mask, Photo


@dataclass(frozen=True)
class Scene:
    """A photo and its depth at working size."""

    rgb: Image  # (h, w, 3)
    scaled: Scaled

    @classmethod
    def of(
        cls,
        image: Photo,
        depth: InverseDepth,
        longest: int,
        whole_range: tuple[float, float] | None = None,
    ) -> Scene | None:
        """Bring a photo to working size; None where its depth is constant or unknown."""
        size = working_size(depth.shape, longest)
        scaled = scale(depth, size, whole_range)
        return None if scaled is None else cls(resize_photo(image, size, "area"), scaled)


@dataclass(frozen=True)
class View:
    """What the network sees of a scene for one mask."""

    scene: Scene
    window: Window
    mask: Mask  # of the window, at working size


@dataclass(frozen=True)
class Guide:
    """A mask on its way through the network; without a view there is nothing to refine."""

    mask: Mask  # of the window, at full size
    view: View | None = None

    @classmethod
    def of(cls, scene: Scene | None, mask: Mask, *, windows: bool) -> Guide:
        """Choose what the network sees for a mask.

        Parameters
        ----------
        scene : Scene or None
            None: there is nothing to refine.
        mask : Mask
            (H, W) at full size.
        windows : bool
            Whether a small mask is seen within its surroundings only.
        """
        if scene is None:
            return cls(mask)
        size = scene.scaled.small.shape
        small = resize(mask, size, "area")
        # What the mean shows need not be looked for at full size.
        if (small.max() <= 0 and mask.max() <= 0) or (small.min() >= 0.5 and mask.min() >= 1):
            return cls(mask)
        windows &= bool(small.max() > 0)  # not so where the mean of a tiny alpha underflows
        window = window_around(small, mask.shape) if windows else whole_image(size, mask.shape)
        if window.whole:
            return cls(mask, View(scene, window, small))
        return cls(mask[window.full].copy(), View(scene, window, small[window.small]))

    @property
    def sees_all(self) -> bool:
        """Whether the network sees the whole image, or there is nothing for it to see."""
        return self.view is None or self.view.window.whole
