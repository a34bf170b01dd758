"""Small trees in the exact original layouts of public data sets, with known content."""

from __future__ import annotations

import csv
import json

import cv2
import h5py
import numpy as np
import OpenEXR

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
        hard = root / environment / "Hard/P000"
        write(hard / "image_left/000100_left.png", photo())
        write(hard / "depth_left/000100_left_depth.npy", metric_depth(9))
        write(hard / "seg_left/000100_left_seg.npy", instance_ids())
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


def nyu(root, count=2):
    """MATLAB 7.3: HDF5 with reversed axes."""
    root.mkdir(parents=True, exist_ok=True)
    labels = np.where(instance_ids() > 0, 5, 0).astype(np.uint16)
    labels[:3] = 8  # one class, two instances
    instances = np.where(labels > 0, 1, 0).astype(np.uint8)
    instances[:3, WIDTH // 2 :] = 2
    arrays = {
        "images": [photo(i).T for i in range(count)],
        "depths": [metric_depth(i).T for i in range(count)],
        "rawDepths": [metric_depth(i).T for i in range(count)],
        "labels": [labels.T] * count,
        "instances": [instances.T] * count,
    }
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "w") as file:
        for key, values in arrays.items():
            file.create_dataset(key, data=np.stack(values))
    return root


def diode(root):
    scan = root / "val/indoors/scene_00019/scan_00183"
    name = "00019_00183_indoors_000_010"
    valid = np.ones((HEIGHT, WIDTH), np.float32)
    valid[:, :3] = 0
    write(scan / f"{name}.png", photo()[..., ::-1])
    write(scan / f"{name}_depth.npy", metric_depth()[..., None] * valid[..., None])
    write(scan / f"{name}_depth_mask.npy", valid)
    return root


def megadepth(root):
    dense = root / "MegaDepth_v1/0000/dense0"
    ordinal = np.where(instance_ids() > 0, -1, 1).astype(np.float32)
    depth = metric_depth() + np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    depth[-2:] = 0
    for name, values in (("1_o", depth), ("2_o", ordinal)):
        write(dense / f"imgs/{name}.jpg", photo())
        (dense / "depths").mkdir(exist_ok=True)
        with h5py.File(dense / f"depths/{name}.h5", "w") as file:
            file.create_dataset("depth", data=values)
    return root


def irs(root):
    scene = root / "IRSDataset/Office/OfficeMedley1"
    for number in (1, 215):
        write(scene / f"l_{number}.png", photo(number))
        write(scene / f"r_{number}.png", photo(number + 1))
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        disparity = 48 / metric_depth()
        disparity[0, 0] = 0
        OpenEXR.File(header, {"G": disparity}).write(str(scene / f"d_{number}.exr"))
    return root


SEGMENTS = {3_000_001: (1, "person"), 65_537: (187, "sky-other-merged"), 258: (62, "chair")}


def coco(root):
    """Three segments side by side, each a third of the picture, and one too small."""
    ids = np.repeat([*SEGMENTS], WIDTH // 3)[None].repeat(HEIGHT, 0)
    ids = np.pad(ids, ((0, 0), (0, WIDTH - ids.shape[1])))
    ids[0, 0] = 77
    bytes_ = np.stack([ids // 65536, ids // 256 % 256, ids % 256], -1).astype(np.uint8)  # BGR
    write(root / "annotations/panoptic_val2017/000000000139.png", bytes_)
    segments = [
        {"id": segment, "category_id": category, "iscrowd": 0, "area": int((ids == segment).sum())}
        for segment, (category, _) in SEGMENTS.items()
    ]
    segments.append({"id": 77, "category_id": 62, "iscrowd": 0, "area": 1})
    table = {
        "images": [{"id": 139, "height": HEIGHT, "width": WIDTH, "file_name": "000000000139.jpg"}],
        "annotations": [
            {"image_id": 139, "file_name": "000000000139.png", "segments_info": segments}
        ],
        "categories": [
            {"id": category, "name": name, "isthing": int(category < 100)}
            for category, name in SEGMENTS.values()
        ],
    }
    (root / "annotations/panoptic_val2017.json").write_text(json.dumps(table))
    return root


def ade20k(root):
    """Sky above, a person on the left, and two chairs (class 20) on the floor (0: other)."""
    classes = np.zeros((HEIGHT, WIDTH), np.uint8)
    classes[:8] = 3
    classes[8:, :10] = 13
    classes[14:, 14:20] = classes[14:, 24:30] = 20
    folder = root / "ADEChallengeData2016"
    write(folder / "annotations/training/ADE_train_00000001.png", classes)
    write(folder / "images/training/ADE_train_00000001.jpg", photo())
    return root


def ring(height=HEIGHT, width=WIDTH):
    """A soft-edged square with a hole."""
    alpha = np.zeros((height, width), np.uint8)
    alpha[4:20, 6:22] = 255
    alpha[10:14, 12:16] = 0
    alpha[4, 6:22] = 100
    return alpha


def duts(root):
    write(root / "DUTS-TR/DUTS-TR-Image/ILSVRC2012_test_00000004.jpg", photo())
    write(root / "DUTS-TR/DUTS-TR-Mask/ILSVRC2012_test_00000004.png", ring())
    return root


def p3m(root):
    write(root / "P3M-10k/train/blurred_image/p_1.jpg", photo())
    write(root / "P3M-10k/train/mask/p_1.png", ring())
    return root
