"""Names that tools give to what they make of a photo."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskdepth_cli.errors import UsageError
from maskdepth_cli.pairing.patterns import NamePattern

PHOTOS = {"tree", "x/tree", "my-tree", "my", "a.b", "tree.jpg"}


@pytest.mark.parametrize(
    ("pattern", "place", "photo"),
    [
        ("{name}_mask", "x/tree_mask", "x/tree"),
        ("_mask", "tree_mask", "tree"),
        ("{name}_mask", "tree", None),
        ("{name}_mask", "_mask", None),
        ("mask_{name}", "x/mask_tree", "x/tree"),
        ("mask_{name}", "x/tree", None),
        ("{name}.out", "a.b.out", "a.b"),
        ("{name}-removebg-preview", "tree-removebg-preview", "tree"),
        ("{name}-*", "tree-dpt_beit_large_512", "tree"),
        ("{name}-*", "my-tree-dpt", "my-tree"),  # the longest photo's name
        ("{name}-*", "my-other", "my"),
        ("{name}-*", "unknown-dpt", "unknown"),
        ("*_{name}", "x/run_2_tree", "x/tree"),
        ("{name}/depth", "x/tree/depth", "x/tree"),
        ("{name}/depth", "x/tree/depth_vis", None),
        ("{name}/depth", "depth", None),
        ("{name}/*", "tree/3", "tree"),
        ("{name}/*", "tree/3/4", "tree/3"),
        ("masks/{name}", "x/masks/tree", "x/tree"),
        ("{name}.*", "tree.jpg.mask", "tree.jpg"),
    ],
)
def test_whose_a_file_is(pattern: str, place: str, photo: str | None) -> None:
    assert NamePattern(pattern).photo_of(place, PHOTOS) == photo


def test_an_extension_is_the_only_one_that_counts() -> None:
    pattern = NamePattern("{name}-*.PFM", {".pfm", ".png"})
    assert pattern.photo_of("tree-dpt", PHOTOS) == "tree"
    assert [pattern.counts(f"tree-dpt{end}") for end in (".pfm", ".PFM", ".png")] == [1, 1, 0]
    # A dot that begins no extension belongs to the name.
    pattern = NamePattern("{name}.depth", {".pfm", ".png"})
    assert pattern.photo_of("tree.depth") == "tree"
    assert pattern.counts("tree.depth.png")


@pytest.mark.parametrize("text", ["{name}{name}", "../{name}", "{name}/../x", "/{name}", "a//b"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(UsageError, match=r"\{name\}"):
        NamePattern(text)


@given(
    st.sampled_from(["{name}_mask", "m-{name}.x", "{name}/depth", "d/{name}_y", "{name}"]),
    st.lists(st.text("ab_.-d/", min_size=1, max_size=5), min_size=1, max_size=3),
)
def test_an_example_is_its_photos(pattern: str, parts: list[str]) -> None:
    name = "/".join(part for part in "/".join(parts).split("/") if part) or "a"
    one = NamePattern(pattern)
    place = one.example(name, "")
    assert one.photo_of(place) == name
