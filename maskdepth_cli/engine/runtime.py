"""Where and how precisely networks run: one rule for refinement and prediction."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import cast, get_args

import torch
from torch import nn

from maskdepth_cli.choices import Device
from maskdepth_cli.errors import UsageError

DEVICES: tuple[Device, ...] = get_args(Device)
_CPU_PIXELS = 2 * 512 * 384  # of the items in a batch
_ALL = 1 << 30
_COMPILERS = ("g++", "clang++", "cl")
_MOST_AT_ONCE = 8  # items side by side: each needs its own memory for a network's features
PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def pick_device(name: str) -> torch.device:
    """Choose the device: ``auto`` takes CUDA, then MPS, then the CPU; ``cuda:1`` one of several.

    Of several GPUs a process of torchrun takes the one that ``LOCAL_RANK`` says.

    Raises
    ------
    UsageError
        For an unknown name, or a device that this machine does not have.
    """
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, available in has.items() if available)
    if found := re.fullmatch(r"cuda:(\d+)", name):
        count = torch.cuda.device_count()
        if int(found[1]) >= count:
            raise UsageError(f"no {name} on this machine: it has {count} such devices")
        return torch.device(name)
    if name not in has:
        raise UsageError(f"unknown device {name!r}; choose one of {', '.join(DEVICES)}")
    if not has[name]:
        raise UsageError(f"no {name} device on this machine; use --device auto or cpu")
    rank = os.environ.get("LOCAL_RANK", "")
    if name == "cuda" and rank.isdecimal():
        return torch.device(name, int(rank) % torch.cuda.device_count())
    return torch.device(name)


def pick_precision(name: str, device: torch.device, *, rounds: bool) -> torch.dtype | None:
    """Choose the autocast type; ``None`` is plain float32.

    ``auto``: on CUDA half precision; on the CPU bfloat16 where its instructions are and the network
    bears it, so that it is never slower than float32; float32 elsewhere.

    Parameters
    ----------
    name : str
        ``auto`` or one of `PRECISIONS`.
    device : torch.device
        Where the network runs.
    rounds : bool
        Whether the network bears the 8 bits of bfloat16: refinement does, for it corrects given
        values; prediction makes them and needs the 11 of float16 (docs/performance.md).

    Raises
    ------
    UsageError
        For an unknown name, or fp16 on the CPU.
    """
    if name == "auto":
        if device.type == "cpu":
            return torch.bfloat16 if rounds and _cpu_multiplies_bfloat16() else None
        if device.type != "cuda":
            return None
        return torch.bfloat16 if rounds and torch.cuda.is_bf16_supported() else torch.float16
    if name not in PRECISIONS:
        raise UsageError(f"unknown precision {name!r}; choose auto, {', '.join(PRECISIONS)}")
    if name == "fp16" and device.type == "cpu":
        raise UsageError("fp16 does not run on the CPU; use --precision bf16, fp32 or auto")
    return PRECISIONS[name]


def _cpu_multiplies_bfloat16() -> bool:
    """Tell whether the CPU has instructions for it: emulated, it is slower than float32."""
    tell = getattr(torch.cpu, "get_capabilities", dict)  # older versions of torch do not tell
    found: dict[str, bool] = tell()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def place_network(network: nn.Module, device: torch.device, *, compiled: bool) -> nn.Module:
    """Bring a network to where it runs, in channels-last layout.

    Parameters
    ----------
    network : nn.Module
        Switched to evaluation.
    device : torch.device
        Where it runs.
    compiled : bool
        Through ``torch.compile``, which compiles at the first call of every size.

    Raises
    ------
    UsageError
        It is to be compiled for the CPU, and there is no C++ compiler.
    """
    placed = network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if not compiled:
        return placed
    if device.type == "cpu" and not any(map(shutil.which, _COMPILERS)):
        raise UsageError("--compile needs a C++ compiler on the CPU, such as g++; leave it out")
    return cast(nn.Module, torch.compile(placed))


@dataclass(frozen=True)
class Cores:
    """How a machine's cores are divided among items that are computed side by side.

    Parameters
    ----------
    items : int
        Computed at once, each in a thread of its own.
    threads : int
        That the network may use for each.
    total : int
        That it may use where nothing is divided.
    """

    items: int
    threads: int
    total: int

    @contextmanager
    def share(self) -> Iterator[None]:
        """Limit this thread's networks to its share.

        The limit is the thread's own, but new threads begin with the one that was set last.
        """
        if self.items == 1:
            yield
            return
        torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(self.total)


def divide_cores(device: torch.device, items: int) -> Cores:
    """Divide the CPU's cores among up to 8 items: networks gain more from these than from threads.

    Parameters
    ----------
    device : torch.device
        Where networks run; a GPU takes one after the other.
    items : int
        How many there are.
    """
    total = torch.get_num_threads()
    most = max(min(items, total, _MOST_AT_ONCE), 1) if device.type == "cpu" else 1
    # As many as leave the fewest cores idle: 6 items of 2 threads on 12 cores, not 8 of 1.
    at_once = max(range(1, most + 1), key=lambda count: (total // count * count, count))
    return Cores(at_once, total // at_once, total)


def items_at_once(device: torch.device, size: Sequence[int]) -> int:
    """Return how many items of (height, width) run in one batch.

    On the CPU both passes of a photo gain up to an eighth from sharing one, but large batches lose
    a third: every layer's output then exceeds what the allocator keeps, and the system hands out
    and clears its memory anew.
    """
    if device.type != "cpu":
        return _ALL
    return max(_CPU_PIXELS // (size[0] * size[1]), 1)


def autocast(device: torch.device, dtype: torch.dtype | None) -> AbstractContextManager[object]:
    """Context in which a network runs in ``dtype``."""
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype)
