"""Mutated files of every kind that is read: each ends in a result or in one line.

Mutants are a pure function of their kind and number, so that a failure can be repeated. They run
in a process of its own, which ends at a hang and is watched for memory.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from launching import save_untrained
from pictures import every_kind, repaired
from trees import hypersim

SECONDS = 20  # for one mutant
MEBIBYTES = 160  # that one mutant may add to the process
MEGAPIXELS = 1.0  # the limit that readers get: what they may hold is in proportion to it

Reader = Callable[[Path], Any]
Mutate = Callable[[bytes, np.random.Generator], bytes]


@dataclass(frozen=True)
class Kind:
    """Files of one kind.

    Parameters
    ----------
    seeds
        Valid files by name.
    readers
        What reads them.
    mutate
        Damages one, knowing its structure.
    suffix
        The extension of a mutant.
    """

    seeds: dict[str, bytes]
    readers: dict[str, Reader]
    mutate: Mutate
    suffix: str = ""


def spoilt(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage bytes: cut, remove, insert, set to extremes, flip bits."""
    out = bytearray(data)
    place = int(rng.integers(len(out) if rng.random() < 0.5 else min(len(out), 150)))
    match rng.integers(5):
        case 0:
            del out[place:]
        case 1:
            del out[place : place + int(rng.integers(1, 30))]
        case 2:
            out[place:place] = rng.bytes(int(rng.integers(1, 30)))
        case 3:
            extremes = (b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4), b"\xff\xff\xff\x7f", b"\0\1")
            extreme = extremes[int(rng.integers(len(extremes)))]
            out[place : place + len(extreme)] = extreme
        case _:
            for spot in rng.integers(0, len(out), int(rng.integers(1, 6))):
                out[spot] ^= 1 << int(rng.integers(8))
    return bytes(out)


def spoilt_picture(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a picture; in PNG behind valid checksums, in TIFF its directory as well."""
    if data[:2] in (b"II", b"MM") and rng.random() < 0.6:
        return _spoilt_directory(data, rng)
    changed = spoilt(data, rng)
    return repaired(changed) if data.startswith(b"\x89PNG") and rng.random() < 0.7 else changed


def _spoilt_directory(data: bytes, rng: np.random.Generator) -> bytes:
    """Change type, count or value of one entry of a TIFF's first directory."""
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (entries,) = struct.unpack_from(f"{order}H", data, start)
    out = bytearray(data)
    entry = start + 2 + 12 * int(rng.integers(entries))
    extreme = int(rng.choice([0, 1, 2, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1, len(data)]))
    match rng.integers(4):
        case 0:
            struct.pack_into(f"{order}H", out, entry + 2, int(rng.integers(0, 20)))
        case 1:
            struct.pack_into(f"{order}I", out, entry + 4, extreme)
        case 2:
            struct.pack_into(f"{order}I", out, entry + 8, extreme)
        case _:
            struct.pack_into(f"{order}H", out, entry, int(rng.integers(254, 340)))
    return bytes(out)


HOSTILE: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**70,
    1e308,
    0.5,
    "",
    "x",
    "../../outside",
    "/etc/passwd",
    "\ud800\n\x1b[31m",
    [],
    {},
    [[]],
    {"a": []},
    [1, 2, 3, 4],
    10**9,
    [10**9] * 4,
)


def spoilt_json(value: Any, rng: np.random.Generator) -> Any:
    """Replace, remove or add one value somewhere in plain data."""
    if isinstance(value, (dict, list)) and value and rng.random() < 0.8:
        keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = keys[int(rng.integers(len(keys)))]
        copy = value.copy()
        if rng.random() < 0.1:
            del copy[key]
        else:
            copy[key] = spoilt_json(value[key], rng)
        return copy
    if isinstance(value, dict) and rng.random() < 0.3:
        return {**value, "unknown": 1}
    return HOSTILE[int(rng.integers(len(HOSTILE)))]


def spoilt_lines(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage one JSON line."""
    if rng.random() < 0.3:
        return spoilt(data, rng)
    lines = data.splitlines()
    at = int(rng.integers(len(lines)))
    lines[at] = json.dumps(spoilt_json(json.loads(lines[at]), rng)).encode()
    return b"\n".join(lines) + b"\n"


def spoilt_tensors(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a safetensors file, often its header or the configuration in it."""
    if rng.random() < 0.3:
        return spoilt(data, rng)
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    if rng.random() < 0.6:
        config = json.loads(header["__metadata__"]["config"])
        header["__metadata__"]["config"] = json.dumps(spoilt_json(config, rng))
    else:
        header = spoilt_json(header, rng)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def spoilt_toml(data: bytes, rng: np.random.Generator) -> bytes:
    """Give one setting or section of a recipe another value."""
    if rng.random() < 0.2:
        return spoilt(data, rng)
    lines = data.decode().splitlines()
    at = int(rng.integers(len(lines)))
    values = ("-1", "0", '"x"', "[]", "[[[]]]", "{a = 1}", "1e400", "nan", "true", "[1, 'x']")
    value = values[int(rng.integers(len(values)))]
    if "=" in lines[at]:
        lines[at] = f"{lines[at].split('=')[0]}= {value}"
    else:
        name = ("network", "data", "stage1", "loss", "size", "other")[int(rng.integers(6))]
        lines.insert(0, f"{name} = {value}")
    return "\n".join(lines).encode()


def depth_maps() -> dict[str, bytes]:
    """One small depth map in every format that is written, and OpenEXR."""
    from maskdepth_cli.files.depth_writing import write_depth
    from maskdepth_cli.files.layers import write_layers_exr

    share = np.random.default_rng(3).random((24, 32), np.float32)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "d")
        for format in ("png16", "tiff", "npy", "npz", "pfm"):
            write_depth(path, share, format=format, extra={"weights": "x"})
            found[f"depth {format}"] = path.read_bytes()
        write_layers_exr(path.with_suffix(".exr"), {"Y": share}, {})
        found["depth exr"] = path.with_suffix(".exr").read_bytes()
    return found


def _raster_readers() -> dict[str, Reader]:
    from maskdepth_cli.files.depths import read_depth
    from maskdepth_cli.files.images import image_size, read_image
    from maskdepth_cli.files.masks import read_instance_map, read_mask

    limit = {"max_megapixels": MEGAPIXELS}
    return {
        "photo": lambda path: read_image(path, **limit),
        "size": lambda path: image_size(path, **limit),
        "mask": lambda path: read_mask(path, **limit),
        "instance map": lambda path: read_instance_map(path, **limit),
        "panoptic map": lambda path: read_instance_map(path, panoptic=True, **limit),
        "inverse depth": lambda path: read_depth(path, "inverse", **limit),
        "metric depth": lambda path: read_depth(path, "depth", **limit),
    }


def _arrays() -> dict[str, bytes]:
    rng = np.random.default_rng(5)
    found = {}
    for name, array in (
        ("mask", rng.random((6, 8)) > 0.5),
        ("instances", rng.integers(0, 9, (6, 8))),
        ("depth", np.asfortranarray(rng.random((6, 8)).astype(">f2"))),
    ):
        plain, packed = io.BytesIO(), io.BytesIO()
        np.save(plain, array)
        np.savez_compressed(packed, **{name: array})
        found[f"{name}.npy"], found[f"{name}.npz"] = plain.getvalue(), packed.getvalue()
    return found


def _hdf5() -> dict[str, bytes]:
    import h5py

    found = {}
    for name, settings in (("plain", {}), ("compressed", {"compression": "gzip"})):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            file.create_dataset("dataset", data=np.ones((24, 32), np.float16), **settings)
        found[name] = buffer.getvalue()
    return found


def _read_hdf5(path: Path) -> None:
    from maskdepth_cli.datasets.hypersim import open_hypersim

    with tempfile.TemporaryDirectory() as root:
        scene = hypersim(Path(root), scenes=("ai_001_001",), cameras=("cam_00",))
        for depth in scene.rglob("*.depth_meters.hdf5"):
            depth.write_bytes(path.read_bytes())
        dataset = open_hypersim(scene)
        list(dataset)


def _read_table(path: Path) -> None:
    from maskdepth_cli.datasets.hypersim import CAMERAS_TABLE, IMAGES_TABLE, open_hypersim

    for name in (CAMERAS_TABLE, IMAGES_TABLE):
        with tempfile.TemporaryDirectory() as root:
            scene = hypersim(Path(root), scenes=("ai_001_001",), cameras=("cam_00",))
            Path(root, name).write_bytes(path.read_bytes())
            _result_or_line(lambda scene=scene: open_hypersim(scene))


def _manifest() -> dict[str, bytes]:
    output = {"path": "x/a.png", "size": 5}
    roles = ("depth", "foreground", "background", "mask", "preview")
    record = {
        "name": "x/a.jpg",
        "path": __file__,
        "status": "done",
        "message": "",
        "seconds": 0.5,
        "key": "00",
        "settings": "00",
        "inputs": [{"role": "image", "size": 5, "mtime_ns": 6, "sha256": "00"}],
        "outputs": {role: output for role in roles},
        "details": {
            "size": [8, 6],
            "scale": {"format": "png", "kind": "inverse", "low": 0.0, "high": 1.0},
            "made_with": {"weights": "00", "merge": "own"},
            "mean_change": 0.1,
            "changed_share": 0.1,
        },
    }
    return {"manifest": b"".join(json.dumps(record | {"name": n}).encode() + b"\n" for n in "ab")}


@contextmanager
def _run_of(path: Path) -> Iterator[Path]:
    """Make the folder of a run around a manifest."""
    with tempfile.TemporaryDirectory() as run:
        Path(run, "manifest.jsonl").write_bytes(path.read_bytes())
        yield Path(run)


def _read_gallery(path: Path) -> None:
    from maskdepth_cli.commands.gallery import write_gallery
    from maskdepth_cli.commands.gallery_request import GalleryRequest

    with _run_of(path) as run:
        write_gallery(GalleryRequest(run, run / "page.html"))


def _read_layers(path: Path) -> None:
    from maskdepth_cli.commands.layered_photos import find_layers
    from maskdepth_cli.commands.layered_request import LayeredRequest

    with _run_of(path) as run:
        layered = find_layers(LayeredRequest(run), lambda place: (("x", f"{place}.x"),))
    for job in layered.plan.jobs:  # no manifest may name a file outside, or a target
        for place in (*(p.relative_to(run) for _, p in job.inputs), *(p for _, p in job.outputs)):
            assert ".." not in Path(place).parts, place
            assert not Path(place).is_absolute(), place


def _read_resume(path: Path) -> None:
    from maskdepth_cli.run.manifest import Manifest

    with _run_of(path) as run:
        manifest = Manifest(run / "manifest.jsonl", writable=True)
        for record in manifest:
            record.is_complete(run, {"depth": "x/a.png"})
        manifest.compact()


def _read_merge(path: Path) -> None:
    from maskdepth_cli.run.merging import merge_manifests

    with _run_of(path) as run:
        merge_manifests([run], run / "merged.jsonl")


def _recipes() -> dict[str, bytes]:
    root = Path(__file__).parents[2] / "train" / "recipes"
    found = {path.name: path.read_bytes() for path in sorted(root.glob("*.toml"))}
    return {name: data for name, data in found.items() if b"extends" not in data}


def _weights() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return refinement weights as safetensors, and as checkpoints of torch."""
    import torch

    from maskdepth_cli.weights.tensors import load_tensors

    with tempfile.TemporaryDirectory() as folder:
        path = save_untrained(Path(folder, "weights.safetensors"))
        data = path.read_bytes()
        state, _ = load_tensors(path)
    checkpoints = {}
    for name, content, settings in (
        ("zip", state, {}),
        ("nested", {"model": state}, {}),
        ("legacy", state, {"_use_new_zipfile_serialization": False}),
    ):
        buffer = io.BytesIO()
        torch.save(content, buffer, **settings)
        checkpoints[name] = buffer.getvalue()
    return {"safetensors": data}, checkpoints


def _read_weights(path: Path) -> None:
    from maskdepth_cli.weights.refinement import load_refinement

    load_refinement(path)


def _read_checkpoint(path: Path) -> None:
    from maskdepth_cli.weights.checkpoints import load_state

    load_state(path)


def _read_list(path: Path) -> None:
    from maskdepth_cli.pairing.finding import find_inputs

    with path.open("rb") as stream:
        find_inputs(["-"], stdin=stream)


def _pictures() -> Kind:
    return Kind(every_kind(), _raster_readers(), spoilt_picture)


def _depth_maps() -> Kind:
    return Kind(depth_maps(), _raster_readers(), spoilt_picture)


def _array_files() -> Kind:
    return Kind(_arrays(), _raster_readers(), spoilt)


def _tables() -> Kind:
    table = b"scene_name,camera_name,frame_id,included_in_public_release," + b",".join(
        f"M_cam_from_uv_{i}{j}".encode() for i in range(3) for j in range(3)
    )
    rows = b"\nai_001_001,cam_00,5,True,1,0,0,0,1,0,0,0,1\nai_001_002,cam_01,0,False" + b",1" * 9
    return Kind({"table": table + rows}, {"table": _read_table}, spoilt)


def _manifests() -> Kind:
    readers = {
        "gallery": _read_gallery,
        "layers": _read_layers,
        "resume": _read_resume,
        "merge": _read_merge,
    }
    return Kind(_manifest(), readers, spoilt_lines)


def _recipe_files() -> Kind:
    from maskdepth_cli.training.recipe import load_recipe
    from maskdepth_cli.training.side import load_side_recipe

    readers: dict[str, Reader] = {"recipe": load_recipe, "recipe of lite": load_side_recipe}
    return Kind(_recipes(), readers, spoilt_toml, ".toml")


def _safetensors() -> Kind:
    return Kind(_weights()[0], {"weights": _read_weights}, spoilt_tensors, ".safetensors")


def _checkpoints() -> Kind:
    readers = {"weights": _read_weights, "tensors": _read_checkpoint}
    return Kind(_weights()[1], readers, spoilt, ".pt")


def _lists() -> Kind:
    lists = {"lines": b"a.jpg\nb/c.jpg\r\n../d.png\n", "nul": b"a.jpg\0b\nc.jpg\0"}
    return Kind(lists, {"list": _read_list}, spoilt)


KINDS: dict[str, Callable[[], Kind]] = {
    "pictures": _pictures,
    "depth maps": _depth_maps,
    "arrays": _array_files,
    "HDF5 files": lambda: Kind(_hdf5(), {"Hypersim": _read_hdf5}, spoilt),
    "camera tables": _tables,
    "manifests": _manifests,
    "recipes": _recipe_files,
    "safetensors": _safetensors,
    "checkpoints": _checkpoints,
    "lists of photos": _lists,
}


def mutant(kind: Kind, name: str, number: int) -> bytes:
    """Return one damaged file, always the same one."""
    rng = np.random.default_rng([number, zlib.crc32(name.encode())])
    return kind.mutate(kind.seeds[name], rng)


def _result_or_line(read: Callable[[], Any]) -> bool:
    """Return whether there is a result; check that an error is one line."""
    from maskdepth_cli.errors import MaskdepthError
    from maskdepth_cli.files.names import shown

    line = None
    try:
        read()
    except MaskdepthError as error:
        line = str(error)
    if line is None:
        return True
    assert "\n" not in line, shown(line)
    assert len(line) < 1000, shown(line)
    assert "does not fit into memory" not in line, shown(line)
    return False


@dataclass
class Tally:
    """What became of mutants of one kind."""

    results: int = 0
    lines: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0  # of the slowest
    mebibytes: float = 0.0  # of the largest

    def add(self, other: dict[str, Any]) -> None:
        """Take over what a process reports."""
        self.results += other["results"]
        self.lines += other["lines"]
        self.faults += other["faults"]
        self.seconds = max(self.seconds, other["seconds"])
        self.mebibytes = max(self.mebibytes, other["mebibytes"])


def _peak() -> float:
    """Return the most memory that this process has held since the last call, in MiB."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5")
    return int(line.split()[1]) / 1024


def read_mutants(kind: Kind, title: str, numbers: range, folder: Path) -> Iterator[dict[str, Any]]:
    """Read mutants in this process; yield the state after each one."""
    names = list(kind.seeds)
    for number in numbers:
        name = names[number % len(names)]
        path = folder / f"mutant{kind.suffix}"
        path.write_bytes(mutant(kind, name, number))
        state: dict[str, Any] = {"results": 0, "lines": 0, "faults": [], "number": number}
        start, before = time.perf_counter(), _peak()
        for role, read in kind.readers.items():
            what = f"{title}, {name} {number} as {role}"
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            try:
                with redirect_stdout(io.StringIO()) as printed:
                    ok = _result_or_line(lambda read=read, path=path: read(path))
                state["results" if ok else "lines"] += 1
                assert not printed.getvalue(), printed.getvalue()
            except BaseException as error:
                place = error.__traceback__
                while place and place.tb_next:
                    place = place.tb_next
                where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
                state["faults"].append(f"{what}: {type(error).__name__}: {error} ({where})")
            faulthandler.cancel_dump_traceback_later()
        state["seconds"] = time.perf_counter() - start
        state["mebibytes"] = max(0.0, _peak() - before)
        if state["mebibytes"] > MEBIBYTES:
            state["faults"].append(f"{title}, {name} {number}: {state['mebibytes']:.0f} MiB")
        yield state


def fuzz(title: str, count: int, first: int = 0) -> Tally:
    """Read `count` mutants of one kind in processes of their own.

    A process that hangs or crashes is a fault of the mutant it was at; the next one goes on.
    """
    tally, number = Tally(), first
    while number < first + count:
        command = [sys.executable, "-m", "faults.fuzzing", title, str(number), str(first + count)]
        folder = Path(__file__).parents[1]
        path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
        )
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        for row in rows:
            tally.add(row)
        number = rows[-1]["number"] + 1 if rows else number
        if done.returncode:
            tally.faults.append(f"{title} {number}: ended the process: {done.stderr[-2000:]}")
            number += 1
    return tally


def _main(title: str, first: str, end: str) -> None:
    import warnings

    warnings.simplefilter("ignore")
    kind = KINDS[title]()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for _ in read_mutants(kind, title, range(1), Path(folder)):
            pass  # what is imported at the first read is no mutant's memory
        for state in read_mutants(kind, title, range(int(first), int(end)), Path(folder)):
            print(json.dumps(state), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
