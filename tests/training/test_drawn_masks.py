"""Drawn masks: what they promise to hold, measured with scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from maskdepth_cli.training.catalog import open_masks
from maskdepth_cli.training.drawn_masks import SIDE
from maskdepth_cli.training.recipe import DataSettings, MaskSource, PerturbationSettings
from maskdepth_cli.training.samples import draw_sample


def masks(layout, tmp_path, count=40):
    source = open_masks([MaskSource(layout)], [], tmp_path, None)
    (kind,) = source.kinds
    return [source.draw(kind, np.random.default_rng(i)) for i in range(count)]


def holes(mask):
    """Inscribed radii of what the mask encloses."""
    labels, count = ndimage.label(mask < 0.5)
    rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    distance = ndimage.distance_transform_edt(mask < 0.5)
    return [distance[labels == i].max() for i in range(1, count + 1) if i not in rim]


@pytest.mark.parametrize("layout", ["figures", "thin", "hair", "blobs"])
def test_every_layout_draws_masks_of_its_own(layout, tmp_path):
    drawn = masks(layout, tmp_path)
    for mask, again in zip(drawn[:4], masks(layout, tmp_path, 4), strict=True):
        np.testing.assert_array_equal(mask, again)
        assert mask.shape == (SIDE, SIDE)
        assert mask.dtype == np.float32
        assert (mask.min(), mask.max()) == (0, 1)
    assert not np.array_equal(drawn[0], drawn[1])


def test_figures_have_gaps_and_hair(tmp_path):
    drawn = masks("figures", tmp_path)
    radii = np.concatenate([holes(mask) for mask in drawn])
    assert (radii > 6).sum() > 10  # between arm and body
    assert (radii < 3).sum() > 10  # between strands
    assert np.mean([((mask > 0.1) & (mask < 0.9)).any() for mask in drawn]) > 0.9


def test_thin_things_are_thin(tmp_path):
    for mask in masks("thin", tmp_path):
        inside = ndimage.distance_transform_edt(mask > 0.5)
        assert np.median(inside[inside > 0]) < 10
    widths = [ndimage.distance_transform_edt(m > 0.5).max() for m in masks("thin", tmp_path)]
    assert min(widths) < 4


def test_hair_is_soft_where_strands_are_finer_than_a_pixel(tmp_path):
    shares = []
    for mask in masks("hair", tmp_path):
        soft = (mask > 0.05) & (mask < 0.95)
        edge = ndimage.binary_dilation(mask > 0.5) & ~ndimage.binary_erosion(mask > 0.5)
        shares.append((soft & ~edge).sum() / max(edge.sum(), 1))
    assert np.mean(shares) > 0.04


def test_blobs_have_holes_of_every_size(tmp_path):
    radii = np.concatenate([holes(mask) for mask in masks("blobs", tmp_path)])
    counts = np.histogram(radii, [0, 3, 6, 12, 40])[0]
    assert (counts > 5).all()


def test_training_needs_no_mask_data(frames, tmp_path):
    source = open_masks([MaskSource("figures"), MaskSource("thin")], [], tmp_path, None)
    settings = DataSettings(patch=64, soft_masks=True, mask_area=(0.005, 0.9))
    drawn = [draw_sample(frames, settings, PerturbationSettings(), 0, i, source) for i in range(8)]
    assert any(((s.mask > 0.1) & (s.mask < 0.9)).any() for s in drawn)
    hard = [
        draw_sample(frames, DataSettings(patch=64), PerturbationSettings(), 0, i, source)
        for i in range(4)
    ]
    assert all(set(np.unique(s.mask)) <= {0, 1} for s in hard)  # the paper's are binary
