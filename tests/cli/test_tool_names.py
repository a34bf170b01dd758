"""Each tool's recipe, run on files that are named and made as that tool names and makes them.

What is taken is seen in the result: it is that of the arrays themselves, refined in Python. Files
that a tool writes beside the right one hold something else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from maskdepth_cli import load_refiner
from maskdepth_cli.files.arrays import encode_pfm
from maskdepth_cli.files.depths import read_depth_map

HEIGHT, WIDTH = 40, 48
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
MASK = (ROWS - 20) ** 2 + (COLUMNS - 24) ** 2 < 11**2
PHOTO = np.random.default_rng(1).integers(60, 120, (HEIGHT, WIDTH, 3)) + 100 * MASK[..., None]
PHOTO = PHOTO.astype(np.uint8)
CODES = cv2.GaussianBlur(1000 + 4000 * MASK.astype(np.float32), (0, 0), 1).round()
CODES = CODES.astype(np.uint16)  # nearer is larger; as distances, an object that lies behind

Write = Callable[[Path], None]


def saved(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def picture(name: str, pixels: np.ndarray) -> Write:
    def write(folder: Path) -> None:
        done, data = cv2.imencode(Path(name).suffix, pixels)
        assert done
        saved(folder / name).write_bytes(data.tobytes())

    return write


def text(name: str, content: object) -> Write:
    words = content if isinstance(content, str) else json.dumps(content)
    return lambda folder: saved(folder / name).write_text(words) and None


def gray(name: str, mask: np.ndarray = MASK) -> Write:
    return picture(name, mask.astype(np.uint8) * 255)


def cut_out(name: str) -> Write:
    return picture(name, np.dstack([PHOTO * MASK[..., None], MASK.astype(np.uint8) * 255]))


def layered_tiff(name: str) -> Write:
    def write(folder: Path) -> None:
        pixels = np.dstack([PHOTO, MASK.astype(np.uint8) * 255])
        tifffile.imwrite(saved(folder / name), pixels, photometric="rgb", extrasamples=[2])

    return write


def exr(name: str, **channels: np.ndarray) -> Write:
    def write(folder: Path) -> None:
        library = pytest.importorskip("OpenEXR")
        pixels = {key.replace("_", "."): values for key, values in channels.items()}
        library.File({}, pixels).write(str(saved(folder / name)))

    return write


def runs(mask: np.ndarray) -> list[int]:
    """COCO's counts: columns first, background first."""
    flat = np.concatenate([[0], mask.T.ravel().astype(int), [-1]])
    ends = np.flatnonzero(np.diff(flat))
    return np.diff(np.concatenate([[0], ends])).tolist()


def coco(name: str) -> Write:
    segmentation = {"size": [HEIGHT, WIDTH], "counts": runs(MASK)}
    annotation = {"id": 7, "image_id": 1, "category_id": 1, "iscrowd": 0}
    other = {**annotation, "id": 8, "category_id": 18}
    return text(
        name,
        {
            "images": [{"id": 1, "file_name": "tree.png", "height": HEIGHT, "width": WIDTH}],
            "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
            "annotations": [
                {**annotation, "segmentation": segmentation},
                {**other, "segmentation": {**segmentation, "counts": runs(ROWS < 8)}},
            ],
        },
    )


def sam(name: str) -> Write:
    segmentation = {"size": [HEIGHT, WIDTH], "counts": runs(MASK)}
    return text(name, [{"segmentation": segmentation, "area": int(MASK.sum()), "bbox": [0] * 4}])


EMPTY = np.zeros_like(MASK)

MASKS = {
    "rembg, one file": ([cut_out("tree.out.png")], ["--mask-suffix", "{name}.out"]),
    "rembg p": ([cut_out("tree.png")], []),
    "rembg p -om": ([gray("tree.png")], []),
    "remove.bg": (
        [cut_out("tree-removebg-preview.png")],
        ["--mask-suffix", "{name}-removebg-preview"],
    ),
    "COLMAP": ([gray("tree.png.png")], []),
    "LichtFeld": ([gray("tree.png.mask.png")], []),
    "OpenMVS": ([gray("tree.mask.png")], ["--mask-suffix", "{name}.mask"]),
    "3DGRUT, the paper's authors": ([gray("tree_mask.png")], ["--mask-suffix", "{name}_mask"]),
    "SAM's amg": ([gray("tree/0.png"), text("tree/metadata.csv", "id,area\n0,377\n")], []),
    "SAM's amg --convert-to-rle": ([sam("tree.json")], []),
    "COCO": ([coco("instances_val2017.json")], ["--classes", "person"]),
    "Photoshop, PNG": ([cut_out("tree.png")], []),
    "Photoshop, TIFF": ([layered_tiff("tree.tif")], []),
    "Nuke": ([exr("tree.exr", A=MASK.astype(np.float32))], []),
    "Blender": ([exr("tree0001.exr", Y=MASK.astype(np.float32))], ["--mask-suffix", "{name}0001"]),
}

FLOATS = CODES.astype(np.float32)
WRONG = picture("tree.png", np.dstack([PHOTO[..., :1]] * 3))


def array(name: str, values: np.ndarray) -> Write:
    return lambda folder: np.save(saved(folder / name), values)


def arrays(name: str, **values: np.ndarray) -> Write:
    return lambda folder: np.savez_compressed(saved(folder / name), **values)


def pfm(name: str) -> Write:
    return lambda folder: saved(folder / name).write_bytes(encode_pfm(FLOATS)) and None


METRIC = ["--depth-kind", "depth"]
MIDAS = "tree-dpt_beit_large_512"
DEPTHS = {
    "MiDaS": (
        [pfm(f"{MIDAS}.pfm"), picture(f"{MIDAS}.png", CODES // 2)],
        ["--depth-suffix", "{name}-*.pfm"],
    ),
    "MiDaS, both files": (
        [pfm(f"{MIDAS}.pfm"), picture(f"{MIDAS}.png", CODES // 2)],
        ["--depth-suffix", "{name}-*"],
    ),
    "Depth Anything V2": ([picture("tree.png", np.dstack([CODES // 20] * 3).astype(np.uint8))], []),
    "Depth Anything V2, metric": (
        [array("tree_raw_depth_meter.npy", FLOATS), WRONG],
        [*METRIC, "--depth-suffix", "{name}_raw_depth_meter"],
    ),
    "Depth Anything V2, metric, without its name": (
        [array("tree_raw_depth_meter.npy", FLOATS), WRONG],
        METRIC,
    ),
    "Depth Anything 3": (
        [
            arrays(
                "tree/exports/mini_npz/results.npz",
                depth=FLOATS[None],
                conf=np.ones((1, HEIGHT, WIDTH), np.float32),
                extrinsics=np.zeros((1, 3, 4), np.float32),
                intrinsics=np.zeros((1, 3, 3), np.float32),
            )
        ],
        [*METRIC, "--depth-suffix", "{name}/exports/mini_npz/results"],
    ),
    "Depth Pro": (
        [arrays("tree.npz", depth=FLOATS), picture("tree.jpg", PHOTO)],
        METRIC,
    ),
    "MoGe": (
        [
            exr("tree/depth.exr", Y=FLOATS),
            picture("tree/depth_vis.png", PHOTO),
            gray("tree/mask.png"),
            picture("tree/image.jpg", PHOTO),
            text("tree/fov.json", {"fov_x": 60.0}),
        ],
        [*METRIC, "--depth-suffix", "{name}/depth"],
    ),
    "Marigold": (
        [array("tree_pred.npy", FLOATS / 5000)],
        ["--depth-kind", "far", "--depth-suffix", "{name}_pred"],
    ),
    "Marigold, 16 bits": (
        [picture("tree_pred.png", CODES)],
        ["--depth-kind", "far", "--depth-suffix", "{name}_pred"],
    ),
    "ZoeDepth": ([picture("tree.png", CODES)], METRIC),
    "webui depthmap": ([picture("tree-0000.png", CODES)], ["--depth-suffix", "{name}-0000"]),
    "the paper's authors": ([picture("tree_depth.png", CODES)], ["--depth-suffix", "{name}_depth"]),
    "Nuke": ([exr("tree.exr", R=FLOATS * 0, G=FLOATS * 0, B=FLOATS * 0, depth_Z=FLOATS)], METRIC),
    "Blender": (
        [
            exr(
                "tree0001.exr",
                **{f"ViewLayer_Combined_{one}": FLOATS * 0 for one in "RGBA"},
                ViewLayer_Depth_Z=FLOATS,
                ViewLayer_Normal_Z=FLOATS * 0,
            )
        ],
        [*METRIC, "--depth-suffix", "{name}0001", "--depth-channel", "ViewLayer.Depth.Z"],
    ),
}


@pytest.fixture
def refine(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, maskdepth):
    """Refine a photo with files that tools wrote; return what was written and what was said."""
    monkeypatch.chdir(tmp_path)
    picture("photos/tree.png", PHOTO[..., ::-1])(tmp_path)

    def run(masks: list[Write], depths: list[Write], *options: str):
        for folder, writers in (("masks", masks), ("depths", depths)):
            for write in writers:
                write(tmp_path / folder)
        named = next((tmp_path / "masks").glob("*_val2017.json"), Path("masks"))
        arguments = ["refine", "photos", "--masks", str(named), "--depths", "depths", "-o", "out"]
        ended = maskdepth(*arguments, "--weights", str(weights), "--device", "cpu", *options)
        assert ended.code == 0, ended.err
        (written,) = (tmp_path / "out").glob("tree.*")
        return written, ended.err

    return run


def expected(weights: Path, inverse: np.ndarray) -> np.ndarray:
    refiner = load_refiner(weights, device="cpu")
    image = PHOTO.astype(np.float32) / 255
    return refiner.refine(image, inverse, MASK.astype(np.float32)).depth


@pytest.mark.parametrize("tool", MASKS)
def test_masks(tool: str, refine, weights: Path) -> None:
    writers, options = MASKS[tool]
    written, _ = refine(writers, [array("tree.npy", FLOATS)], *options)
    refined = tifffile.imread(written)
    np.testing.assert_allclose(refined, expected(weights, FLOATS), rtol=1e-4)
    assert not np.array_equal(refined, FLOATS)


@pytest.mark.parametrize("tool", DEPTHS)
def test_depth_maps(tool: str, refine, weights: Path) -> None:
    writers, options = DEPTHS[tool]
    kind = options[options.index("--depth-kind") + 1] if "--depth-kind" in options else "inverse"
    written, _ = refine([gray("tree.png")], writers, *options)
    before = {
        "Depth Anything V2": np.float32(CODES // 20),
        "Marigold": FLOATS / 5000,
    }.get(tool, FLOATS)
    inverse = {"inverse": before, "depth": 1 / before, "far": -before}[kind]
    found = read_depth_map(written, kind)
    step = 0 if found.bits == 0 else found.scale.step * np.abs(np.gradient(inverse.ravel())).max()
    after = expected(weights, inverse)
    span = np.ptp(inverse)
    offset = {"far": found.inverse.mean() - after.mean()}.get(kind, 0)  # its zero is no meaning
    np.testing.assert_allclose(found.inverse - offset, after, atol=max(1e-3 * span, step))
    assert np.abs(after - inverse).max() > 0.01 * span


def test_what_is_there_twice_is_said(refine) -> None:
    writers, options = DEPTHS["MiDaS, both files"]
    _, said = refine([gray("tree.png")], writers, *options)
    assert f"a photo has the depth map twice, as {MIDAS}.pfm and {MIDAS}.png" in said


def test_a_photo_of_all_in_one_folder(refine, tmp_path: Path, weights: Path) -> None:
    """Photo, `_mask` and `_depth` side by side, as the paper's authors have them."""
    picture("photos/tree_mask.png", MASK.astype(np.uint8) * 255)(tmp_path)
    picture("photos/tree_depth.png", CODES)(tmp_path)
    names = ["--mask-suffix", "{name}_mask", "--depth-suffix", "{name}_depth"]
    written, _ = refine([], [], *names, "--masks", "photos", "--depths", "photos")
    refined = cv2.imread(str(written), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(refined, expected(weights, FLOATS), atol=1.5)


def test_photoshop_cut_outs_of_16_bits(refine, weights: Path) -> None:
    pixels = np.dstack([PHOTO, MASK.astype(np.uint8) * 255]).astype(np.uint16) * 257
    written, _ = refine([picture("tree.png", pixels)], [array("tree.npy", FLOATS)])
    np.testing.assert_allclose(tifffile.imread(written), expected(weights, FLOATS), rtol=1e-4)


def test_cut_outs_are_read_by_pillow_as_they_were_meant(tmp_path: Path) -> None:
    cut_out("tree.out.png")(tmp_path)
    with Image.open(tmp_path / "tree.out.png") as made:
        assert made.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(made)[..., 3] > 0, MASK)
