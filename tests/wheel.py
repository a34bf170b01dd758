"""Build the wheel and the sdist, install the wheel as a plain user does, and refine with it.

    python -m tests.wheel               # as CI: packages that are here are lent
    python -m tests.wheel --download    # into an empty environment, timed and counted

Lent are only the packages that a plain installation of the wheel asks for: what an extra brings is
not there, and an import of it fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import venv
import zipfile
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PHOTO = "flower"
# The package is imported from where it was installed, and no extra's library is in reach.
CHECK = """
import importlib.util, maskdepth_cli, pathlib, sys
assert pathlib.Path(maskdepth_cli.__file__).is_relative_to(sys.prefix), maskdepth_cli.__file__
extras = ("scipy", "matplotlib", "timm", "transformers", "ray")
found = [name for name in extras if importlib.util.find_spec(name)]
assert not found or sys.argv[1:] == ["--download"], found
"""


def run(*command: object, **options: object) -> str:
    """Run a command; its output is shown where it fails."""
    ended = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )
    if ended.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def build(folder: Path) -> Path:
    """Build both distributions from the checkout, look into them, and return the wheel."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    weights = {f"maskdepth_cli/weights/embedded/{n}.safetensors" for n in ("lite", "trust")}
    wanted = {"maskdepth_cli/py.typed", *weights}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert wanted <= names, wanted - names
        licences = {name.rpartition("/")[2] for name in names if "/licenses/" in name}
        assert licences == {"LICENSE", "NOTICE"}, licences
        strangers = {name.partition("/")[0] for name in names} - {"maskdepth_cli", "maskdepth"}
        assert all(name.endswith(".dist-info") for name in strangers), strangers
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        wanted |= {"LICENSE", "NOTICE", "README.md", "pyproject.toml", "tests/conftest.py"}
        assert wanted <= names, wanted - names
    for path in (wheel, sdist):
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")
    return wheel


def needed(wheel: Path) -> dict[str, PathDistribution]:
    """Return the installed packages that a plain installation of the wheel needs, by name."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        text = archive.read(name).decode()
    lines = [line for line in text.splitlines() if line.startswith("Requires-Dist: ")]
    waiting = [Requirement(line.partition(": ")[2]) for line in lines]
    found: dict[str, PathDistribution] = {}
    while waiting:
        requirement = waiting.pop()
        extras = requirement.extras or {""}
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name = canonicalize_name(requirement.name)
        if name in found:
            continue
        package = distribution(requirement.name)
        assert requirement.specifier.contains(package.version, prereleases=True), requirement
        found[name] = package
        for text in package.requires or ():
            following = Requirement(text)
            if following.marker is None or following.marker.evaluate({"extra": ""}):
                waiting.append(following)
    return found


def lend(packages: dict[str, PathDistribution], target: Path) -> None:
    """Link the files of installed packages into an environment."""
    for package in packages.values():
        tops = {Path(file.parts[0]) for file in package.files or () if file.parts[0] != ".."}
        for top in tops:
            source, link = Path(str(package.locate_file(top))), target / top
            if top.name != "__pycache__" and source.exists() and not link.exists():
                link.symlink_to(source)


def sizes(packages: dict[str, PathDistribution]) -> None:
    """Print how large the files of packages are, the largest first."""
    found = {
        name: sum(
            Path(str(package.locate_file(file))).stat().st_size for file in package.files or ()
        )
        for name, package in packages.items()
    }
    for name, total in sorted(found.items(), key=lambda item: -item[1]):
        print(f"{total / 1e6:8.1f} MB  {name} {packages[name].version}")
    print(f"{sum(found.values()) / 1e6:8.1f} MB  together")


def run_without_installing(wheel: Path, folder: Path) -> None:
    """Run the command with `pipx run` and `uvx`; what the wheel needs is lent, not downloaded."""
    packages = needed(wheel)
    lent = folder / "lent"
    lent.mkdir()
    lend(packages, lent)
    # A wheel that brings nothing but the way to what is lent.
    path = folder / "lent-0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lent.pth", f"{lent}\n")
        about = "Metadata-Version: 2.1\nName: lent\nVersion: 0\n"
        archive.writestr("lent-0.dist-info/METADATA", about)
        about = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr("lent-0.dist-info/WHEEL", about)
        archive.writestr("lent-0.dist-info/RECORD", "")
    never = folder / "never.txt"
    never.write_text("".join(f'{name}; python_version < "0"\n' for name in packages))
    own = {"PIPX_HOME": folder / "pipx", "UV_CACHE_DIR": folder / "uv", "PIP_NO_DEPS": 1}
    shared = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    alone = {**shared, **{key: str(value) for key, value in own.items()}}
    asked = ("maskdepth", "refine", "--help")
    with_lent = ("--with", path, "--python", sys.executable)
    pipx = (sys.executable, "-m", "pipx", "run", *with_lent, "--spec", wheel)
    uvx = (sys.executable, "-m", "uv", "tool", "run", "--offline", "--overrides", never)
    for command in (pipx, (*uvx, *with_lent, "--from", wheel)):
        assert "--masks" in run(*command, *asked, cwd=folder, env=alone)


def size(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Build, install, refine."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--download", action="store_true", help="install all packages anew")
    download = parser.parse_args().download
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder / "dist")
        sizes(needed(wheel))
        start = time.perf_counter()
        environment = folder / "environment"
        venv.create(environment, with_pip=True)
        scheme = sysconfig.get_preferred_scheme("prefix")
        places = {"base": str(environment), "platbase": str(environment)}
        purelib = Path(sysconfig.get_path("purelib", scheme, vars=places))
        scripts = Path(sysconfig.get_path("scripts", scheme, vars=places))
        python = scripts / "python"
        before = size(environment)
        constraints = ("-c", ROOT / "constraints.txt")
        if download:
            torch = next(
                line
                for line in constraints[1].read_text().splitlines()
                if line.startswith("torch==")
            )
            run(python, "-m", "pip", "install", "-q", torch)
            run(python, "-m", "pip", "install", "-q", *constraints, wheel)
        else:
            lend(needed(wheel), purelib)
            run(python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", wheel)
        installed = time.perf_counter() - start
        empty = folder / "empty"
        for kind, suffix in (("photos", "jpg"), ("masks", "png")):
            (empty / kind).mkdir(parents=True)
            shutil.copy(ROOT / "examples" / kind / f"{PHOTO}.{suffix}", empty / kind)
        alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        run(python, "-c", CHECK, *(["--download"] if download else []), cwd=empty, env=alone)
        command = scripts / "maskdepth"
        assert "--masks" in run(command, "refine", "--help", cwd=empty, env=alone)
        assert run(command, "--version", cwd=empty, env=alone).startswith("maskdepth ")
        run(command, "refine", "photos", "--masks", "masks", "--preview", cwd=empty, env=alone)
        for folder in (empty / "refined", empty / "refined" / "previews"):
            (result,) = folder.glob(f"{PHOTO}.*")
            assert result.stat().st_size > 10_000, result
        first = time.perf_counter() - start
        run_without_installing(wheel, Path(name))
        if download:
            print(f"installed in {installed:.0f} s: {(size(environment) - before) / 1e6:.0f} MB")
            print(f"first picture after {first:.0f} s")
        print("the wheel refines in an environment of what it asks for")


if __name__ == "__main__":
    main()
