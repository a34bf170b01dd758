"""What a network is given and asked for, as pictures (as in the paper's Figures 3 and 4)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from maskdepth_cli.training.refinement_task import RefinementTask
from maskdepth_cli.viewing.colors import color_change, color_depth, depth_range
from maskdepth_cli.viewing.contact_sheet import Picture, contact_sheet, masked_depth
from maskdepth_cli.viewing.pictures import write_picture

SAMPLES = 12
FILE = "contact-sheet.png"
CAPTIONS = (
    "composite",
    "mask",
    "its true depth",
    "depth as given",
    "red: given too near",
    "target of the mask",
    "target of the rest",
)


def show_data(task: RefinementTask, folder: Path, count: int = SAMPLES) -> Path:
    """Write the first samples of a training as a contact sheet.

    A row a sample: the colours, the mask and the depth that the network sees, the true depth of
    the composite beside it and the difference, then both layers' targets, chequered where they do
    not count. Depths of a row share one range of colours; what targets have beyond it is cut.

    Parameters
    ----------
    task : RefinementTask
        Of either stage; that of the first is given the true depth.
    folder : Path
        Takes ``contact-sheet.png``.
    count : int
        Number of samples.

    Returns
    -------
    Path
        The picture.
    """
    batch = task.collate([task.sample(index) for index in range(count)])
    given, composite = task.inputs(batch)
    rows: list[list[Picture]] = []
    for i in range(count):
        colours = np.rint(_array(composite.rgb[i]).transpose(1, 2, 0) * 255).astype(np.uint8)
        mask, true, seen, known = (
            _map(tensor, i) for tensor in (composite.mask, composite.depth, given, composite.known)
        )
        low, high = depth_range(true, seen)
        targets = (
            (composite.foreground, composite.foreground_known),
            (composite.background, composite.background_known),
        )
        rows.append(
            [
                colours,
                np.repeat(np.rint(mask * 255).astype(np.uint8)[..., None], 3, axis=2),
                masked_depth(true, known > 0, low, high),
                color_depth(seen, low, high),
                color_change(true, seen, (high - low) / 2, colours),
                *(masked_depth(_map(t, i), _map(k, i) > 0, low, high) for t, k in targets),
            ]
        )
    path = folder / FILE
    write_picture(path, contact_sheet(CAPTIONS, rows))
    return path


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.float().numpy()


def _map(tensor: Tensor, index: int) -> NDArray[np.float32]:
    return _array(tensor[index, 0])
