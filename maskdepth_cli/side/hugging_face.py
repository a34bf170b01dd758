"""SIDE networks of the transformers library: hf:ORG/NAME, or hf:FOLDER for one on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maskdepth_cli.arrays import white
from maskdepth_cli.choices import DepthKind
from maskdepth_cli.errors import UsageError, WeightsError, one_line
from maskdepth_cli.networks.timm_import import mend_torchvision
from maskdepth_cli.side.preprocessing import Preparation
from maskdepth_cli.types import Photo
from maskdepth_cli.weights.cache import HOME, cache_folder, is_offline

if TYPE_CHECKING:
    from torch import Tensor, nn

RELATIVE = ("dpt",)  # give relative inverse depth
METRIC = ("zoedepth", "depth_pro", "prompt_depth_anything")  # give depth


def load_hugging_face(
    name: str, depth_kind: DepthKind | None
) -> tuple[nn.Module, Preparation, DepthKind]:
    """Load a model for depth estimation and its image processor; safetensors only.

    Parameters
    ----------
    name
        ``ORG/NAME`` of the hub, or a folder.
    depth_kind
        What the model gives, where its configuration does not tell.

    Raises
    ------
    UsageError
        The model does not tell what it gives.
    WeightsError
        transformers is missing, or the model cannot be had.
    """
    library = import_transformers(f"hf:{name}")
    where = hub_place(name)
    try:
        model = library.AutoModelForDepthEstimation.from_pretrained(
            name, use_safetensors=True, **where
        )
        processor = library.AutoImageProcessor.from_pretrained(name, **where)
    except (OSError, ValueError, ImportError) as error:
        hint = "; MASKDEPTH_OFFLINE forbids to download it" if is_offline() else ""
        raise WeightsError(f"hf:{name}: cannot be loaded: {one_line(error)}{hint}") from error
    kind = depth_kind or _kind(model.config)
    if kind is None:
        raise UsageError(
            f"hf:{name} does not tell whether it gives inverse depth or depth; say --model-gives"
        )
    return _only_map(model), _Processor(processor), kind


def import_transformers(wanted_by: str) -> Any:
    """Return the library, told whether it may download.

    Raises
    ------
    WeightsError
        It is missing.
    """
    if is_offline():
        os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the library is imported
    mend_torchvision()  # which transformers imports
    try:
        import transformers
    except ImportError as error:
        raise WeightsError(
            f"{wanted_by} needs the transformers library: pip install 'maskdepth[hf]'"
        ) from error
    return transformers


def hub_place(name: str) -> dict[str, Any]:
    """Return where the library looks for a network, as its `from_pretrained` takes it."""
    where: dict[str, Any] = {"local_files_only": is_offline() or Path(name).is_dir()}
    if os.environ.get(HOME):
        where["cache_dir"] = cache_folder() / "huggingface"
    return where


def _kind(config: Any) -> DepthKind | None:
    """Return what a model gives, by its configuration."""
    if (declared := getattr(config, "depth_estimation_type", None)) is not None:
        return "inverse" if declared == "relative" else "depth"
    family = str(config.model_type)
    if family in RELATIVE:
        return "inverse"
    return "depth" if family in METRIC else None


def _only_map(model: nn.Module) -> nn.Module:
    """Wrap a model: (B, 3, h, w) to its map (B, 1, h', w') alone."""
    from torch import nn

    class PredictedDepth(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, rgb: Tensor) -> Tensor:
            predicted: Tensor = self.model(pixel_values=rgb).predicted_depth
            return predicted[:, None]

    return PredictedDepth()


class _Processor:
    """The model's own image processor."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor

    def __call__(self, image: Photo) -> Tensor:
        scale = white(image)
        bytes_image = np.rint(
            np.clip(np.asarray(image, np.float32), 0, scale) * (255 / scale)
        ).astype(np.uint8)
        pixels: Tensor = self.processor(images=bytes_image, return_tensors="pt")["pixel_values"]
        return pixels[0]
