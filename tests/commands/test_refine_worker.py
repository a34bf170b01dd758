"""What `refine` computes of several photos at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maskdepth_cli.commands.refine_request import RefineRequest
from maskdepth_cli.commands.refine_worker import Loaded, RefineWorker
from maskdepth_cli.engine.loading import load_refiner
from maskdepth_cli.files.depths import DepthMap
from maskdepth_cli.files.scales import Scale


class Brightness:
    """Predicts that what is bright is near."""

    def predict_many(self, images):
        return [np.asarray(image, np.float32).mean(-1) for image in images]


def photo(seed, *, given, several):
    rng = np.random.default_rng(seed)
    ids = np.zeros((64, 96), np.int32)
    ids[10:50, 8 + seed : 40 + seed] = 1
    ids[5:30, 60:90] = 2
    image = (rng.integers(0, 40, (64, 96, 3)) + 90 * ids[..., None]).astype(np.uint8)
    depth = (ids + np.arange(64)[:, None] / 64).astype(np.float32) if given else None
    given_map = None if depth is None else DepthMap(depth, depth, Scale("inverse"))
    if several:
        return Loaded(image, given_map, instances=ids)
    return Loaded(image, given_map, mask=(ids == 1).astype(np.float32))


def test_photos_of_all_kinds_in_one_batch_keep_their_results_apart(weights):
    method = load_refiner(weights, device="cpu", precision="fp32")
    request = RefineRequest(("photos",), masks=Path("masks"))
    worker = RefineWorker(request, Path("out"), method, {}, Brightness())
    kinds = [(True, False), (False, True), (False, False), (True, True), (True, False)]
    loaded = [photo(i, given=given, several=several) for i, (given, several) in enumerate(kinds)]
    together = worker.compute(loaded)
    assert [refined.loaded for refined in together] == loaded
    for refined, one in zip(together, loaded, strict=True):
        alone = worker.compute([one])[0]
        np.testing.assert_array_equal(refined.initial, alone.initial)
        if one.depth is None:
            np.testing.assert_array_equal(refined.initial, one.image.astype(np.float32).mean(-1))
        np.testing.assert_allclose(refined.result.depth, alone.result.depth, atol=1e-3)
        np.testing.assert_array_equal(refined.result.mask, alone.result.mask)
