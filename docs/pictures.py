"""Draw the pictures of the documentation from what `make demo` wrote: `make pictures`."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image

from maskdepth_cli.files.depths import read_depth
from maskdepth_cli.files.images import read_image
from maskdepth_cli.files.masks import read_mask
from maskdepth_cli.viewing.bokeh import Lens, bokeh
from maskdepth_cli.viewing.light import from_linear
from maskdepth_cli.viewing.videos import read_frames

DOCS, EXAMPLES = Path("docs"), Path("examples")
RUN, GIVEN, ROOMS = Path("demo/photos"), Path("demo/given"), Path("demo/rooms")
BYTES = 150_000  # of one picture, at most
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
VERTEX = np.dtype([("position", "<f4", 3), ("color", "u1", 3)])


def main() -> None:
    """Draw every picture; captions are paths from the root of the repository."""
    os.chdir(Path(__file__).parents[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        maskdepth("predict", EXAMPLES / "photos", "-o", folder / "depths")
        save(Image.open(GIVEN / "previews" / "rocket.png"), "preview.jpg")
        draw_comparison(folder)
        draw_bokeh(folder)
        draw_hazy(folder)
        draw_stereo(folder)
        draw_mesh(folder)
        draw_export(folder)
        draw_point_clouds(folder)
        draw_gallery(folder)


def maskdepth(*arguments: str | Path) -> None:
    """Run the command."""
    subprocess.run([sys.executable, "-m", "maskdepth_cli", *map(str, arguments)], check=True)


def draw_comparison(folder: Path) -> None:
    """Draw what `show` makes of an example with a true depth map."""
    rooms = EXAMPLES / "rooms"
    arguments = [rooms / "rgb", "--before", rooms / "initial", "--after", ROOMS]
    arguments += ["--instances", rooms / "seg", "--truth", rooms / "depth", "-o", folder / "shown"]
    maskdepth("show", *arguments)
    save(Image.open(folder / "shown" / "in_0022_a.png"), "show.jpg")


def draw_bokeh(folder: Path) -> None:
    """Draw a photo, its blur by the initial depth alone, and what `bokeh` makes of it."""
    maskdepth("bokeh", RUN, "astronaut.jpg", "--aperture", "0.03", "-o", folder / "bokeh")
    image = read_image(EXAMPLES / "photos" / "astronaut.jpg")
    mask = read_mask(EXAMPLES / "masks" / "astronaut.png")
    depth = read_depth(folder / "depths" / "astronaut.tiff", "inverse")
    focus = float(np.median(depth[mask >= 0.5]))
    nothing = np.zeros_like(mask)
    alone = bokeh(image, depth, depth, nothing, Lens(focus, 0.03 * max(mask.shape)))
    layered = read_image(folder / "bokeh" / "astronaut.png")
    beside([image, alone, layered], "bokeh.jpg")


def draw_hazy(folder: Path) -> None:
    """Draw a mask with a wide haze around the object, and what becomes of the photo with it."""
    mask = read_mask(EXAMPLES / "masks" / "friends.png")
    away = cv2.distanceTransform((mask < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    noise = np.random.default_rng(1).standard_normal(mask.shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 70)
    haze = np.interp(noise, (noise.min(), noise.max()), (0.05, 0.3)) * np.clip(2 - away / 150, 0, 1)
    hazy = np.maximum(mask, haze.astype(np.float32))
    (folder / "hazy").mkdir()
    cv2.imwrite(str(folder / "hazy" / "friends.png"), np.rint(hazy * 255).astype(np.uint8))
    photo, run = EXAMPLES / "photos" / "friends.jpg", folder / "run"
    maskdepth("refine", photo, "--masks", folder / "hazy", "-o", run, "--layers")
    maskdepth("bokeh", run, "--aperture", "0.02", "-o", folder / "over")
    maskdepth("stereo", run, "--strength", "0.05", "--layout", "pair", "-o", folder / "seen")
    names = ["over/friends.png", "seen/friends-right.png"]
    pictures = [np.dstack([hazy] * 3), *(read_image(folder / name) for name in names)]
    beside([read_image(photo), *pictures], "hazy.jpg")


def draw_stereo(folder: Path) -> None:
    """Draw what both eyes see of a photo, an anaglyph, and a picture of its parallax."""
    one = [RUN, "friends.jpg", "--strength", "0.05", "-o"]
    maskdepth("stereo", *one, folder / "pair", "--layout", "pair")
    maskdepth("stereo", *one, folder / "red", "--layout", "anaglyph")
    maskdepth("parallax", *one, folder / "moving", "--fps", "8")
    names = ["pair/friends-left.png", "pair/friends-right.png", "red/friends.png"]
    pictures = [read_image(folder / name) for name in names]
    height, width = pictures[0].shape[:2]
    moved = Image.fromarray(read_frames(folder / "moving/friends.mp4")[8]).resize((width, height))
    beside([*pictures, np.asarray(moved) / 255], "stereo.jpg")


def draw_mesh(folder: Path) -> None:
    """Draw a mesh from its left and its right, by points on its surfaces."""
    import trimesh

    within = ["--near", "1", "--far", "2.5", "-o", folder / "meshes"]
    maskdepth("mesh", RUN, "temple.jpg", *within)
    image = read_image(EXAMPLES / "photos" / "temple.jpg")
    positions, colors = [], []
    for surface in trimesh.load(folder / "meshes" / "temple.glb").geometry.values():
        surface.visual.material = surface.visual.material.to_simple()  # sampling reads these alone
        where, _, color = trimesh.sample.sample_surface(surface, 3_000_000, None, True, 0)
        solid = color[:, 3] > 127
        positions.append(where[solid])
        colors.append(color[solid, :3])
    cloud, size = (np.concatenate(positions), np.concatenate(colors)), image.shape[1::-1]
    beside([view(*cloud, *size, degrees) for degrees in (12, 0, -12)], "mesh.jpg")


def draw_export(folder: Path) -> None:
    """Draw what `export` writes: alpha, both colours, both depths."""
    maskdepth("export", RUN, "astronaut.jpg", "--format", "files", "-o", folder / "pages")
    names = [
        "alpha",
        "foreground.color",
        "background.color",
        "foreground.depth",
        "background.depth",
    ]
    pages = [tifffile.imread(folder / "pages" / "astronaut" / f"{name}.tiff") for name in names]
    low, high = (limit([depth.astype(float) for depth in pages[3:]]) for limit in (np.min, np.max))
    depths = [(depth - low) / (high - low) for depth in pages[3:]]
    gray = [np.dstack([plane] * 3) for plane in (pages[0], *depths)]
    beside([gray[0], *map(from_linear, pages[1:3]), *gray[1:]], "export.jpg")


def draw_point_clouds(folder: Path) -> None:
    """Draw a flower from its right: by the initial depth, by the refined depth, by both layers."""
    photo, layers = EXAMPLES / "photos" / "flower.jpg", RUN / "layers"
    within = ["--near", "1", "--far", "4", "-o"]
    range_of = ["--range-of", RUN / "flower.tiff"]
    initial, refined = folder / "depths" / "flower.tiff", RUN / "flower.tiff"
    maskdepth("pointcloud", photo, initial, *range_of, *within, folder / "1.ply")
    maskdepth("pointcloud", photo, refined, *range_of, *within, folder / "2.ply")
    both = [layers / "foreground" / "flower.tiff", "--mask", EXAMPLES / "masks" / "flower.png"]
    both += ["--behind", layers / "background" / "flower.tiff"]
    maskdepth("pointcloud", photo, *both, *within, folder / "3.ply")
    height, width = read_image(photo).shape[:2]
    clouds = [read_points(folder / f"{number}.ply") for number in (1, 2, 3)]
    beside([view(*cloud, width, height) for cloud in clouds], "pointcloud.jpg")


def read_points(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return positions (N, 3) and colours (N, 3) of a PLY file of ours."""
    points = np.frombuffer(path.read_bytes().partition(b"end_header\n")[2], VERTEX)
    return points["position"], points["color"]


def view(
    positions: np.ndarray, colors: np.ndarray, width: int, height: int, degrees: float = -14
) -> np.ndarray:
    """Draw points from a camera some degrees beside theirs, the nearest in front; (H, W, 3)."""
    angle, pivot = np.radians(degrees), np.array([0, 0, -1.6])
    turn = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    x, y, z = ((positions - pivot) @ np.array(turn).T + pivot).T
    focal = width / 2 / np.tan(np.radians(30))
    columns = np.rint(width / 2 - focal * x / z - 0.5).astype(int)
    rows = np.rint(height / 2 + focal * y / z - 0.5).astype(int)
    picture = np.full((height, width, 3), 0.1)
    inside = (z < 0) & (rows >= 0) & (rows < height - 1) & (columns >= 0) & (columns < width - 1)
    order = np.flatnonzero(inside)[np.argsort(z[inside])]  # far to near: the last one stays
    order = np.repeat(order, 4)
    down, across = (np.tile(offsets, len(order) // 4) for offsets in ([0, 0, 1, 1], [0, 1, 0, 1]))
    picture[rows[order] + down, columns[order] + across] = colors[order] / 255
    return picture


def draw_gallery(folder: Path) -> None:
    """Photograph the gallery of the example photos in a browser without a window."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"gallery.jpg is left as it is: none of {', '.join(BROWSERS)} is installed")
        return
    picture = folder / "gallery.png"
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    options += ["--window-size=1280,830", f"--user-data-dir={folder / 'profile'}"]
    options += [f"--screenshot={picture}", (RUN / "gallery.html").resolve().as_uri()]
    subprocess.run([browser, *options], check=True, stderr=subprocess.DEVNULL)
    save(Image.open(picture), "gallery.jpg")


def beside(pictures: list[np.ndarray], name: str) -> None:
    """Save pictures (H, W, 3) in [0, 1] side by side."""
    gap = np.full((pictures[0].shape[0], 6, 3), 0.1)
    row = [part for picture in pictures for part in (picture, gap)][:-1]
    save(Image.fromarray(np.rint(np.concatenate(row, axis=1) * 255).astype(np.uint8)), name)


def save(picture: Image.Image, name: str) -> None:
    """Save a picture as JPEG, at most 1600 pixels wide and as good as `BYTES` allow."""
    picture = picture.convert("RGB")
    picture.thumbnail((1600, 1600), Image.Resampling.LANCZOS)
    for quality in range(90, 30, -4):
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality, optimize=True)
        if stream.tell() <= BYTES:
            break
    (DOCS / name).write_bytes(stream.getvalue())
    print(f"docs/{name}: {stream.tell()} bytes, quality {quality}")


if __name__ == "__main__":
    main()
