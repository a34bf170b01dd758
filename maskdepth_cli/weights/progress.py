"""A bar on stderr while weights are downloaded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def download_bar(name: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show a bar from the first report on; none where stderr is a file, or when quiet.

    Parameters
    ----------
    name
        What is downloaded.
    quiet
        Show nothing.

    Yields
    ------
    callable
        To be called with the bytes that are here and the bytes there will be, 0 where unknown.
    """
    from tqdm import tqdm

    bar: tqdm[None] | None = None

    def report(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            disable = True if quiet else None
            bar = tqdm(
                desc=name, total=total, unit="B", unit_scale=True, file=sys.stderr, disable=disable
            )
        bar.total = total or None
        bar.update(done - bar.n)

    try:
        yield report
    finally:
        if bar is not None:
            bar.close()
