"""The nodes: refine depth with a mask, predict it, blur by it (ComfyUI's V3 interface)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from comfy_api.latest import ComfyExtension, io

from maskdepth_cli import Predictor, Refiner, RefineSettings, load_predictor, load_refiner
from maskdepth_cli.choices import DepthKind
from maskdepth_cli.engine.loading import DEFAULT_WEIGHTS
from maskdepth_cli.engine.result import RefinedDepth
from maskdepth_cli.viewing.bokeh import Lens, bokeh

from .tensors import as_image, as_mask, depths, masks, photos

_CATEGORY = "maskdepth"
_DEVICES = ["auto", "cpu", "cuda", "mps"]
_WORKING_SIZE = RefineSettings.working_size


@lru_cache(maxsize=2)
def refiner(weights: str, **settings: Any) -> Refiner:
    """Return a refiner; the last ones stay loaded, they are a few megabytes."""
    return load_refiner(weights, **settings)


@lru_cache(maxsize=1)
def predictor(model: str, device: str) -> Predictor:
    """Return a network that predicts depth; the last one stays loaded."""
    return load_predictor(model, device=device)


class RefineDepth(io.ComfyNode):
    """Depth with the edges of a mask."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Declare inputs and outputs."""
        return io.Schema(
            node_id="MaskdepthRefine",
            display_name="Refine Depth with Mask",
            category=_CATEGORY,
            description="Gives a depth map the edges of a mask, and both layers: what the mask "
            "covers, and what lies behind it.",
            inputs=[
                io.Image.Input("image", tooltip="The photo."),
                io.Image.Input(
                    "depth", tooltip="Initial depth, gray, one for each photo or one for all."
                ),
                io.Mask.Input(
                    "mask",
                    tooltip="1 = object. For a single photo several masks are several objects.",
                ),
                io.Combo.Input(
                    "depth_kind",
                    options=["inverse", "depth"],
                    default="inverse",
                    tooltip="inverse: larger is nearer, as MiDaS and Depth Anything give; depth: "
                    "larger is farther, as Zoe and Depth Pro give.",
                ),
                io.Combo.Input(
                    "keep",
                    options=["band", "none"],
                    default="band",
                    tooltip="band: far from the mask's edge the initial depth stays as it is.",
                ),
                io.Int.Input(
                    "working_size",
                    default=_WORKING_SIZE,
                    min=32,
                    max=4096,
                    step=32,
                    tooltip="Long side at which the network works.",
                ),
                io.Combo.Input("device", options=_DEVICES, default="auto"),
                io.String.Input(
                    "weights",
                    default=DEFAULT_WEIGHTS,
                    tooltip="Name of embedded weights, or a file.",
                ),
            ],
            outputs=[
                io.Image.Output("depth_out", display_name="depth"),
                io.Image.Output("foreground_out", display_name="foreground"),
                io.Image.Output("background_out", display_name="background"),
                io.Mask.Output("mask_out", display_name="mask"),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        depth: torch.Tensor,
        mask: torch.Tensor,
        depth_kind: DepthKind = "inverse",
        keep: str = "band",
        working_size: int = _WORKING_SIZE,
        device: str = "auto",
        weights: str = DEFAULT_WEIGHTS,
    ) -> io.NodeOutput:
        """Refine a batch; the depth that goes out is inverse depth, larger is nearer."""
        method = refiner(weights, keep=keep, working_size=working_size, device=device)
        pictures = photos(image)
        initial = depths(depth, depth_kind, pictures)
        objects = masks(mask, pictures)
        found: list[RefinedDepth]
        if len(objects[0]) > 1:
            found = [method.refine_instances(pictures[0], initial[0], objects[0])]
        else:
            each = [(p, d, m[0]) for p, d, m in zip(pictures, initial, objects, strict=True)]
            found = method.refine_many(each)
        return io.NodeOutput(
            as_image([one.depth for one in found], image),
            as_image([one.foreground for one in found], image),
            as_image([one.background for one in found], image),
            as_mask([one.mask for one in found], image),
        )


class PredictDepth(io.ComfyNode):
    """Initial depth from photos alone."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Declare inputs and outputs."""
        return io.Schema(
            node_id="MaskdepthPredict",
            display_name="Predict Depth",
            category=_CATEGORY,
            description="Relative inverse depth, each map from 0, the farthest, to 1, the nearest.",
            inputs=[
                io.Image.Input("image"),
                io.String.Input(
                    "model",
                    default="lite",
                    tooltip="lite is in the package; dpt-large, midas-v2.1 or hf:ORG/NAME are "
                    "downloaded once.",
                ),
                io.Combo.Input("device", options=_DEVICES, default="auto"),
            ],
            outputs=[io.Image.Output("depth_out", display_name="depth")],
        )

    @classmethod
    def execute(
        cls, image: torch.Tensor, model: str = "lite", device: str = "auto"
    ) -> io.NodeOutput:
        """Predict a batch."""
        found = predictor(model, device).predict_many(photos(image))
        shares = [(one - one.min()) / (np.ptp(one) or np.float32(1)) for one in found]
        return io.NodeOutput(as_image(shares, image))


class LayeredBokeh(io.ComfyNode):
    """Depth of field from both layers."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Declare inputs and outputs."""
        return io.Schema(
            node_id="MaskdepthBokeh",
            display_name="Bokeh from Depth Layers",
            category=_CATEGORY,
            description="Blurs what is out of focus, each layer for itself: no halos around the "
            "object.",
            inputs=[
                io.Image.Input("image"),
                io.Image.Input("foreground", tooltip="Of Refine Depth with Mask."),
                io.Image.Input("background", tooltip="Of Refine Depth with Mask."),
                io.Mask.Input("mask", tooltip="Of Refine Depth with Mask."),
                io.Combo.Input("focus", options=["object", "background"], default="object"),
                io.Float.Input(
                    "aperture",
                    default=0.015,
                    min=0.0,
                    max=0.2,
                    step=0.001,
                    round=0.0001,
                    tooltip="Radius of the largest blur as a share of the long side.",
                ),
                io.Int.Input("blades", default=0, min=0, max=16, tooltip="0: a round aperture."),
                io.Float.Input("highlights", default=0.0, min=0.0, max=100.0, step=0.5),
            ],
            outputs=[io.Image.Output("image_out", display_name="image")],
        )

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        foreground: torch.Tensor,
        background: torch.Tensor,
        mask: torch.Tensor,
        focus: str = "object",
        aperture: float = 0.015,
        blades: int = 0,
        highlights: float = 0.0,
    ) -> io.NodeOutput:
        """Blur a batch."""
        pictures = photos(image)
        near = depths(foreground, "inverse", pictures)
        far = depths(background, "inverse", pictures)
        objects = masks(mask, pictures)
        if len(objects[0]) > 1:
            raise ValueError(f"mask: {len(objects[0])} for one photo; bokeh takes one object")
        blurred = []
        for picture, front, back, (covered, *_) in zip(pictures, near, far, objects, strict=True):
            on_object = focus == "object"
            depth, where = (front, covered) if on_object else (back, 1 - covered)
            sharp = depth[(where >= 0.5) & np.isfinite(depth)]
            if not sharp.size:
                raise ValueError(f"no known depth to focus on at the {focus}")
            lens = Lens(
                float(np.median(sharp)),
                aperture * max(covered.shape),
                blades=blades,
                highlights=highlights,
                object_sharp=on_object,
            )
            blurred.append(bokeh(picture, front, back, covered, lens))
        return io.NodeOutput(as_image(blurred, image))


class MaskdepthExtension(ComfyExtension):
    """All nodes of the pack."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """Return the nodes."""
        return [RefineDepth, PredictDepth, LayeredBokeh]


async def comfy_entrypoint() -> MaskdepthExtension:
    """Return what ComfyUI loads."""
    return MaskdepthExtension()
