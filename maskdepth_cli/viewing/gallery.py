"""The gallery: one HTML page that holds everything it shows."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files

from maskdepth_cli.files.names import shown


@dataclass(frozen=True)
class Card:
    """One photo of a gallery.

    Parameters
    ----------
    name
        Its name; any characters.
    status
        `done` or `failed`.
    message
        Why it failed, or a remark.
    size
        Width and height of the photo.
    numbers
        `share` (of the pixels that changed), `mean` (change, as a share of the depth's range),
        `seconds`; shown and sorted by.
    pictures
        `photo`, `before`, `after`, `change`, `close_before`, `close_after`, `foreground`,
        `background`, `bokeh`, `stereo`, `parallax` (moves) and `mask` (a tint), as far as there
        are: addresses, see `thumbnails.thumbnail`.
    """

    name: str
    status: str
    message: str = ""
    size: tuple[int, int] = (4, 3)
    numbers: Mapping[str, float] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)


def gallery_page(
    title: str, settings: Sequence[tuple[str, str]], cards: Iterable[Card]
) -> Iterator[str]:
    """Yield the page piece by piece; equal arguments make an equal page.

    Nothing is fetched: style, script and pictures are in the page, and its content security policy
    forbids the rest. All text is escaped.

    Parameters
    ----------
    title
        Heading.
    settings
        Names and values of what the results were made with.
    cards
        In the order in which they are shown at first.
    """
    style, script = _resource("gallery.css"), _resource("gallery.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    rows = "".join(f"<tr><th>{_text(name)}</th><td>{_text(v)}</td></tr>" for name, v in settings)
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{_text(title)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>{style}</style>\n</head>\n"
        f'<body data-view="compare">\n<header>\n<h1>{_text(title)}</h1>\n{_CONTROLS}'
        f"<details><summary>Settings of this run</summary><table>{rows}</table></details>\n"
        '</header>\n<main id="cards">\n'
    )
    for card in cards:
        yield _card(card)
    yield f"</main>\n<script>{script}</script>\n</body>\n</html>\n"


def _card(card: Card) -> str:
    width, height = card.size
    numbers = "".join(f' data-{key}="{value:.6g}"' for key, value in card.numbers.items())
    images = "".join(
        f'<img data-kind="{escape(kind)}" data-src="{escape(address)}" '
        f'width="{width}" height="{height}" alt="{escape(kind)}">'
        for kind, address in card.pictures.items()
    )
    slider = ""
    if {"before", "after"} <= card.pictures.keys():
        slider = '<input type="range" min="0" max="100" value="50" aria-label="before and after">'
    stage = f'<div class="stage">{images}{slider}</div>' if images else ""
    message = f'<p class="message">{_text(card.message)}</p>' if card.message else ""
    facts = " · ".join(_facts(card))
    return (
        f'<article data-name="{_text(card.name)}" data-status="{_text(card.status)}"{numbers}>\n'
        f"{stage}<h2>{_text(card.name)}</h2><p>{_text(facts)}</p>{message}</article>\n"
    )


def _facts(card: Card) -> Iterator[str]:
    if card.status != "done":
        yield card.status
    if "share" in card.numbers:
        by = f", by {card.numbers['mean']:.2%} of the range" if "mean" in card.numbers else ""
        yield f"{card.numbers['share']:.0%} of the pixels changed{by}"
    if "seconds" in card.numbers:
        yield f"{card.numbers['seconds']:.1f} s"


def _text(text: str) -> str:
    return escape(shown(text))


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"sha256-{digest}"


_VIEWS = {
    "compare": "before | after",
    "close": "before | after, close up",
    "photo": "photo",
    "change": "change",
    "foreground": "layer of the object",
    "background": "layer behind it",
    "bokeh": "bokeh",
    "stereo": "stereo",
    "parallax": "parallax",
}
_SORTS = {
    "name": "name",
    "mean": "change",
    "share": "area changed",
    "seconds": "time",
}


def _options(choices: Mapping[str, str]) -> str:
    return "".join(f'<option value="{key}">{label}</option>' for key, label in choices.items())


_CONTROLS = (
    '<div id="tabs" role="tablist"></div>\n'
    f'<nav><label>Show <select id="view">{_options(_VIEWS)}</select></label>\n'
    '<label><input type="checkbox" id="mask"> mask</label>\n'
    f'<label>Sort by <select id="sort">{_options(_SORTS)}</select></label>\n'
    '<label>Status <select id="status"><option value="">all</option></select></label>\n'
    '<label>Name <input type="search" id="search"></label>\n'
    '<output id="count"></output></nav>\n'
)
