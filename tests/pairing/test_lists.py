"""Lists of names as `find`, PowerShell and editors write them."""

from __future__ import annotations

import codecs
import os

import pytest

from maskdepth_cli.errors import UsageError
from maskdepth_cli.pairing.lists import parse_list

NAMES = ["photos/a.jpg", "photos/Zoë 写真.jpg", "x/b 1.png"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\0"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_encodings(mark: bytes, encoding: str, end: str) -> None:
    text = end.join(NAMES) + end
    assert parse_list(mark + text.encode(encoding)) == NAMES


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("names", [NAMES, ["/data/photos/a.jpg"], ["写真/花.jpg", "b.jpg"]])
def test_utf16_without_a_mark(encoding: str, names: list[str]) -> None:
    text = "\r\n".join(names) + ("\r\n" if len(names) > 1 else "")
    assert parse_list(text.encode(encoding)) == names


@pytest.mark.parametrize(
    "names",
    [
        [b"a", b"b", b"c"],  # as UTF-16 these would be one name
        [b"two\nlines.jpg", b"b.jpg"],
        [b"\xff\xfe.jpg", b"b.jpeg"],  # bytes that no encoding has, like a mark of UTF-16
        [b"\xff\xfe.jpg", b"c.jpg"],
        [b"\xfe\xff a", b"d e.png"],
        [b"./a.jpg", b".", b"x"],
    ],
)
def test_a_nul_list_stays_one(names: list[bytes]) -> None:
    for data in (b"\0".join(names), b"\0".join(names) + b"\0"):
        assert [os.fsencode(name) for name in parse_list(data)] == names


@pytest.mark.parametrize(
    "data", [b"/\n", b"a.jpg\n/\n", b"a\0/\0", b"//\0a.jpg\0", b"/.\n", b"/\0h", b"C:\\\n"]
)
def test_the_whole_disk_is_never_listed(data: bytes) -> None:
    with pytest.raises(UsageError, match="whole disk"):
        parse_list(data)
