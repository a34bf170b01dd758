"""Registered files: fetched, imported from disk, verified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from maskdepth_cli.errors import WeightsError
from maskdepth_cli.weights.cache import entry_path, is_here, weights_sha256
from maskdepth_cli.weights.registry import ENTRIES, Entry, find_entry, require_entry

if TYPE_CHECKING:
    from maskdepth_cli.weights.download import Report


def fetch_entry(
    entry: Entry,
    *,
    accept_licence: bool = False,
    report: Report = lambda done, total: None,
) -> Path:
    """Return the file of an entry, downloaded where it is not here.

    Raises
    ------
    WeightsError
        It cannot be had, or its licence was not accepted.
    """
    path = stored_path(entry)
    if is_here(entry):
        return path
    if entry.embedded:
        raise WeightsError(f"{path}: missing from the package; install it again")
    _check_licence(entry, accept_licence)
    if not entry.url:
        raise WeightsError(
            f"{entry.name}: this program does not download {entry.file}; get it from its authors, "
            f"then: maskdepth models pull {entry.name} --from FILE --accept-licence"
        )
    from maskdepth_cli.weights.download import fetch  # with Python's own connections

    return fetch(entry.url, path, sha256=entry.sha256, size=entry.size, report=report)


def import_entry(
    entry: Entry,
    source: str,
    *,
    accept_licence: bool = False,
    report: Report = lambda done, total: None,
) -> Path:
    """Put the file of an entry into the cache from a file on disk or another address.

    Raises
    ------
    WeightsError
        Its content is not the registered one, or its licence was not accepted.
    """
    path = stored_path(entry)
    if is_here(entry):
        return path
    _check_licence(entry, accept_licence)
    from maskdepth_cli.weights.download import fetch, install

    if "://" in source:
        return fetch(source, path, sha256=entry.sha256, size=entry.size, report=report)
    return install(Path(source).expanduser(), path, sha256=entry.sha256)


def stored_path(entry: Entry) -> Path:
    """Where the file of an entry is, or will be.

    Raises
    ------
    WeightsError
        The transformers library keeps it in its own cache.
    """
    if not entry.file:
        raise WeightsError(f"{entry.name} is kept by the transformers library in its own cache")
    return entry_path(entry)


def verify_files(names: Sequence[str], sha256: str | None = None) -> Iterator[str]:
    """Compare files with their known digests; yield a line for each one that agrees.

    Parameters
    ----------
    names
        Names of the registry, or files; none: every registered file that is here.
    sha256
        The expected digest of a single file; default: that of its entry, or of the entry that a
        file on disk turns out to be.

    Raises
    ------
    WeightsError
        A file is missing, or its content is another one.
    """
    if sha256 is not None and len(names) != 1:
        raise WeightsError("--sha256 is the digest of one file; name that file")
    for name in names or [entry.name for entry in ENTRIES if is_here(entry)]:
        entry = find_entry(name)
        on_disk = entry is None and Path(name).is_file()
        path = Path(name) if on_disk else stored_path(entry or require_entry(name))
        digest = weights_sha256(path)
        if sha256 is None and on_disk:
            known = next((e.name for e in ENTRIES if e.sha256 == digest), None)
            if known is None:
                raise WeightsError(
                    f"{path}: sha256 {digest} is none of the registered files; compare it with "
                    "--sha256"
                )
            yield f"{path}: {known}"
            continue
        expected = sha256 or (entry.sha256 if entry else "")
        if digest != expected.lower():
            raise WeightsError(f"{path}: sha256 is {digest}, expected {expected}; remove the file")
        yield f"{path}: as expected"


def _check_licence(entry: Entry, accepted: bool) -> None:
    if entry.gated and not accepted:
        raise WeightsError(
            f"{entry.name} is under: {entry.licence}; read it, then repeat with --accept-licence"
        )
