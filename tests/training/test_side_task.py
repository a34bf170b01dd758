"""The SIDE network's samples and loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from maskdepth_cli.errors import UsageError
from maskdepth_cli.side.lite import LiteConfig, LiteNetwork
from maskdepth_cli.training.recipe import TrainSettings
from maskdepth_cli.training.side import (
    SideRecipe,
    SideTask,
    aligned,
    load_side_recipe,
    trimmed_mean,
)
from maskdepth_cli.training.side_samples import (
    SideBatch,
    SideDataSettings,
    collate_side,
    defocus,
    draw_side_sample,
)
from maskdepth_cli.training.side_validation import side_figures
from maskdepth_cli.training.sources import FrameFolder

SMALL = SideDataSettings(shapes=((32, 64), (64, 32)))


@pytest.fixture
def frames(tmp_path: Path) -> FrameFolder:
    """Four frames: a near square before a ramp."""
    random = np.random.default_rng(0)
    for folder in ("rgb", "depth", "seg"):
        (tmp_path / folder).mkdir()
    for name in "abcd":
        seg = np.zeros((48, 64), np.uint8)
        seg[20:40, 20:40] = 1
        depth = np.where(seg, 50_000, np.arange(48)[:, None] * 500 + 1).astype(np.uint16)
        cv2.imwrite(str(tmp_path / f"rgb/{name}.png"), random.integers(0, 255, (48, 64, 3)))
        cv2.imwrite(str(tmp_path / f"depth/{name}.png"), depth)
        cv2.imwrite(str(tmp_path / f"seg/{name}.png"), seg)
    return FrameFolder(tmp_path)


def test_a_sample_depends_on_seed_and_index_alone(frames: FrameFolder) -> None:
    first = draw_side_sample(frames, SMALL, 0, 5, 4)
    draw_side_sample(frames, SMALL, 0, 6, 4)
    again = draw_side_sample(frames, SMALL, 0, 5, 4)
    np.testing.assert_array_equal(first.rgb, again.rgb)
    np.testing.assert_array_equal(first.depth, again.depth)
    other = draw_side_sample(frames, SMALL, 1, 5, 4)
    assert first.rgb.shape != other.rgb.shape or not np.array_equal(first.rgb, other.rgb)


def test_a_batch_has_one_shape_and_all_shapes_come(frames: FrameFolder) -> None:
    shapes = set()
    for batch in range(8):
        samples = [draw_side_sample(frames, SMALL, 0, 4 * batch + i, 4) for i in range(4)]
        stacked = collate_side(samples)
        assert stacked.rgb.dtype == stacked.depth.dtype == torch.float32
        assert 0 <= stacked.rgb.min() <= stacked.rgb.max() <= 1
        shapes.add(tuple(stacked.depth.shape[2:]))
    assert shapes == {(32, 64), (64, 32)}


def test_plain_samples_are_crops_of_the_truth(frames: FrameFolder) -> None:
    data = replace(SMALL, paste_share=0.0, crop=(1.0, 1.0), shapes=((48, 64),))
    for index in range(6):
        depth = draw_side_sample(frames, data, 0, index, 1).depth[0]
        truth = frames.frame(0).depth
        assert any(np.array_equal(depth, one) for one in (truth, truth[:, ::-1]))


def test_pasted_objects_are_nearer_than_what_they_cover(frames: FrameFolder) -> None:
    plain = replace(SMALL, paste_share=0.0, shapes=((48, 64),), crop=(1.0, 1.0))
    pasted = replace(plain, paste_share=1.0)
    changed = 0
    for index in range(12):
        # The same seed draws the same crop; only the paste differs.
        before = draw_side_sample(frames, plain, 0, index, 1).depth
        after = draw_side_sample(frames, pasted, 0, index, 1).depth
        differs = before != after
        changed += differs.any()
        assert (after[differs] > before[differs]).all()
    assert changed >= 6


def test_defocus_spares_the_plane_in_focus() -> None:
    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    depth = np.zeros((64, 64), np.float32)
    depth[:, 32:] = 1
    blurred = defocus(rgb, depth, focus=1.0, strength=4.0)
    np.testing.assert_array_equal(blurred[:, 42:], rgb[:, 42:])
    assert blurred[:, :20].std() < 0.3 * rgb[:, :20].std()
    np.testing.assert_array_equal(defocus(rgb, np.ones_like(depth), 1.0, 4.0), rgb)


def test_alignment_removes_scale_and_shift() -> None:
    torch.manual_seed(0)
    depth = torch.randn(2, 1, 9, 7)
    scaled = depth * torch.tensor([3.0, 0.2]).view(2, 1, 1, 1) - 5
    torch.testing.assert_close(aligned(scaled), aligned(depth))
    values = torch.tensor([1.0, 2.0, 6.0]).view(1, 1, 1, 3)
    # Median 2, mean deviation (1 + 0 + 4) / 3.
    expected = torch.tensor([-1.0, 0.0, 4.0]).view(1, 1, 1, 3) * 3 / 5
    torch.testing.assert_close(aligned(values), expected)
    assert torch.isfinite(aligned(torch.ones(1, 1, 3, 3))).all()


def test_trimming_leaves_the_largest_residuals_out() -> None:
    residuals = torch.tensor([[1.0, 2.0, 3.0, 4.0, 90.0], [0.0, 0.0, 0.0, 0.0, 5.0]])
    residuals = residuals.view(2, 1, 1, 5)
    assert trimmed_mean(residuals, 0.2).item() == pytest.approx(10 / 8)
    assert trimmed_mean(residuals, 0.0).item() == pytest.approx(105 / 10)


def test_the_loss_ignores_scale_and_shift_and_falls_to_zero(frames: FrameFolder) -> None:
    task = SideTask(SideRecipe(data=SMALL), frames, LiteNetwork(LiteConfig(8, 4)))
    batch = collate_side([draw_side_sample(frames, SMALL, 0, i, 4) for i in range(4)])

    class Oracle(torch.nn.Module):
        def __init__(self, wrong: float) -> None:
            super().__init__()
            self.wrong = wrong

        def forward(self, rgb: torch.Tensor) -> torch.Tensor:
            return 3 * batch.depth + 70_000 + self.wrong * rgb[:, :1]

    perfect, parts = task.loss(Oracle(0.0), batch)
    assert perfect.item() == pytest.approx(0, abs=1e-4)
    assert set(parts) == {"error", "gradient"}
    assert task.loss(Oracle(9_000.0), batch)[0] > 0.05


def test_training_keeps_the_encoders_statistics_and_moves_its_weights(frames: FrameFolder) -> None:
    torch.manual_seed(0)
    network = LiteNetwork(LiteConfig(8, 4)).train()
    task = SideTask(SideRecipe(data=SMALL, train=TrainSettings(batch_size=2)), frames, network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    batch = task.collate([task.sample(0), task.sample(1)])
    task.loss(network, SideBatch(batch.rgb, batch.depth))[0].backward()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad.sign()
    after = network.state_dict()
    for name, value in before.items():
        is_statistic = "running" in name or "tracked" in name
        assert torch.equal(after[name], value) == is_statistic, name


def test_figures_of_known_predictions(frames: FrameFolder) -> None:
    truth = frames.frame(0).depth
    assert side_figures(frames, lambda rgb: 2 * truth + 1) == {
        "rmse": pytest.approx(0, abs=1e-7),
        "whdr": 0,
    }
    constant = side_figures(frames, lambda rgb: np.zeros_like(truth))
    spread = (truth - truth.min()) / (truth.max() - truth.min())
    assert constant["rmse"] == pytest.approx(spread.std())


def test_the_shipped_recipe_is_read(tmp_path: Path) -> None:
    recipe = load_side_recipe(Path(__file__).parents[2] / "train/recipes/lite.toml")
    assert recipe.train.encoder_scale == 0.1
    (tmp_path / "r.toml").write_text('[network]\nsize = "lite"\ndepth = 3\n')
    with pytest.raises(UsageError, match="depth"):
        load_side_recipe(tmp_path / "r.toml")
