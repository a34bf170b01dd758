"""Both stages of the refinement network as tasks of the trainer (paper section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from maskdepth_cli.networks.config import DEPTH_RANGE, TrustConfig
from maskdepth_cli.training.composition import Composite, compose
from maskdepth_cli.training.frame_sets import Frames
from maskdepth_cli.training.losses import boundary_weight, harm_loss, refinement_loss
from maskdepth_cli.training.mask_sets import Masks
from maskdepth_cli.training.perturbation import spoil
from maskdepth_cli.training.recipe import Recipe
from maskdepth_cli.training.samples import Batch, TrainingSample, collate, draw_sample
from maskdepth_cli.training.trust_loss import trust_loss
from maskdepth_cli.weights.tensors import save_tensors


class RefinementTask:
    """Stage 1 (completion) or stage 2 (refinement) of one recipe.

    Parameters
    ----------
    recipe : Recipe
        Everything that is drawn and weighed.
    stage : int
        1 or 2.
    frames : Frames
        RGB-D frames to composite.
    network : nn.Module
        What is trained; of the recipe's configuration.
    masks : Masks, optional
        Masks of the composites; without, regions of the frames.
    validation : callable, optional
        Measures a network on held-out data.
    """

    def __init__(
        self,
        recipe: Recipe,
        stage: int,
        frames: Frames,
        network: nn.Module,
        masks: Masks | None = None,
        validation: Callable[[nn.Module], Mapping[str, float]] | None = None,
    ) -> None:
        self.recipe, self.stage, self.frames, self.masks = recipe, stage, frames, masks
        self.network: nn.Module = network
        self.seed = (recipe.stage1 if stage == 1 else recipe.stage2).seed
        self._validation = validation

    def sample(self, index: int) -> TrainingSample:
        """Draw the sample of an index."""
        data, perturbation = self.recipe.data, self.recipe.perturbation
        return draw_sample(self.frames, data, perturbation, self.seed, index, self.masks)

    def collate(self, samples: list[TrainingSample]) -> Batch:
        """Stack samples."""
        return collate(samples)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Loss of the stage; see `_completion_loss` and `_layered_loss`."""
        depth, composite = self.inputs(batch)
        if not self.recipe.network.layered:
            return self._composite_loss(network, depth, composite)
        if self.stage == 1:
            return self._completion_loss(network, composite, batch)
        if isinstance(self.recipe.network, TrustConfig):
            return trust_loss(network, depth, composite, self.recipe.trust)
        return self._layered_loss(network, depth, composite)

    def inputs(self, batch: Batch) -> tuple[Tensor, Composite]:
        """Return the depth that the network is given, and the composite with its targets."""
        with torch.no_grad(), torch.autocast(batch["mask"].device.type, enabled=False):
            composite = compose(batch)
            if self.stage == 1 and self.recipe.network.layered:
                return composite.depth, composite
            return _spoil(composite, batch)

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Measure on the held-out data, if there is any."""
        return {} if self._validation is None else self._validation(network)

    def save(self, network: nn.Module, path: Path) -> None:
        """Write weights that `maskdepth refine --weights` loads."""
        save_tensors(path, network.state_dict(), asdict(self.recipe.network), half=True)

    def _completion_loss(
        self, network: nn.Module, composite: Composite, batch: Batch
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Stage 1: ``L(R(D', I', M), D1)`` or ``L(R(D', I', 1-M), D2)``, by a fair coin."""
        first = batch["erode_first"].view(-1, 1, 1, 1)  # a fair coin that stage 1 has no use for
        mask = torch.where(first, composite.mask, 1 - composite.mask)
        target = torch.where(first, composite.foreground, composite.background)
        known = torch.where(first, composite.foreground_known, composite.background_known)
        layer = network(composite.depth, mask, composite.rgb)
        weight = known * boundary_weight(composite.mask, self.recipe.loss)
        loss = refinement_loss(layer, target, weight, self.recipe.loss)
        return loss, {"layer": loss}

    def _layered_loss(
        self, network: nn.Module, perturbed: Tensor, c: Composite
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Stage 2: both layers from the perturbed depth, their losses and the composite's."""
        layers = network(
            torch.cat([perturbed, perturbed]),
            torch.cat([c.mask, 1 - c.mask]),
            torch.cat([c.rgb, c.rgb]),
        )
        foreground, background = layers.chunk(2)
        merged = c.mask * foreground + (1 - c.mask) * background
        settings = self.recipe.loss
        weight = boundary_weight(c.mask, settings)
        own_or_hidden = c.mask + settings.hidden * (1 - c.mask)
        other_or_hidden = 1 - c.mask + settings.hidden * c.mask
        parts = {
            "foreground": refinement_loss(
                foreground, c.foreground, weight * c.foreground_known * own_or_hidden, settings
            ),
            "background": refinement_loss(
                background, c.background, weight * c.background_known * other_or_hidden, settings
            ),
            **self._composite_terms(merged, perturbed, c),
        }
        return _summed(parts)

    def _composite_loss(
        self, network: nn.Module, perturbed: Tensor, c: Composite
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """direct-composite (paper section 4.4): ``[depth, mask, RGB] -> D'`` without layers."""
        merged = network(perturbed, c.mask, c.rgb)
        return _summed(self._composite_terms(merged, perturbed, c))

    def _composite_terms(
        self, merged: Tensor, perturbed: Tensor, c: Composite
    ) -> dict[str, Tensor]:
        """Return what a composite costs, and what it costs beyond the depth that was given."""
        settings = self.recipe.loss
        weight = c.known * boundary_weight(c.mask, settings)
        terms = {"composite": refinement_loss(merged, c.depth, weight, settings)}
        if settings.harm:
            terms["harm"] = harm_loss(merged, perturbed, c.depth, weight, settings)
        return terms


def _summed(parts: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    return torch.stack(list(parts.values())).sum(), parts


def _spoil(composite: Composite, batch: Batch) -> tuple[Tensor, Composite]:
    """Perturb the depth, and bring it and the targets to its own range, as inference does.

    A sample with a predicted depth has its perturbation already.

    The range is the sample's window within [0, 10]. Targets are bounded, since a perturbation that
    erases the nearest thing leaves a target far outside.
    """
    perturbed = torch.where(
        batch["predicted"].view(-1, 1, 1, 1),
        DEPTH_RANGE * batch["initial"],
        spoil(composite, batch),
    )
    low, high = (f(perturbed, (1, 2, 3), keepdim=True) for f in (torch.amin, torch.amax))
    scale, offset = (DEPTH_RANGE * batch["window"]).view(-1, 2, 1, 1, 1).unbind(1)
    margin = scale / 2

    def windowed(depth: Tensor) -> Tensor:
        return (depth - low) / (high - low).clamp(min=0.01) * scale + offset

    targets = {
        name: windowed(getattr(composite, name)).clamp(offset - margin, offset + scale + margin)
        for name in ("depth", "foreground", "background")
    }
    return windowed(perturbed), composite._replace(**targets)
