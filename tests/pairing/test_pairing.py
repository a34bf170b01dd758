"""Which files are found, what belongs to them, and where their outputs go."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskdepth_cli.errors import UsageError
from maskdepth_cli.pairing.matching import (
    DEPTH_SUFFIXES,
    InputFile,
    NamePattern,
    Pairing,
    find_inputs,
    output_names,
    pair,
)


def make(root: Path, names: Iterable[str]) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def relatives(found: Iterable[InputFile]) -> list[str]:
    return [photo.relative.as_posix() for photo in found]


def photos(*names: str) -> list[InputFile]:
    return [InputFile(Path("photos", name), Path(name)) for name in names]


def summary(result: Pairing, root: Path) -> dict[str, list[str]]:
    return {
        photo.relative.as_posix(): [path.relative_to(root).as_posix() for path in paths]
        for photo, paths in result.paired.items()
    }


class TestFindInputs:
    def test_folders_are_searched_and_the_tree_is_kept(self, tmp_path: Path) -> None:
        names = ["b.jpg", "a.PNG", "x/c.tiff", "x/y/d.webp", "x.jpg", "e.bmp"]
        others = ["note.txt", ".hidden.png", ".git/a.png", "x/.maskdepth-1.tmp.png", "m.npy"]
        make(tmp_path, names + others)
        found = find_inputs([str(tmp_path)])
        assert relatives(found) == ["a.PNG", "b.jpg", "e.bmp", "x/c.tiff", "x/y/d.webp", "x.jpg"]
        assert all(photo.path == tmp_path / photo.relative for photo in found)

    def test_order_is_that_of_the_arguments_and_doubles_count_once(self, tmp_path: Path) -> None:
        make(tmp_path, ["b/1.jpg", "b/2.jpg", "a/1.jpg"])
        b, a = tmp_path / "b", tmp_path / "a"
        found = find_inputs([str(b / "2.jpg"), str(b), str(a), str(b / ".." / "b" / "1.jpg")])
        assert [photo.path for photo in found] == [b / "2.jpg", b / "1.jpg", a / "1.jpg"]
        assert relatives(found) == ["2.jpg", "1.jpg", "1.jpg"]

    def test_a_named_file_needs_no_known_extension(self, tmp_path: Path) -> None:
        make(tmp_path, ["x/photo.dat", "x/.photo"])
        found = find_inputs([str(tmp_path / "x/photo.dat"), str(tmp_path / "x/.photo")])
        assert relatives(found) == ["photo.dat", ".photo"]

    def test_missing_arguments_are_a_usage_error(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no such file or folder"):
            find_inputs([str(tmp_path / "none\nhere.jpg")])

    def test_excluded_folders_are_not_searched(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.jpg", "out/a.png", "x/out/a.png"])
        found = find_inputs([str(tmp_path)], exclude=[tmp_path / "x" / ".." / "out"])
        assert relatives(found) == ["a.jpg", "x/out/a.png"]
        # The folder one asks for is searched, even if it is the output folder.
        found = find_inputs([str(tmp_path / "out")], exclude=[tmp_path / "out"])
        assert relatives(found) == ["a.png"]

    @pytest.mark.parametrize("separator", [b"\n", b"\r\n", b"\0"])
    def test_lists_keep_paths_below_the_current_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, separator: bytes
    ) -> None:
        make(tmp_path, ["work/x/a.jpg", "work/y/a.jpg", "else/a.jpg", "work/z/in.png"])
        monkeypatch.chdir(tmp_path / "work")
        listed = ["x/a.jpg", "./y/a.jpg", "", str(tmp_path / "work/y/b.jpg"), "../else/a.jpg"]
        listed += [str(tmp_path / "else/c.jpg"), "missing.jpg", "z"]
        data = separator.join(map(os.fsencode, listed)) + separator
        found = find_inputs(["-"], stdin=io.BytesIO(data))
        expected = ["x/a.jpg", "y/a.jpg", "y/b.jpg", "a.jpg", "c.jpg", "missing.jpg", "in.png"]
        assert relatives(found) == expected

    def test_names_with_newlines_come_through_nul_separated_lists(self, tmp_path: Path) -> None:
        names = ["two\nlines.jpg", "quote'\".jpg", " space .jpg"]
        make(tmp_path, names)
        data = b"\0".join(os.fsencode(tmp_path / name) for name in names)
        assert relatives(find_inputs(["-"], stdin=io.BytesIO(data))) == names

    def test_what_systems_leave_is_passed_over(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        litter = ["._a.jpg", "@eaDir/a.jpg/SYNOFILE_THUMB_M.jpg", "x/@eaDir/b.jpg/THUMB.jpg"]
        litter += ["#recycle/old.jpg", "$RECYCLE.BIN/1.jpg", "__MACOSX/._a.jpg", "Thumbs.db"]
        litter += ["x/@__thumb/b.jpg", "lost+found/1.png"]
        make(tmp_path, ["a.jpg", "x/b.jpg", *litter])
        monkeypatch.chdir(tmp_path)
        assert relatives(find_inputs([str(tmp_path)])) == ["a.jpg", "x/b.jpg"]
        listed = "\n".join([*litter, "x/b.jpg"]).encode()
        assert relatives(find_inputs(["-"], stdin=io.BytesIO(listed))) == ["x/b.jpg"]

    def test_undecodable_names(self, tmp_path: Path) -> None:
        try:
            make(tmp_path, [os.fsdecode(b"\xff\xfe.jpg")])
        except OSError:
            pytest.skip("this file system knows no such names")
        (found,) = find_inputs([str(tmp_path)])
        assert os.fsencode(found.relative) == b"\xff\xfe.jpg"
        (listed,) = find_inputs(["-"], stdin=io.BytesIO(os.fsencode(found.path)))
        assert listed.path == found.path

    def test_links_are_followed_and_loops_end(self, tmp_path: Path) -> None:
        root = make(tmp_path / "root", ["a.jpg", "z/b.jpg"])
        outside = make(tmp_path / "outside", ["c.jpg"])
        (root / "loop").symlink_to(root)
        (root / "z" / "up").symlink_to("..")
        (root / "first").symlink_to(root / "z")  # the real path wins
        (root / "linked").symlink_to(outside)
        (outside / "back").symlink_to(root)
        (root / "d.jpg").symlink_to(root / "a.jpg")
        (root / "broken").symlink_to(root / "none")
        (root / "self").symlink_to(root / "self")
        found = find_inputs([str(root)])
        assert relatives(found) == ["a.jpg", "d.jpg", "linked/c.jpg", "z/b.jpg"]


class TestPair:
    def test_by_relative_stem(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.png", "x/b.tif", "x/v1.0.png", "unused.png", "x/a.txt"])
        inputs = photos("a.jpg", "x/b.jpg", "x/v1.0.jpg", "c.jpg")
        result = pair(inputs, tmp_path)
        assert summary(result, tmp_path) == {
            "a.jpg": ["a.png"],
            "x/b.jpg": ["x/b.tif"],
            "x/v1.0.jpg": ["x/v1.0.png"],
        }
        assert relatives(result.unpaired_inputs) == ["c.jpg"]
        assert result.unused_files == (tmp_path / "unused.png",)
        assert result.ambiguous == {}

    def test_one_stem_in_two_folders_is_two_photos(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.png", "x/a.png"])
        assert summary(pair(photos("a.jpg", "x/a.jpg"), tmp_path), tmp_path) == {
            "a.jpg": ["a.png"],
            "x/a.jpg": ["x/a.png"],
        }

    def test_a_folder_of_masks_in_natural_order(self, tmp_path: Path) -> None:
        make(tmp_path, ["a/10.png", "a/2.png", "a/metadata.csv", "x/b/0.png", "a/deeper/0.png"])
        result = pair(photos("a.jpg", "x/b.jpg"), tmp_path)
        assert summary(result, tmp_path) == {
            "a.jpg": ["a/2.png", "a/10.png"],
            "x/b.jpg": ["x/b/0.png"],
        }
        assert result.unused_files == (tmp_path / "a/deeper/0.png",)

    def test_the_full_name_comes_first(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.jpg.png", "a.png.png", "a.png", "b.jpg/1.png", "b.jpg/2.png"])
        result = pair(photos("a.jpg", "a.png", "a.webp", "b.jpg"), tmp_path)
        assert summary(result, tmp_path) == {
            "a.jpg": ["a.jpg.png"],
            "a.png": ["a.png.png"],
            "a.webp": ["a.png"],
            "b.jpg": ["b.jpg/1.png", "b.jpg/2.png"],
        }

    def test_extensions_that_differ_are_ambiguous(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.png", "a.tiff", "b.png"])
        result = pair(photos("a.jpg", "b.jpg"), tmp_path)
        assert summary(result, tmp_path) == {"b.jpg": ["b.png"]}
        (paths,) = result.ambiguous.values()
        assert sorted(p.name for p in paths) == ["a.png", "a.tiff"]
        assert result.unpaired_inputs == ()
        assert result.unused_files == ()

    def test_a_file_beside_a_folder_is_ambiguous(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.png", "a/1.png"])
        result = pair(photos("a.jpg"), tmp_path)
        assert result.paired == {}
        assert relatives(result.ambiguous) == ["a.jpg"]

    def test_a_subfolders_masks_are_not_those_of_a_photo_of_its_name(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.png", "a/1.png"])
        result = pair(photos("a.jpg", "a/1.jpg"), tmp_path)
        assert summary(result, tmp_path) == {"a.jpg": ["a.png"], "a/1.jpg": ["a/1.png"]}
        (tmp_path / "a.png").unlink()
        result = pair(photos("a.jpg", "a/1.jpg"), tmp_path)
        assert summary(result, tmp_path) == {"a/1.jpg": ["a/1.png"]}

    def test_flat_masks_for_nested_photos(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.png", "b.jpg.png", "c/0.png", "c/1.png", "d.png"])
        inputs = photos("x/a.jpg", "y/b.jpg", "y/c.jpg", "x/d.jpg", "y/d.jpg")
        result = pair(inputs, tmp_path)
        assert summary(result, tmp_path) == {
            "x/a.jpg": ["a.png"],
            "y/b.jpg": ["b.jpg.png"],
            "y/c.jpg": ["c/0.png", "c/1.png"],
        }
        assert relatives(result.unpaired_inputs) == ["x/d.jpg", "y/d.jpg"]
        assert result.unused_files == (tmp_path / "d.png",)

    def test_a_mirrored_tree_is_no_flat_one(self, tmp_path: Path) -> None:
        make(tmp_path, ["x/a.png", "b.png"])
        result = pair(photos("x/a.jpg", "y/b.jpg"), tmp_path)
        assert summary(result, tmp_path) == {"x/a.jpg": ["x/a.png"]}

    def test_a_flat_mask_belongs_to_the_photo_at_the_top_first(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.png"])
        result = pair(photos("a.jpg", "x/a.jpg"), tmp_path)
        assert summary(result, tmp_path) == {"a.jpg": ["a.png"]}

    def test_photos_and_masks_side_by_side(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.jpg", "a.png", "b.jpg"])
        inputs = [InputFile(tmp_path / n, Path(n)) for n in ("a.jpg", "b.jpg")]
        result = pair(inputs, tmp_path)
        assert summary(result, tmp_path) == {"a.jpg": ["a.png"]}
        assert relatives(result.unpaired_inputs) == ["b.jpg"]

    def test_one_file_for_one_photo(self, tmp_path: Path) -> None:
        mask = make(tmp_path, ["anything.dat"]) / "anything.dat"
        assert list(pair(photos("a.jpg"), mask).paired.values()) == [(mask,)]
        with pytest.raises(UsageError, match="one file for 2 photos"):
            pair(photos("a.jpg", "b.jpg"), mask)
        with pytest.raises(UsageError, match="no such file or folder"):
            pair(photos("a.jpg"), tmp_path / "none")

    def test_depth_maps_have_extensions_of_their_own(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.pfm", "b.exr", "c.NPZ"])
        inputs = photos("a.jpg", "b.jpg", "c.jpg")
        assert len(pair(inputs, tmp_path, DEPTH_SUFFIXES).paired) == 3

    def test_composed_and_decomposed_accents_are_one(self, tmp_path: Path) -> None:
        make(tmp_path, ["cafe\u0301.png"])
        assert len(pair(photos("caf\u00e9.jpg"), tmp_path).paired) == 1

    def test_names_of_tools(self, tmp_path: Path) -> None:
        make(tmp_path, ["a_mask.png", "x/b_mask.png", "a_depth.png", "c_mask.png", "a.png"])
        result = pair(photos("a.jpg", "x/b.jpg"), tmp_path, pattern=NamePattern("{name}_mask"))
        assert summary(result, tmp_path) == {"a.jpg": ["a_mask.png"], "x/b.jpg": ["x/b_mask.png"]}
        assert result.unused_files == (tmp_path / "c_mask.png",)

    def test_flat_files_with_names_of_tools(self, tmp_path: Path) -> None:
        make(tmp_path, ["a_mask.png", "b.jpg_mask.png"])
        pattern = NamePattern("{name}_mask")
        result = pair(photos("x/a.jpg", "y/b.jpg"), tmp_path, pattern=pattern)
        assert len(result.paired) == 2

    def test_the_whole_name_with_a_word(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.jpg.mask.png", "a.jpg.depth.png", "b.jpg.png", "b.png"])
        inputs = photos("a.jpg", "b.jpg")
        expected = {"a.jpg": ["a.jpg.mask.png"], "b.jpg": ["b.jpg.png"]}
        assert summary(pair(inputs, tmp_path), tmp_path) == expected
        depths = pair(inputs, tmp_path, DEPTH_SUFFIXES, word="depth")
        assert summary(depths, tmp_path) == expected | {"a.jpg": ["a.jpg.depth.png"]}

    def test_a_folder_for_each_photo(self, tmp_path: Path) -> None:
        files = ["a/depth.exr", "a/depth_vis.png", "a/mask.png", "x/b/depth.exr", "x/b/image.jpg"]
        make(tmp_path, files)
        pattern = NamePattern("{name}/depth", DEPTH_SUFFIXES)
        result = pair(photos("a.jpg", "x/b.jpg"), tmp_path, DEPTH_SUFFIXES, pattern)
        assert summary(result, tmp_path) == {"a.jpg": ["a/depth.exr"], "x/b.jpg": ["x/b/depth.exr"]}
        assert result.unused_files == ()

    def test_several_masks_by_a_star(self, tmp_path: Path) -> None:
        make(tmp_path, ["a_10.png", "a_9.png", "ab_1.png", "a_b_1.png"])
        inputs = photos("a.jpg", "a_b.jpg", "ab.jpg")
        result = pair(inputs, tmp_path, pattern=NamePattern("{name}_*"))
        assert summary(result, tmp_path) == {
            "a.jpg": ["a_9.png", "a_10.png"],
            "a_b.jpg": ["a_b_1.png"],
            "ab.jpg": ["ab_1.png"],
        }

    def test_a_folder_of_masks_with_a_suffix(self, tmp_path: Path) -> None:
        make(tmp_path, ["a_masks/1.png", "a_masks/0.png", "a/2.png"])
        result = pair(photos("a.jpg"), tmp_path, pattern=NamePattern("_masks"))
        assert summary(result, tmp_path) == {"a.jpg": ["a_masks/0.png", "a_masks/1.png"]}

    def test_two_photos_of_one_name_and_one_mask(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.png", "b.png", "c.jpg.png", "c.png"])
        inputs = photos("a.jpg", "a.tif", "b.jpg", "c.jpg", "c.tif")
        result = pair(inputs, tmp_path)
        assert summary(result, tmp_path) == {
            "a.jpg": ["a.png"],
            "a.tif": ["a.png"],
            "b.jpg": ["b.png"],
            "c.jpg": ["c.jpg.png"],
            "c.tif": ["c.png"],
        }
        assert result.shared == {tmp_path / "a.png": (inputs[0], inputs[1])}

    def test_a_photo_is_nobodys_mask(self, tmp_path: Path) -> None:
        make(tmp_path, ["a.jpg", "a.png", "b.jpg", "b_mask.png"])
        inputs = [InputFile(tmp_path / n, Path(n)) for n in ("a.jpg", "a.png", "b.jpg")]
        assert pair(inputs, tmp_path).paired == {}
        result = pair(inputs, tmp_path, pattern=NamePattern("_mask"))
        assert summary(result, tmp_path) == {"b.jpg": ["b_mask.png"]}


class TestOutputNames:
    def test_the_tree_is_kept(self) -> None:
        names, clashing = output_names(photos("a.jpg", "x/a.jpg", "x/v1.0.tif"))
        assert [p.as_posix() for p in names.values()] == ["a", "x/a", "x/v1.0"]
        assert clashing == ()

    def test_colliding_stems_keep_their_extension(self) -> None:
        names, clashing = output_names(photos("a.jpg", "a.png", "b.jpg", "x/a.jpg"))
        assert [p.as_posix() for p in names.values()] == ["a.jpg", "a.png", "b", "x/a"]
        assert clashing == ()

    def test_a_kept_extension_that_collides_again_is_reported(self) -> None:
        names, clashing = output_names(photos("a.jpg", "a.png", "a.jpg.tif"))
        assert relatives(names) == ["a.png"]
        assert relatives(clashing) == ["a.jpg", "a.jpg.tif"]

    def test_equal_relative_paths_are_reported(self) -> None:
        one, two = (
            InputFile(Path("x/a.jpg"), Path("a.jpg")),
            InputFile(Path("a.jpg"), Path("a.jpg")),
        )
        names, clashing = output_names([one, two, *photos("b.jpg")])
        assert relatives(names) == ["b.jpg"]
        assert clashing == (one, two)

    def test_case_counts_only_where_the_file_system_tells_it(self) -> None:
        inputs = photos("a.jpg", "A.jpg", "b.jpg", "B.png")
        names, clashing = output_names(inputs)
        assert len(set(names.values())) == 4
        names, clashing = output_names(inputs, ignore_case=True)
        assert [p.as_posix() for p in names.values()] == ["b.jpg", "B.png"]
        assert relatives(clashing) == ["a.jpg", "A.jpg"]

    @given(
        st.lists(st.text("aA.é/", min_size=1, max_size=6), unique=True, max_size=8), st.booleans()
    )
    def test_no_two_photos_share_a_name(self, names: list[str], ignore_case: bool) -> None:
        inputs = [InputFile(Path(str(i)), Path(f"{name}.jpg")) for i, name in enumerate(names)]
        placed, clashing = output_names(inputs, ignore_case=ignore_case)
        keys = [p.as_posix().casefold() if ignore_case else p.as_posix() for p in placed.values()]
        assert len(set(keys)) == len(keys)
        assert set(placed) | set(clashing) == set(inputs)
        assert not set(placed) & set(clashing)
