"""Every command in README.md and docs/ runs, or stands here with the reason why not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import command_server
import cv2
import numpy as np
import OpenEXR
import portrait_files
import pytest
import reel
import trees

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

NOT_RUN = {
    r".*--masks (rembg|transformers:)": "downloads a network",
    r"make (demo|test(-\w+)?|check)\b": "installs; `make check` itself runs these tests",
    r"make faults\b|python -m tests\.faults\b": "takes half an hour; tests/faults does it in small",
    r"(python -m )?pip install\b": "installs from the network",
    r"python -m build\b|python -m tests\.wheel\b": "make test-wheel builds, in CI",
    r"(uvx|docker|pipx)\b|source \.venv": "another program; tests/wheel.py runs the same commands",
    r"maskdepth app\b": "serves until Ctrl-C; tests/cli/test_app.py drives the page",
    r"maskdepth models pull\b": "downloads",
    r"maskdepth models export\b": "tests/cli/test_models_export.py exports, which takes a while",
    r"maskdepth refine .*--model (?!lite)": "needs a network that is downloaded",
    r"maskdepth predict .*--model (?!lite)": "needs a network that is downloaded",
    r"maskdepth (refine|predict) .*--weights (authors|dpt_large)": "needs weights from elsewhere",
    r"maskdepth train\b": "takes hours; tests/training runs short recipes",
    r"maskdepth evaluate\b": "needs data sets; tests/cli/test_evaluate.py runs it on small ones",
    r"maskdepth( [a-z-]+)* [A-Z]+\b|.* \.\.\.$": "a pattern with a placeholder",
    r"maskdepth [a-z]+$": "names a command",
    r"maskdepth .*\bdemo/": "starts from what `make demo` wrote",
    r"rembg\b": "another program, which downloads its networks",
    r"git clone\b": "needs the network",
    r"maskdepth .*--executor ray": "make test-ray installs it; tests/run/test_cluster.py "
    "runs it there",
    r"maskdepth .*s3://": "needs a server; tests/cli/test_remote.py runs one",
    r"#SBATCH\b|sbatch\b|torchrun\b|maskdepth .*--shard auto": "needs a cluster's environment; "
    "tests/run/test_shards.py sets it",
}
"""Beginning of a command, as a pattern, to the reason why it is not run."""


def blocks(page):
    """Yield language and text of fenced and indented blocks, in order."""
    pattern = r"^```(\w*)\n([\s\S]*?)^```$|(?<=\n\n)((?:    .+\n)+)"
    for found in re.finditer(pattern, page.read_text("utf-8"), re.MULTILINE):
        language, fenced, indented = found.groups()
        if indented:
            yield "sh", re.sub(r"^    ", "", indented, flags=re.MULTILINE)
        else:
            yield language, fenced


def commands(page):
    """Yield every shell command: of blocks, and of code within lines that begins with ours."""
    for language, text in blocks(page):
        if language in ("sh", "bash", "console"):
            lines = text.replace("\\\n", " ").splitlines()
            yield from (line.removeprefix("$ ") for line in lines if line.strip())
    prose = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`([^`\n]+)`", prose):
        command = code.replace("\\|", "|")
        if re.match(r"maskdepth [a-z]|.*\| maskdepth ", command):
            yield command


def reason(command):
    """Return why a command is not run, None where it is."""
    return next((why for begin, why in NOT_RUN.items() if re.match(begin, command)), None)


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def annotations(*names):
    """Return COCO's annotations of photos, a dog in each."""
    outline = [20, 12, 44, 12, 44, 36, 20, 36]
    return {
        "images": [
            {"id": i, "file_name": f"{name}.jpg", "width": 64, "height": 48}
            for i, name in enumerate(names)
        ],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 2, "iscrowd": 0, "segmentation": [outline]}
            for i in range(len(names))
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}],
    }


def clip(root):
    """Write a clip of three frames in all its forms."""
    photos, mattes, depths = ([make(i) for i in range(3)] for make in reel.MAKERS)
    codes = [np.uint8(255 * mask) for mask in mattes]
    reel.encode(root / "clip.mp4", photos, "yuv420p", "libx264", given="rgb24")
    reel.encode(root / "matte.mp4", codes, "gray", "libx264")
    reel.encode(root / "depth.mp4", [np.uint8(40 * depth) for depth in depths], "gray", "libx264")
    np.savez_compressed(root / "clip_depths.npz", depths=np.array(depths))
    for number, (photo, code, depth) in enumerate(zip(photos, codes, depths, strict=True), 1001):
        write(root / f"frames/{number}.png", photo)
        write(root / f"roto/shot.{number}.png", code)
        for place, name, pixels in (("takes", "RGB", photo / np.float32(255)), ("z", "Z", depth)):
            target = root / place / f"shot.{number}.exr"
            target.parent.mkdir(exist_ok=True)
            OpenEXR.File({}, {name: pixels.astype(np.float32)}).write(str(target))


@pytest.fixture
def folder(tmp_path):
    """Return a folder with small inputs, named as the documentation names them."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:48, :64]
    inside = (rows - 24) ** 2 + (columns - 32) ** 2 < 14**2
    blurred = cv2.GaussianBlur(1 + inside.astype(np.float32), (0, 0), 2)
    for name in ("tree", "x/tree", "x/hut"):
        photo = random.integers(60, 120, (48, 64, 3)) + 100 * inside[..., None]
        write(tmp_path / f"photos/{name}.jpg", photo.astype(np.uint8))
        write(tmp_path / f"masks/{name}.png", inside.astype(np.uint8) * 255)
        write(tmp_path / f"maps/{name}.png", inside.astype(np.uint8) * 3)
        write(tmp_path / f"depths/{name}.png", (blurred * 20000).astype(np.uint16))
        write(tmp_path / f"metric/{name}.png", (4000 / blurred).astype(np.uint16))
    (tmp_path / "instances.json").write_text(json.dumps(annotations("tree", "x/tree", "x/hut")))
    shutil.copytree(tmp_path / "photos", tmp_path / "panoramas")
    shutil.copytree(tmp_path / "photos", tmp_path / "val2017")
    (tmp_path / "annotations").mkdir()
    shutil.copy(tmp_path / "instances.json", tmp_path / "annotations/instances_val2017.json")
    for name, channel in (("plates", "Y"), ("mattes", "A"), ("renders", "ViewLayer.Depth.Z")):
        (tmp_path / name).mkdir()
        pixels = 4 / blurred if name == "renders" else inside.astype(np.float32)
        OpenEXR.File({}, {channel: pixels}).write(str(tmp_path / name / "tree.exr"))
    for part, name in (("photos", ".jpg"), ("masks", "_mask.png"), ("depths", "_depth.png")):
        (tmp_path / "all").mkdir(exist_ok=True)
        source = tmp_path / part / f"tree{name[-4:]}"
        for place in (tmp_path / "all", tmp_path):
            shutil.copy(source, place / f"tree{name}")
    scene, matte, codes = portrait_files.scene()
    frames = [(codes, portrait_files.apple_depth()), (matte, portrait_files.apple_matte())]
    (tmp_path / "portraits").mkdir()
    (tmp_path / "portraits/person.jpg").write_bytes(portrait_files.mpo(scene, frames))
    clip(tmp_path)
    trees.generic(tmp_path / "set")
    shutil.copytree(tmp_path / "set/depth", tmp_path / "set/initial")
    return tmp_path


@pytest.fixture(scope="module")
def environment(tmp_path_factory, weights):
    """Return an environment whose `maskdepth` is this package's, quick to start."""
    place = tmp_path_factory.mktemp("bin")
    address = str(place / "socket")
    client = place / "maskdepth"
    client.write_text(command_server.CLIENT.format(python=sys.executable, address=address))
    client.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, command_server.__file__, address, str(weights)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    yield os.environ | {"PATH": f"{place}{os.pathsep}{os.environ['PATH']}"}
    process.kill()
    process.communicate()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_run(page, folder, environment):
    wanted = [command for command in dict.fromkeys(commands(page)) if not reason(command)]
    for command in wanted:
        if any(f"{tool} " in command and not shutil.which(tool) for tool in ("jq", "parallel")):
            continue
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_runs(page, folder, weights, monkeypatch):
    import maskdepth_cli.weights.refinement as refinement_weights
    from maskdepth_cli.files.depth_writing import write_depth

    known = refinement_weights.find_weights
    monkeypatch.setattr(
        refinement_weights, "find_weights", lambda name: known(weights if name == "trust" else name)
    )
    monkeypatch.chdir(folder)
    depth = np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64)
    write_depth("depth.png", depth, format="png16")
    mask = np.zeros((48, 64), np.float32)
    mask[10:30, 20:40] = 1
    names = {
        "__name__": "page",
        "image": np.zeros((48, 64, 3), np.float32),
        "depth": depth,
        "mask": mask,
    }
    for language, text in blocks(page):  # those of a page build on each other
        if language == "python":
            exec(compile(text, str(page), "exec"), names)


def test_the_documentation_has_commands():
    found = [command for page in PAGES for command in commands(page)]
    run = [command for command in found if not reason(command)]
    assert len(run) > 15
    assert {"refine", "show", "gallery", "pointcloud", "bokeh", "export"} <= {
        word for command in run for word in command.split()[1:2]
    }


def test_every_reason_is_needed():
    found = [command for page in PAGES for command in commands(page)]
    always = {r"git clone\b", r"maskdepth train\b", r"maskdepth evaluate\b"}
    for pattern in NOT_RUN:
        assert pattern in always or any(re.match(pattern, command) for command in found), pattern


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (page.parent / link).exists()] == []


def test_the_tree_of_the_package_is_the_one_drawn() -> None:
    page = (ROOT / "docs/how-it-works.md").read_text()
    drawn = re.search(r"```\nmaskdepth_cli/\n(.*?)```", page, re.S)
    assert drawn
    named = {
        word.rstrip("/")
        for line in drawn[1].splitlines()
        for word in re.match(r"  ((?:\S+ )+) ", line)[1].split()
    }
    package = ROOT / "maskdepth_cli"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    modules = {path.name for path in package.glob("*.py") if not path.name.startswith("__")}
    assert named == rooms | modules


def test_named_modules_are_there() -> None:
    page = (ROOT / "docs/how-it-works.md").read_text()
    paths = re.findall(r"`([a-z]+/[a-z_]+\.py)`", page)
    assert len(paths) > 10
    for path in paths:
        assert (ROOT / "maskdepth_cli" / path).is_file(), path
