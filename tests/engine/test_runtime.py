from __future__ import annotations

import pytest
import torch

from maskdepth_cli.engine.runtime import pick_device


@pytest.mark.parametrize(
    ("rank", "name", "device"),
    [
        (None, "auto", "cuda"),
        ("0", "auto", "cuda:0"),
        ("1", "cuda", "cuda:1"),
        ("5", "auto", "cuda:1"),
        ("1", "cpu", "cpu"),
    ],
)
def test_processes_of_torchrun_share_out_the_gpus(monkeypatch, rank, name, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if rank:
        monkeypatch.setenv("LOCAL_RANK", rank)
    assert pick_device(name) == torch.device(device)
