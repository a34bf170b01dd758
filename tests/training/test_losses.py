"""Losses in closed form."""

from __future__ import annotations

import pytest
import torch

from maskdepth_cli.training.losses import boundary_weight, gradient_loss, harm_loss, refinement_loss
from maskdepth_cli.training.recipe import LossSettings


def test_a_constant_error_has_no_gradient_term():
    target = torch.rand(2, 1, 16, 16)
    loss = refinement_loss(target + 0.5, target, torch.ones_like(target), LossSettings())
    assert float(loss) == pytest.approx(0.5 + 0.25, rel=1e-4)


def test_a_ramp_has_the_gradient_of_its_slope_at_every_stride():
    ramp = torch.arange(16.0).expand(1, 1, 16, 16) * 0.25
    # At stride s the difference of neighbours is s/4 along x, and 16/s-1 of 16/s columns have one.
    expected = sum(0.25 * s * (16 / s - 1) / (16 / s) for s in (1, 2, 4, 8))
    assert float(gradient_loss(ramp, torch.ones_like(ramp), 4)) == pytest.approx(expected)


def test_pixels_without_weight_do_not_count():
    target = torch.zeros(1, 1, 16, 16)
    predicted, weight = target.clone(), torch.ones_like(target)
    predicted[..., 8:] = 7
    weight[..., 8:] = 0
    assert float(refinement_loss(predicted, target, weight, LossSettings())) == 0


def test_terms_are_weighed():
    target = torch.zeros(1, 1, 4, 4)
    only_l2 = LossSettings(l1=0, l2=2, gradient=0)
    assert float(refinement_loss(target + 3, target, target + 1, only_l2)) == pytest.approx(18)


def test_harm_is_what_the_error_exceeds_the_initial_one_by_beyond_the_margin():
    settings = LossSettings(harm=2, harm_margin=0.25)
    target = torch.zeros(1, 1, 1, 4)
    initial = torch.tensor([[[[1.0, -1.0, 3.0, 0.0]]]])
    predicted = torch.tensor([[[[3.0, -1.2, 1.0, 5.0]]]])  # worse by 2, by 0.2, better, worse by 5
    weight = torch.tensor([[[[1.0, 1.0, 1.0, 0.0]]]])
    loss = harm_loss(predicted, initial, target, weight, settings)
    assert float(loss) == pytest.approx(2 * (2 - 0.25) / 3)


def test_boundary_weight_is_a_band_of_its_width():
    mask = torch.zeros(1, 1, 40, 40)
    mask[..., 20:] = 1
    weight = boundary_weight(mask, LossSettings(boundary=3, boundary_width=4))
    assert weight[0, 0, 7].tolist() == [4.0 if 16 <= x < 24 else 1.0 for x in range(40)]
    assert (boundary_weight(mask, LossSettings()) == 1).all()
