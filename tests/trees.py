"""Small trees in the exact original layouts of the test sets, with known geometry."""

from __future__ import annotations

import csv

import cv2
import h5py
import numpy as np

HEIGHT, WIDTH = 24, 32


def photo(seed=0, height=HEIGHT, width=WIDTH):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def metric_depth(seed=0, height=HEIGHT, width=WIDTH):
    """Metres: a near box on a far wall."""
    depth = np.full((height, width), 8.0 + seed, np.float32)
    depth[6:18, 8:20] = 2.0
    return depth


def instance_ids(height=HEIGHT, width=WIDTH):
    ids = np.zeros((height, width), np.uint8)
    ids[6:18, 8:20] = 7
    return ids


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".hdf5":
        with h5py.File(path, "w") as file:
            file.create_dataset("dataset", data=array, compression="gzip")
    else:
        assert cv2.imwrite(str(path), array)


def tartanair1(root, environments=("hospital", "ocean"), numbers=(0, 3), frame=100):
    for environment in environments:
        for number in numbers:
            folder = root / environment / "Easy" / f"P{number:03d}"
            write(folder / f"image_left/{frame:06d}_left.png", photo(number))
            write(folder / f"depth_left/{frame:06d}_left_depth.npy", metric_depth(number))
            write(folder / f"seg_left/{frame:06d}_left_seg.npy", instance_ids())
            (folder / "pose_left.txt").write_text("0 0 0 0 0 0 1\n")
        write(root / environment / "Hard/P000/image_left/000100_left.png", photo())
    return root


def pack(depth):
    """As TartanAir v2 does: the bytes of float32 become the four channels that OpenCV writes."""
    return np.ascontiguousarray(depth, "<f4").view(np.uint8).reshape(*depth.shape, 4)


def tartanair2(root):
    folder = root / "AbandonedCable" / "Data_easy" / "P002"
    name = "000100_lcam_front"
    write(folder / f"image_lcam_front/{name}.png", photo())
    write(folder / f"depth_lcam_front/{name}_depth.png", pack(metric_depth()))
    write(folder / f"seg_lcam_front/{name}_seg.png", instance_ids())
    return root


HYPERSIM = (768 // 32, 1024 // 32)  # same aspect as the original


def ray_lengths(height, width):
    """How much longer than its planar depth a pixel's ray is, from the published focal length."""
    focal = 886.81 * width / 1024
    x = np.linspace(-width / 2 + 0.5, width / 2 - 0.5, width)
    y = np.linspace(-height / 2 + 0.5, height / 2 - 0.5, height)
    return np.sqrt(x[None] ** 2 + y[:, None] ** 2 + focal**2) / focal


def hypersim(root, scenes=("ai_001_001", "ai_001_002"), cameras=("cam_00", "cam_01"), preview=True):
    height, width = HYPERSIM
    for scene in scenes:
        for camera in cameras:
            images = root / scene / "images"
            for frame in (3, 5):
                geometry = images / f"scene_{camera}_geometry_hdf5"
                distance = metric_depth(0, height, width) * ray_lengths(height, width)
                distance[:2] = np.nan
                ids = np.where(instance_ids(height, width) > 0, 7, -1).astype(np.int16)
                stem = f"frame.{frame:04d}"
                write(geometry / f"{stem}.depth_meters.hdf5", distance.astype(np.float16))
                write(geometry / f"{stem}.semantic_instance.hdf5", ids)
                write(geometry / f"{stem}.render_entity_id.hdf5", np.ones((height, width), int))
                if preview:
                    final = images / f"scene_{camera}_final_preview"
                    write(final / f"{stem}.tonemap.jpg", photo(frame, height, width))
                else:
                    colour = np.full((height, width, 3), 0.5, np.float16)
                    write(images / f"scene_{camera}_final_hdf5/{stem}.color.hdf5", colour)
    return root


def table(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def camera_row(scene, matrix):
    return {"scene_name": scene} | {
        f"M_cam_from_uv_{i}{j}": matrix[i][j] for i in range(3) for j in range(3)
    }


def generic(root, names=("a", "b"), seg=True):
    inverse = np.round(60000 / metric_depth()).astype(np.uint16)
    for index, name in enumerate(names):
        write(root / f"rgb/{name}.jpg", photo(index))
        write(root / f"depth/{name}.png", inverse)
        if seg:
            write(root / f"seg/{name}.png", instance_ids())
    return root
