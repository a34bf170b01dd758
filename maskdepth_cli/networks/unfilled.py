"""Networks built for weights that come from a file: without the random numbers they start with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_DRAWS = frozenset({"normal_", "uniform_", "erfinv_"})


class _NoDraws(TorchFunctionMode):
    """Leaves tensors as they are where random numbers would fill them."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "") in _DRAWS:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


@contextmanager
def unfilled(*, shapes_only: bool = False) -> Iterator[None]:
    """Build networks in this context without drawing their random weights.

    On the meta device a draw would load torch's compiler: two seconds for nothing.

    Parameters
    ----------
    shapes_only
        On the meta device: no memory is taken either.
    """
    with torch.device("meta" if shapes_only else "cpu"), _NoDraws():
        yield
