"""How a path is shown in a one-line message, whatever characters it holds."""

from __future__ import annotations

from pathlib import PurePath


def shown(path: str | PurePath) -> str:
    r"""Return `path` on one line: control characters and undecodable bytes are escaped.

    File names may hold newlines, terminal escapes or bytes outside the file system's encoding
    (lone surrogates in Python); a message or a log line must survive them.

    Examples
    --------
    >>> shown("a\nb.png")
    'a\\nb.png'
    """
    text = str(path)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
