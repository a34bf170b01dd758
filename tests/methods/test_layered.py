import numpy as np
import torch
from scipy import ndimage

from maskdepth_cli.engine.refiner import RefineSettings
from maskdepth_cli.methods.layered import ErodedMasks, layered_refiner


class Recorder(torch.nn.Module):
    """Stands for a completion network: fills a layer with the mean of what it may see."""

    def __init__(self):
        super().__init__()
        self.masks = []

    def forward(self, depth, mask, rgb):
        self.masks.append(mask.clone())
        known = (mask > 0.5).float()
        mean = (depth * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)
        return mean.expand_as(depth)


def test_masks_are_eroded_and_the_frame_erodes_nothing():
    mask = torch.zeros(1, 1, 20, 30)
    mask[..., 5:20, 8:22] = 1
    network = Recorder()
    ErodedMasks(network, 5)(mask, mask, mask)
    expected = ndimage.binary_erosion(mask[0, 0].numpy(), np.ones((5, 5)), border_value=1)
    np.testing.assert_array_equal(network.masks[0][0, 0].numpy(), expected)


def test_layers_are_completed_from_both_sides_of_a_wrong_rim():
    mask = np.zeros((64, 96), np.float32)
    mask[16:48, 32:64] = 1
    wrong = np.full((64, 96), 2.0, np.float32)
    wrong[14:50, 30:66] = 8.0  # two pixels too large
    truth = np.where(mask > 0, 8.0, 2.0)
    method = layered_refiner(Recorder(), RefineSettings(device="cpu"), kernel=5)
    result = method.refine(np.zeros((64, 96, 3), np.float32), wrong, mask)
    np.testing.assert_allclose(result.depth, truth, atol=1e-4)
    np.testing.assert_allclose(result.foreground, 8.0, atol=1e-4)
    np.testing.assert_allclose(result.background, 2.0, atol=1e-4)
