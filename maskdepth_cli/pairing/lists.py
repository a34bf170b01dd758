"""Lists of paths on standard input, whatever program wrote them."""

from __future__ import annotations

import codecs
import os
import re

from maskdepth_cli.errors import UsageError
from maskdepth_cli.files.names import shown

_BOMS = (  # that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def parse_list(data: bytes) -> list[str]:
    r"""Return the paths of a list: one a line, or separated by NUL characters if it holds any.

    Lists of UTF-8 with a byte order mark and of UTF-16 and UTF-32 are decoded, as PowerShell and
    Windows editors write them. UTF-16 without a mark is told from a list separated by NUL
    characters by its line ends: ``\n`` is no name.

    Parameters
    ----------
    data : bytes
        What was read.

    Raises
    ------
    UsageError
        An entry is the root of the file system: a list names files, and folders of its own.

    Examples
    --------
    >>> parse_list(b"a.jpg\r\nb.jpg\n"), parse_list(b"a\nb.jpg\0c.jpg\0")
    (['a.jpg', 'b.jpg'], ['a\nb.jpg', 'c.jpg'])
    """
    text = _decoded(data)
    if text is None:
        text = os.fsdecode(data)
    if "\0" in text:
        names = text.split("\0")
    else:
        names = [line.removesuffix("\r") for line in text.split("\n")]
    names = [name for name in names if name]
    for name in names:
        if _is_root(name):
            raise UsageError(
                f"the list on standard input names {shown(name)}, the whole disk; "
                "name it as an argument if you mean it, or write the list as UTF-8"
            )
    return names


def _decoded(data: bytes) -> str | None:
    """Return the text of a list that is not plain bytes, None for one that is."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            text = _strictly(data[len(mark) :], encoding)
            if text is not None and (encoding == "utf-8" or _looks_like_paths(text)):
                return text
    for encoding, high in (("utf-16-le", data[1::2]), ("utf-16-be", data[::2])):
        # No name is a line end, and no list names single letters and dots only.
        if len(data) % 2 == 0 and b"\0" in high:
            text = _strictly(data, encoding)
            plain = len(data) > 8 and not any(high)
            if text and ("\n" in text or plain) and _looks_like_paths(text):
                return text
    return None


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _looks_like_paths(text: str) -> bool:
    """Tell a list from bytes that happen to decode: every line has an ASCII dot or slash."""
    lines = [line for line in re.split(r"[\r\n\0]+", text) if line]
    return all(re.search(r"[./\\]", line) for line in lines)


def _is_root(name: str) -> bool:
    return bool(re.fullmatch(r"[/\\]+\.?|[A-Za-z]:[/\\]*", name)) or (
        os.path.isabs(name) and os.path.dirname(os.path.abspath(name)) == os.path.abspath(name)  # noqa: PTH100, PTH117, PTH120
    )
