"""Masks from annotations and stacks: areas worked out by hand, hostile files refused."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskdepth_cli.errors import InputFileError, UsageError
from maskdepth_cli.files.masks import read_mask
from maskdepth_cli.pairing.coco import check_selection
from maskdepth_cli.pairing.finding import InputFile
from maskdepth_cli.pairing.mask_files import open_masks
from maskdepth_cli.pairing.matching import pair
from maskdepth_cli.pairing.selection import Selection

Save = Callable[..., Path]
HEIGHT, WIDTH = 20, 30
SIZE = (WIDTH, HEIGHT)


def box(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[top:bottom, left:right] = 1
    return mask


FIRST, SECOND = box(2, 3, 9, 12), box(5, 8, 18, 26)


def run_lengths(mask: np.ndarray) -> list[int]:
    """COCO's counts: columns first, background first."""
    flat = mask.T.ravel().astype(int)
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    return [0, *counts] if flat[0] else counts


def compressed(counts: list[int]) -> str:
    """5 bits a character, from the fourth run on differences: cocoapi's maskApi.c in words."""
    text = ""
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            code = value & 31
            value >>= 5
            more = value != (-1 if code & 16 else 0)
            text += chr(48 + (code | 32 if more else code))
    return text


def rle(mask: np.ndarray, *, packed: bool = True) -> dict[str, Any]:
    counts = run_lengths(mask)
    return {"size": [HEIGHT, WIDTH], "counts": compressed(counts) if packed else counts}


def corners(top: float, left: float, bottom: float, right: float) -> list[float]:
    return [left, top, right, top, right, bottom, left, bottom]


def masks(path: Path, photo: str = "a.jpg", **selection: Any) -> list[np.ndarray]:
    return list(open_masks(path, photo, SIZE, selection=Selection(**selection)))


def written(save: Save, content: Any, name: str = "a.json") -> Path:
    return save(json.dumps(content).encode(), name)


@pytest.mark.parametrize("packed", [True, False])
def test_sam_masks(save: Save, packed: bool) -> None:
    content = [
        {"segmentation": rle(one, packed=packed), "area": int(one.sum()), "predicted_iou": 0.9}
        for one in (FIRST, SECOND)
    ]
    path = written(save, content)
    np.testing.assert_array_equal(masks(path), [FIRST, SECOND])
    np.testing.assert_array_equal(masks(path, ids=(1,)), [SECOND])
    with pytest.raises(InputFileError, match="no classes; drop --classes"):
        masks(path, classes=("person",))


def test_random_masks_survive_compression(save: Save) -> None:
    rng = np.random.default_rng(1)
    truth = [(rng.random((HEIGHT, WIDTH)) < share).astype(np.float32) for share in (0, 0.3, 0.9, 1)]
    path = written(save, [{"segmentation": rle(one)} for one in truth])
    np.testing.assert_array_equal(masks(path), truth)


def test_sa1b(save: Save) -> None:
    entry = {"id": 77, "segmentation": rle(FIRST), "bbox": [3, 2, 9, 7]}
    image = {"image_id": 5, "width": WIDTH, "height": HEIGHT, "file_name": "sa_5.jpg"}
    path = written(save, {"image": image, "annotations": [entry]})
    np.testing.assert_array_equal(masks(path), [FIRST])
    np.testing.assert_array_equal(masks(path, ids=(77,)), [FIRST])
    np.testing.assert_array_equal(masks(path, ids=(1,)), [np.zeros((HEIGHT, WIDTH))])


def labelme(*shapes: dict[str, Any], **settings: Any) -> dict[str, Any]:
    top = {"version": "5.4.1", "flags": {}, "imagePath": "a.jpg", "imageData": None}
    return {**top, "imageHeight": HEIGHT, "imageWidth": WIDTH, "shapes": list(shapes), **settings}


def labelme_shape(kind: str, points: list[list[float]], label: str = "dog", **more: Any) -> Any:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, **more}


def test_labelme(save: Save) -> None:
    polygon = np.reshape(corners(2, 3, 9, 12), (-1, 2)).tolist()
    path = written(
        save,
        labelme(
            labelme_shape("polygon", polygon, "person"),
            labelme_shape("rectangle", [[26, 18], [8, 5]]),
            labelme_shape("point", [[1, 1]]),
            labelme_shape("linestrip", [[1, 1], [5, 5]]),
        ),
    )
    np.testing.assert_array_equal(masks(path), [FIRST, SECOND])
    np.testing.assert_array_equal(masks(path, classes=("Person", "cat")), [FIRST])
    np.testing.assert_array_equal(masks(path, classes=("cat",)), [np.zeros((HEIGHT, WIDTH))])


def test_labelme_circles_groups_and_masks(save: Save) -> None:
    circle = labelme_shape("circle", [[15, 10], [21, 10]])
    assert masks(written(save, labelme(circle)))[0].sum() == pytest.approx(np.pi * 36, rel=0.06)
    boxes = [[[3, 2], [12, 9]], [[8, 5], [26, 18]]]
    parts = [labelme_shape("rectangle", corner, group_id=4) for corner in boxes]
    (both,) = masks(written(save, labelme(*parts)))
    np.testing.assert_array_equal(both, np.maximum(FIRST, SECOND))
    stream = io.BytesIO()
    Image.fromarray(np.full((7, 9), True)).save(stream, "PNG")
    data = base64.b64encode(stream.getvalue()).decode()
    stored = labelme_shape("mask", [[3, 2], [11, 8]], mask=data)
    np.testing.assert_array_equal(masks(written(save, labelme(stored))), [FIRST])


def test_labelme_of_another_size_is_brought_to_the_photos(save: Save) -> None:
    polygon = labelme_shape("rectangle", [[6, 4], [24, 18]])
    content = labelme(polygon, imageHeight=2 * HEIGHT, imageWidth=2 * WIDTH)
    np.testing.assert_array_equal(masks(written(save, content)), [FIRST])


def test_yolo(save: Save, tmp_path: Path) -> None:
    lines = []
    for number, edges in ((0, (2, 3, 9, 12)), (16, (5, 8, 18, 26))):
        shares = [v / (WIDTH, HEIGHT)[i % 2] for i, v in enumerate(corners(*edges))]
        lines.append(f"{number} " + " ".join(f"{share:.6f}" for share in shares))
    path = save("\n".join(lines).encode(), "a.txt")
    np.testing.assert_array_equal(masks(path), [FIRST, SECOND])
    np.testing.assert_array_equal(masks(path, classes=("16",)), [SECOND])
    (tmp_path / "classes.txt").write_text("person\n" + "thing\n" * 15 + "dog\n")
    np.testing.assert_array_equal(masks(path, classes=("dog",)), [SECOND])
    np.testing.assert_array_equal(masks(save(b"", "none.txt")), [np.zeros((HEIGHT, WIDTH))])
    with pytest.raises(InputFileError, match="boxes, not outlines"):
        masks(save(b"0 0.5 0.5 0.2 0.2\n", "boxes.txt"))


def coco(**settings: Any) -> dict[str, Any]:
    def annotation(identity: int, segmentation: Any, category: int, crowd: int = 0) -> Any:
        return {
            "id": identity, "image_id": 9, "category_id": category, "iscrowd": crowd,
            "segmentation": segmentation,
        }  # fmt: skip

    return {
        "images": [
            {"id": 9, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT},
            {"id": 3, "file_name": "empty.jpg", "width": WIDTH, "height": HEIGHT},
        ],
        "annotations": [
            annotation(70, [corners(2, 3, 9, 12)], 1),
            annotation(71, rle(SECOND), 18),
            annotation(72, rle(box(0, 0, 20, 30), packed=False), 1, crowd=1),
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
        **settings,
    }


def test_coco_instances(save: Save) -> None:
    path = written(save, coco(), "instances_val.json")
    np.testing.assert_array_equal(masks(path), [FIRST, SECOND])  # the crowd is none
    np.testing.assert_array_equal(masks(path, classes=("dog",)), [SECOND])
    np.testing.assert_array_equal(masks(path, ids=(70, 72)), [FIRST, np.ones((HEIGHT, WIDTH))])
    np.testing.assert_array_equal(masks(path, "empty.jpg"), [np.zeros((HEIGHT, WIDTH))])
    np.testing.assert_array_equal(masks(path, "below/a.jpg"), [FIRST, SECOND])
    with pytest.raises(InputFileError, match=r"nothing about b\.jpg"):
        masks(path, "b.jpg")


def test_several_polygons_are_one_object(save: Save) -> None:
    content = coco()
    content["annotations"][0]["segmentation"] = [corners(2, 3, 9, 12), corners(5, 8, 18, 26)]
    path = written(save, content)
    np.testing.assert_array_equal(masks(path)[0], np.maximum(FIRST, SECOND))


def test_coco_panoptic(save: Save, tmp_path: Path) -> None:
    ids = (300 * FIRST).astype(int)
    ids[SECOND > 0] = 70_000
    (tmp_path / "panoptic_val").mkdir()
    rgb = np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1).astype(np.uint8)
    Image.fromarray(rgb).save(tmp_path / "panoptic_val/a.png")
    segments = [{"id": 300, "category_id": 1}, {"id": 70_000, "category_id": 18}]
    annotation = {"image_id": 9, "file_name": "a.png", "segments_info": segments}
    path = written(save, coco(annotations=[annotation]), "panoptic_val.json")
    hidden = np.where(SECOND > 0, 0, FIRST)
    np.testing.assert_array_equal(masks(path), [hidden, SECOND])
    np.testing.assert_array_equal(masks(path, classes=("dog",)), [SECOND])
    np.testing.assert_array_equal(masks(path, ids=(300,)), [hidden])
    (tmp_path / "panoptic_val/a.png").unlink()
    with pytest.raises(InputFileError, match=r"a\.png: not in .*panoptic_val, where"):
        masks(path)


def test_pairing_with_one_file_for_many_photos(save: Save) -> None:
    content = coco()
    content["images"].append({"id": 4, "file_name": "val/c.jpg", "width": 1, "height": 1})
    path = written(save, content, "instances_val.json")
    names = ["a.jpg", "c.jpg", "none.jpg", "x/empty.jpg", "y/empty.jpg"]
    photos = [InputFile(Path("photos") / name, Path(name)) for name in names]
    found = pair(photos, path)
    assert {photo.relative.as_posix() for photo in found.paired} == {"a.jpg", "c.jpg"}
    assert set(found.paired.values()) == {(path,)}
    assert [photo.relative.as_posix() for photo in found.unpaired_inputs] == names[2:]


def test_classes_that_are_not_there_are_named_before_any_work(save: Save) -> None:
    path = written(save, coco())
    check_selection(path, Selection(classes=("Dog",)))
    with pytest.raises(UsageError, match="no class cat; it has person, dog"):
        check_selection(path, Selection(classes=("dog", "cat")))


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32, "255"])
@pytest.mark.parametrize("shape", ["nhw", "n1hw"])
def test_stacks(save: Save, dtype: Any, shape: str) -> None:
    stack = np.stack([FIRST, SECOND, 0 * FIRST])
    stored = (255 * stack).astype(np.uint8) if dtype == "255" else stack.astype(dtype)
    if shape == "n1hw":
        stored = stored[:, None]
    np.testing.assert_array_equal(masks(save(npy(stored), "a.npy")), stack)


def test_white_is_that_of_the_whole_stack(save: Save) -> None:
    stack = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    stack[0, 3:9] = 255
    stack[1, 3:9] = 1  # noise of an empty mask, not a full one
    np.testing.assert_allclose(masks(save(npy(stack), "a.npy"))[1].max(), 1 / 255)


def test_stacks_in_archives(save: Save, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", masks=np.stack([FIRST, SECOND]), scores=np.ones(2))
    np.testing.assert_array_equal(masks(tmp_path / "a.npz"), [FIRST, SECOND])


def test_stacks_that_are_none(save: Save, tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"seems to be \(H, W, N\)"):
        masks(save(npy(np.zeros((HEIGHT, WIDTH, 5), bool)), "a.npy"))
    with pytest.raises(InputFileError, match="expected one map of numbers, or a stack"):
        masks(save(npy(np.zeros((2, 3, HEIGHT, WIDTH), bool)), "a.npy"))
    head = b"{'descr': '|b1', 'fortran_order': False, 'shape': (10000000, 20, 30)}"
    data = b"\x93NUMPY\1\0" + len(head).to_bytes(2, "little") + head + bytes(64)
    with pytest.raises(InputFileError, match="too many for one photo"):
        masks(save(data, "many.npy"))
    with pytest.raises(InputFileError, match="0 masks"):
        masks(save(npy(np.zeros((0, HEIGHT, WIDTH), bool)), "none.npy"))
    with pytest.raises(InputFileError, match="expected one map"):
        read_mask(save(npy(np.zeros((2, HEIGHT, WIDTH), bool)), "two.npy"))


@pytest.mark.parametrize(
    "content",
    [
        {"hello": 1},
        [1, 2],
        [{"bbox": [1, 2, 3, 4]}],
        {"type": "FeatureCollection", "features": []},
        "text",
    ],
)
def test_other_json_is_refused(save: Save, content: Any) -> None:
    path = written(save, content)
    with pytest.raises(InputFileError) as failure:
        masks(path)
    assert "\n" not in str(failure.value)


def bad(segmentation: Any) -> bytes:
    return json.dumps([{"segmentation": segmentation}]).encode()


@pytest.mark.parametrize(
    "data",
    [
        bad({"size": [HEIGHT, WIDTH], "counts": "1"}),
        bad({"size": [HEIGHT, WIDTH], "counts": "\u00ff\u00ff"}),
        bad({"size": [HEIGHT, WIDTH], "counts": "o" * 50}),
        bad({"size": [HEIGHT, WIDTH], "counts": [1, -1, HEIGHT * WIDTH]}),
        bad({"size": [HEIGHT, WIDTH], "counts": [10**30]}),
        bad({"size": [HEIGHT, WIDTH], "counts": [0.5, 1]}),
        bad({"size": [HEIGHT, WIDTH]}),
        bad({"size": [10**9, 10**9], "counts": [10**18]}),
        bad({"counts": "1"}),
        bad([[1, 2, 3, 4]]),
        bad([[1, 2, 3, 4, 5]]),
        bad([[0, 0, float("nan"), 0, 4, 4]]),
        bad([[0, 0, 1e9, 0, 4, 4]]),
        bad([[0, 0, float("inf"), 0, 4, 4]]),
        bad([[0, 0] + [0, 0, WIDTH, HEIGHT] * 200_000]),
        bad([["a", "b", "c", "d", "e", "f"]]),
        bad("x"),
        bad(None),
        b"[" * 100_000,
        b'[{"segmentation":',
        b'{"shapes": [{"shape_type": "polygon"}]}',
        b'{"shapes": [{"shape_type": "star", "points": []}]}',
        b'{"shapes": [3]}',
        b'{"images": [{"id": 1}], "annotations": []}',
        b'{"images": [], "annotations": [4]}',
        b"0 0.1 0.2 0.3 0.4 nan 0.2\n",
        b"0 0.1 0.2 0.3 0.4 x 0.2\n",
        b"0 0.1 0.2 0.3 0.4 0.5\n",
    ],
)
def test_hostile_annotations(save: Save, data: bytes) -> None:
    with pytest.raises(InputFileError) as failure:
        masks(save(data, "a.json"))
    assert "\n" not in str(failure.value)
    assert len(str(failure.value)) < 400


def test_without_its_library(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(save, [{"segmentation": rle(FIRST)}])
    monkeypatch.setattr("maskdepth_cli.pairing.regions.find_spec", lambda name: None)
    with pytest.raises(InputFileError, match=r"pip install 'maskdepth\[coco\]'"):
        masks(path)
