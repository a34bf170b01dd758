from __future__ import annotations

import re

from maskdepth_cli.errors import ExitCode


def kinds(html, name):
    article = html.partition(f'data-name="{name}"')[2].partition("</article>")[0]
    return re.findall(r'data-kind="(\w+)"', article)


def test_a_run_becomes_a_page(album, maskdepth):
    album.add("a.jpg")
    album.add("x/tall <b>.jpg", (60, 30))
    album.write("photos", "bad.jpg", album.random.integers(0, 255, (8, 8, 3)).astype("uint8"))
    assert maskdepth(*album.arguments("--layers", "--preview")).code == ExitCode.SOME_FAILED
    ended = maskdepth("gallery", str(album.out))
    assert ended.code == ExitCode.OK
    page = album.out / "gallery.html"
    html = page.read_text("utf-8")
    layers = ["foreground", "background", "mask"]
    everything = ["photo", "before", "after", "change", "close_before", "close_after", *layers]
    assert kinds(html, "a.jpg") == kinds(html, "x/tall &lt;b&gt;.jpg") == everything
    assert kinds(html, "bad.jpg") == []
    assert "no mask for it" in html
    assert "<th>keep</th><td>band</td>" in html
    assert re.search(r'data-kind="photo"[^>]* width="320" height="640"', html)
    again = album.root / "again.html"
    assert maskdepth("gallery", str(album.out), "-o", str(again)).code == ExitCode.OK
    assert again.read_bytes() == page.read_bytes()


def test_without_previews_it_shows_the_depth(album, maskdepth):
    album.add("a.jpg")
    maskdepth(*album.arguments())
    (album.out / "previews").mkdir()
    assert maskdepth("gallery", str(album.out)).code == ExitCode.OK
    assert kinds((album.out / "gallery.html").read_text("utf-8"), "a.jpg") == ["after"]


def test_a_result_that_is_gone_is_said_on_its_card(album, maskdepth):
    album.add("a.jpg")
    maskdepth(*album.arguments())
    (album.out / "a.tiff").unlink()
    assert maskdepth("gallery", str(album.out)).code == ExitCode.OK
    html = (album.out / "gallery.html").read_text("utf-8")
    assert re.search(r"<p class=\"message\">[^<]*a\.tiff: [^<]+</p>", html)


def test_a_folder_without_a_run_is_named(album, maskdepth):
    ended = maskdepth("gallery", str(album.root))
    assert ended.code == ExitCode.NOTHING_TO_DO
    assert "manifest.jsonl" in ended.err


def test_products_of_a_run_are_shown_beside_it(album, maskdepth):
    album.add("a.jpg")
    maskdepth(*album.arguments("--layers", "--preview"))
    out = {name: album.root / name for name in ("bokeh", "moving")}
    assert maskdepth("bokeh", str(album.out), "-o", str(out["bokeh"])).code == ExitCode.OK
    arguments = ["--format", "gif", "--seconds", "0.3", "--fps", "10"]
    ended = maskdepth("parallax", str(album.out), "-o", str(out["moving"]), *arguments)
    assert ended.code == ExitCode.OK
    shown = [part for folder in out.values() for part in ("--with", str(folder))]
    assert maskdepth("gallery", str(album.out), *shown).code == ExitCode.OK
    found = kinds((album.out / "gallery.html").read_text("utf-8"), "a.jpg")
    assert found[-3:] == ["bokeh", "parallax", "mask"]
    nothing = maskdepth("gallery", str(album.out), "--with", str(album.root))
    assert nothing.code == ExitCode.NOTHING_TO_DO
