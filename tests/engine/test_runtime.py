"""Where networks run, and how a machine is shared by what is computed at once."""

from __future__ import annotations

import threading

import pytest
import torch

from maskdepth_cli.engine import runtime
from maskdepth_cli.engine.runtime import Cores, divide_cores, pick_device


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


@pytest.mark.parametrize(
    ("cores", "items", "wanted"),
    [
        (8, 1, Cores(1, 8, 8)),
        (8, 3, Cores(2, 4, 8)),
        (8, 8, Cores(8, 1, 8)),
        (8, 1000, Cores(8, 1, 8)),
        (12, 1000, Cores(6, 2, 12)),
        (1, 5, Cores(1, 1, 1)),
        (2, 0, Cores(1, 2, 2)),
        (64, 1000, Cores(8, 8, 64)),
    ],
)
def test_cores_are_divided_among_the_photos_there_are(monkeypatch, cores, items, wanted):
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    assert divide_cores(torch.device("cpu"), items) == wanted


def test_a_gpu_takes_one_call_after_the_other():
    assert divide_cores(torch.device("cuda"), 100).items == 1


def test_a_share_is_that_of_the_thread_that_takes_it_and_ends():
    before = torch.get_num_threads()
    seen = []

    def work():
        with Cores(2, 1, before).share():
            seen.append(torch.get_num_threads())

    for step in (work, lambda: seen.append(torch.get_num_threads())):
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()
    assert seen == [1, before]
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("size", "items"), [((384, 512), 2), ((96, 96), 42), ((2000, 3000), 1)])
def test_batches_on_the_cpu_have_the_pixels_of_both_passes_of_a_photo(size, items):
    assert runtime.items_at_once(torch.device("cpu"), size) == items
    assert runtime.items_at_once(torch.device("cuda"), size) > 10**6
