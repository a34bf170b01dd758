from __future__ import annotations

import numpy as np
import pytest

from maskdepth_cli.viewing.haze import without_haze

SHAPE = (240, 320)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
DISTANCE = np.hypot(ROWS - 120, COLUMNS - 130)
OBJECT = np.clip(61.5 - DISTANCE, 0, 1)  # its edge is one pixel wide
STRANDS = np.where((DISTANCE < 85) & (ROWS % 9 < 2), np.float32(0.45), 0).astype(np.float32)


@pytest.mark.parametrize("mask", [OBJECT, np.maximum(OBJECT, STRANDS)])
def test_a_mask_without_haze_is_the_same(mask):
    assert without_haze(mask) is mask


def test_an_edge_out_of_focus_stays():
    mask = np.clip(0.5 - (DISTANCE - 60) / 14, 0, 1)
    np.testing.assert_array_equal(without_haze(mask), mask)


@pytest.mark.parametrize("alpha", [0.05, 0.3, 0.45])
def test_haze_goes_and_the_object_stays(alpha):
    clear = np.maximum(OBJECT, STRANDS)
    haze = np.float32(alpha) * np.clip((140 - DISTANCE) / 40, 0, 1)
    found = without_haze(np.maximum(clear, haze))
    np.testing.assert_array_equal(found[OBJECT == 1], 1)
    beside = (OBJECT == 0) & (STRANDS == 0)
    assert found[beside].max() < 0.02
    # A strand of 0.45 over haze of 0.3 was mixed of both: (0.45 - 0.3) / (1 - 0.3).
    strand = (STRANDS > 0) & (DISTANCE > 64) & (DISTANCE < 82)
    assert np.median(found[strand]) == pytest.approx((0.45 - alpha) / (1 - alpha), abs=0.03)


def test_larger_masks_have_the_same_haze():
    haze = np.maximum(OBJECT, np.float32(0.2))
    large = np.repeat(np.repeat(haze, 5, axis=0), 5, axis=1)
    found = without_haze(large)
    assert found[np.repeat(np.repeat(OBJECT == 0, 5, axis=0), 5, axis=1)].max() < 0.02
    assert found[600, 650] == 1
