"""What a refinement network is given: noise with a rectangular mask."""

from __future__ import annotations

import torch


def inputs(height=64, width=96, items=1):
    generator = torch.Generator().manual_seed(0)
    depth = torch.rand(items, 1, height, width, generator=generator) * 10
    mask = torch.zeros(items, 1, height, width)
    mask[..., height // 4 : height // 2, width // 4 : width // 2 + 9] = 1
    return depth, mask, torch.rand(items, 3, height, width, generator=generator)
