from __future__ import annotations

import base64
import io
from html.parser import HTMLParser

import browser
import numpy as np
import pytest
from PIL import Image

from maskdepth_cli.viewing.gallery import Card, gallery_page
from maskdepth_cli.viewing.thumbnails import animation, mask_overlay, thumbnail

EVIL = '<script>document.title="owned"</script>"><img src=x onerror=alert(1)>.jpg'


def flat(*color):
    return np.full((60, 80, len(color)), color, np.uint8)


def card(name, share, status="done", **more):
    pictures = {
        "photo": thumbnail(flat(90, 90, 90), 80),
        "before": thumbnail(flat(200, 0, 0), 80),
        "after": thumbnail(flat(0, 0, 200), 80),
        "close_before": thumbnail(flat(250, 0, 0), 80),
        "close_after": thumbnail(flat(0, 0, 250), 80),
        "mask": thumbnail(mask_overlay(flat(255, 255, 255)), 80),
    }
    numbers = {"share": share, "mean": 1 - share, "seconds": 1.5}
    return Card(name, status, "", (80, 60), numbers, pictures, **more)


def page(cards, settings=(("keep", "band"),), title="run"):
    return "".join(gallery_page(title, settings, cards))


class Texts(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.addresses, self.text, self.names = [], [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        self.addresses += [values[key] for key in ("src", "href", "data-src") if key in values]
        if tag == "article":
            self.names.append(values["data-name"])

    def handle_data(self, data):
        self.text += data


def test_names_are_text_whatever_they_hold():
    html = page([card(EVIL, 0.1), card("b\udcffé\n.jpg", 0.2)], [("<b>", "<i>")], "<u>")
    parsed = Texts(html)
    assert parsed.names == [EVIL, "b\\udcffé\\n.jpg"]
    assert parsed.tags.count("script") == 1
    assert not {"b", "i", "u"} & set(parsed.tags)
    assert parsed.tags.count("img") == 12
    assert EVIL in parsed.text
    assert "<i>" in parsed.text
    html.encode("utf-8")


def test_nothing_is_fetched_and_equal_runs_make_equal_pages():
    html = page([card("a.jpg", 0.5)])
    assert all(address.startswith("data:") for address in Texts(html).addresses)
    assert "://" not in html
    assert html == page([card("a.jpg", 0.5)])


def test_thumbnails_are_small_and_keep_their_colours():
    address = thumbnail(np.full((300, 900, 3), (250, 120, 10), np.uint8), 200)
    kind, _, data = address.partition(",")
    assert kind == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as small:
        assert small.size == (200, 67)
        assert np.abs(np.asarray(small)[30, 100] - (250.0, 120.0, 10.0)).max() < 12


def test_the_mask_becomes_a_tint():
    mask = np.zeros((2, 2, 3), np.uint8)
    mask[0, 0], mask[0, 1] = 255, 128
    np.testing.assert_array_equal(mask_overlay(mask)[..., 3], [[128, 64], [0, 0]])
    mask[1, 1] = (0, 235, 0)
    colored = mask_overlay(mask)
    assert tuple(colored[1, 1, :3]) == (0, 235, 0)
    assert colored[1, 1, 3] > 100


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium is installed")
def test_in_a_browser(tmp_path):
    names = [("a2.jpg", 0.2), ("a10.jpg", 0.9), (EVIL, 0.5)]
    cards = [card(name, share) for name, share in names]
    cards.append(Card("z.jpg", "failed", "its mask is missing"))
    path = tmp_path / "gallery.html"
    path.write_text(page(cards), encoding="utf-8")
    shown = "[...document.querySelectorAll('article')].filter(c => !c.hidden)"
    listed = f"{shown}.map(c => c.dataset.name)"
    visible = (
        "[...document.querySelector('article').querySelectorAll('img')]"
        ".filter(i => getComputedStyle(i).visibility === 'visible'"
        " && getComputedStyle(i).display !== 'none').map(i => i.dataset.kind)"
    )

    def choose(control, value):
        event = "search" if control == "search" else "change"
        kind = "input" if event == "search" else "change"
        opened.evaluate(
            f"(c => {{ c.value = {value!r}; c.dispatchEvent(new Event({kind!r})); }})"
            f"(document.getElementById({control!r}))"
        )

    with browser.open_browser(tmp_path / "profile") as opened:
        opened.open(path)
        decoded = (
            "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))"
        )
        opened.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
        assert opened.evaluate(decoded) == [80] * 18
        assert opened.evaluate(listed) == [EVIL, "a2.jpg", "a10.jpg", "z.jpg"]
        assert opened.evaluate("document.title") == "run"

        assert opened.evaluate(visible) == ["before", "after"]
        clip = "getComputedStyle(document.querySelector('[data-kind=after]')).clipPath"
        assert opened.evaluate(clip) == "inset(0px 0px 0px 50%)"
        box = opened.evaluate(
            "(b => [b.x, b.y, b.width, b.height])"
            "(document.querySelector('.stage').getBoundingClientRect())"
        )
        opened.click(box[0] + 0.25 * box[2], box[1] + box[3] / 2)
        share = float(opened.evaluate(clip).split()[-1].rstrip("%)"))
        assert share == pytest.approx(25, abs=2)

        choose("sort", "share")
        assert opened.evaluate(listed) == ["a10.jpg", EVIL, "a2.jpg", "z.jpg"]
        choose("sort", "mean")
        assert opened.evaluate(listed) == ["a2.jpg", EVIL, "a10.jpg", "z.jpg"]
        choose("status", "failed")
        assert opened.evaluate(listed) == ["z.jpg"]
        assert opened.evaluate("document.getElementById('count').value") == "1 of 4"
        choose("status", "")
        choose("search", "A1")
        assert opened.evaluate(listed) == ["a10.jpg"]
        choose("view", "photo")
        assert opened.evaluate(visible) == ["photo"]
        opened.evaluate("document.getElementById('mask').click()")
        assert opened.evaluate(visible) == ["photo", "mask"]
        choose("view", "close")
        assert opened.evaluate(visible) == ["close_before", "close_after"]
        choose("sort", "name")  # the card that was clicked comes first again
        cut = opened.evaluate(clip.replace("after", "close_after"))
        assert float(cut.split()[-1].rstrip("%)")) == share

        assert opened.problems == []
        assert {url.partition(":")[0] for url in opened.requests} <= {"file", "data"}
        assert [url for url in opened.requests if url.startswith("file")] == [path.as_uri()]


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium is installed")
def test_products_have_tabs_in_a_browser(tmp_path):
    plain, rich = card("a.jpg", 0.2), card("b.jpg", 0.4)
    rich.pictures["bokeh"] = thumbnail(flat(0, 90, 0), 80)
    frames = [np.full((60, 80, 3), value, np.uint8) for value in (10, 120, 240)]
    rich.pictures["parallax"] = animation(frames, 80)
    with Image.open(
        io.BytesIO(base64.b64decode(rich.pictures["parallax"].partition(",")[2]))
    ) as one:
        assert (one.n_frames, one.size) == (3, (80, 60))
    path = tmp_path / "gallery.html"
    path.write_text(page([plain, rich]), encoding="utf-8")
    tabs = "[...document.querySelectorAll('#tabs button')]"
    visible = (
        "[...document.querySelectorAll('article')[1].querySelectorAll('img')]"
        ".filter(i => getComputedStyle(i).visibility === 'visible'"
        " && getComputedStyle(i).display !== 'none').map(i => i.dataset.kind)"
    )
    with browser.open_browser(tmp_path / "profile") as opened:
        opened.open(path)
        assert opened.evaluate(f"{tabs}.map(t => t.textContent)") == ["depth", "bokeh", "parallax"]
        assert opened.evaluate(visible) == ["before", "after"]
        for kind in ("bokeh", "parallax"):
            opened.evaluate(f"{tabs}.find(t => t.textContent === {kind!r}).click()")
            assert opened.evaluate(visible) == [kind]
            assert opened.evaluate("document.getElementById('view').value") == kind
            chosen = f"{tabs}.filter(t => t.ariaSelected === 'true').map(t => t.textContent)"
            assert opened.evaluate(chosen) == [kind]
        views = "[...document.getElementById('view').options].map(o => o.value)"
        assert "stereo" not in opened.evaluate(views)
        assert opened.problems == []
        assert [url for url in opened.requests if not url.startswith("data")] == [path.as_uri()]
        path.write_text(page([plain]), encoding="utf-8")
        opened.open(path)
        assert opened.evaluate(f"{tabs}.length") == 0
