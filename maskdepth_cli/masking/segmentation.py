"""Objects by a segmentation network of the transformers library."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskdepth_cli.errors import WeightsError, one_line
from maskdepth_cli.masking.makers import Found
from maskdepth_cli.masking.rembg_network import bytes_of
from maskdepth_cli.side.hugging_face import hub_place, import_transformers
from maskdepth_cli.types import Photo
from maskdepth_cli.weights.cache import is_offline


class SegmentationNetwork:
    """A pipeline of the task `image-segmentation`."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    def find(self, photo: Photo) -> list[Found]:
        """Return panoptic segments, else instances, else classes: what the network gives."""
        from PIL import Image

        return [
            Found(np.asarray(np.asarray(one["mask"]) > 0, np.float32), str(one["label"] or ""))
            for one in self._pipeline(Image.fromarray(bytes_of(photo)))
        ]


def load_segmentation(name: str) -> SegmentationNetwork:
    """Load a network and its image processor; safetensors only.

    Parameters
    ----------
    name
        ``ORG/NAME`` of the hub, or a folder.

    Raises
    ------
    WeightsError
        transformers is missing, or the network cannot be had.
    """
    library = import_transformers(f"--masks transformers:{name}")
    where = hub_place(name)
    try:
        config = library.AutoConfig.from_pretrained(name, **where)
        kind = next(
            (one for one in _KINDS if type(config) in getattr(library, one)._model_mapping), None
        )
        if kind is None:
            raise ValueError(f"{config.model_type} does not segment pictures")
        model = getattr(library, kind).from_pretrained(name, use_safetensors=True, **where)
        processor = library.AutoImageProcessor.from_pretrained(name, **where)
        pipeline = library.pipeline("image-segmentation", model=model, image_processor=processor)
    except (OSError, ValueError, ImportError) as error:
        hint = "; MASKDEPTH_OFFLINE forbids to download it" if is_offline() else ""
        raise WeightsError(
            f"transformers:{name}: cannot be loaded: {one_line(error)}{hint}"
        ) from error
    return SegmentationNetwork(pipeline)


_KINDS = (
    "AutoModelForUniversalSegmentation",
    "AutoModelForInstanceSegmentation",
    "AutoModelForImageSegmentation",
    "AutoModelForSemanticSegmentation",
)
