from __future__ import annotations

import numpy as np
import pytest

from maskdepth_cli.side.preprocessing import HALF, PREPROCESSING, Preprocessing

# (width, height) of the photo; (width, height) in the network, worked out by hand from the rule:
# upper_bound scales both sides by the smaller of 384/side, minimal by the one nearer to 1; then
# each side goes to the nearest multiple of 32 (upper_bound: never above 384).
TABLE = [
    # photo         midas-v2.1   dpt-large
    ((1920, 1080), (384, 224), (672, 384)),  # 384 / 1080 = .3556: 682.7 -> 21.3 x 32
    ((1080, 1920), (224, 384), (384, 672)),
    ((640, 480), (384, 288), (512, 384)),
    ((384, 384), (384, 384), (384, 384)),
    ((500, 375), (384, 288), (512, 384)),  # dpt: |1 - 384/375| is the smaller step
    ((300, 200), (384, 256), (384, 256)),  # both up: 1.28 is nearer to 1 than 1.92
    ((1001, 667), (384, 256), (576, 384)),  # 1001 * 384 / 667 = 576.3
    ((100, 37), (384, 128), (384, 128)),  # 3.84 nearer than 10.4; 142.1 -> 4.44 x 32
    ((4000, 1000), (384, 96), (1536, 384)),
    ((333, 1000), (128, 384), (384, 1152)),  # dpt: 384 / 333 = 1.153 is nearer than .384
    ((5000, 100), (384, 32), (384, 32)),  # 7.7: the published rule gives 0
]


@pytest.mark.parametrize(("photo", "midas", "dpt"), TABLE)
def test_network_sizes_follow_the_published_rule(
    photo: tuple[int, int], midas: tuple[int, int], dpt: tuple[int, int]
) -> None:
    for name, expected in (("midas-v2.1", midas), ("dpt-large", dpt), ("dpt-hybrid", dpt)):
        rule = PREPROCESSING[name]
        assert rule.network_size(photo[1], photo[0]) == expected[::-1]


def test_upper_bound_rounds_down_only_beyond_the_bound() -> None:
    rule = Preprocessing(200, "upper_bound", HALF, HALF, multiple=32)
    # 200 / 32 = 6.25 -> 192; 190 of 200 -> 190 / 32 = 5.94 -> 192.
    assert rule.network_size(200, 190) == (192, 192)
    rule = Preprocessing(250, "upper_bound", HALF, HALF, multiple=32)
    # 250 / 32 = 7.8 -> 256 exceeds 250 -> 224.
    assert rule.network_size(250, 250) == (224, 224)


def test_constant_photos_are_normalised_per_channel() -> None:
    rule = PREPROCESSING["midas-v2.1"]
    photo = np.empty((48, 64, 3), np.float32)
    photo[...] = (0.485, 0.456 + 0.224, 0.406 - 0.225)
    prepared = rule(photo)
    assert prepared.shape == (3, 288, 384)
    np.testing.assert_allclose(prepared.amax((1, 2)), [0, 1, -1], atol=1e-5)
    np.testing.assert_allclose(prepared.amin((1, 2)), [0, 1, -1], atol=1e-5)
