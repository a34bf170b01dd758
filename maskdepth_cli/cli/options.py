"""Options that several commands share, each declared once."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class DepthKind(str, Enum):
    """What the numbers of a depth map mean."""

    INVERSE = "inverse"
    DEPTH = "depth"


class DepthFormat(str, Enum):
    """File formats of depth maps."""

    PNG = "png"
    TIFF = "tiff"
    NPY = "npy"
    NPZ = "npz"
    PFM = "pfm"
    EXR = "exr"


class Device(str, Enum):
    """Where networks run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class Executor(str, Enum):
    """Where photos are worked on."""

    LOCAL = "local"
    RAY = "ray"


class Merge(str, Enum):
    """How the refinements of several masks become one."""

    OWN = "own"
    LARGEST = "largest"


class Precision(str, Enum):
    """Numbers that networks compute with."""

    AUTO = "auto"
    BF16 = "bf16"
    FP16 = "fp16"
    FP32 = "fp32"


class Tta(str, Enum):
    """Test-time augmentation of SIDE networks."""

    NONE = "none"
    FLIP = "flip"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUTS...",
        help="Photos, folders of photos (searched to the bottom), or - for a list on stdin.",
        show_default=False,
    ),
]
Run = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="Target folder of an earlier run.", show_default=False),
]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAMES]...",
        help="Photos of that run, as its manifest calls them [default: all].",
        show_default=False,
    ),
]
Photos = Annotated[
    Path | None,
    typer.Option(
        "--photos",
        metavar="DIR",
        help="Where the run's photos are now [default: where the run found them].",
        show_default=False,
    ),
]
Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="DIR", help="Target folder; it is made where missing."),
]
Format = Annotated[DepthFormat, typer.Option("--format", help="File format of depth maps.")]
Preview = Annotated[
    bool, typer.Option("--preview", help="Also write pictures to look at, to DIR/previews.")
]
Compile = Annotated[
    bool,
    typer.Option(
        "--compile",
        help="Run networks through torch.compile: a minute or more for every size, then faster "
        "on some GPUs.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Do files again that an earlier run has finished.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print failures only.")]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON line a photo on stdout; all else goes to stderr.")
]
Workers = Annotated[
    int, typer.Option("--workers", min=1, help="Threads that read, and as many that write.")
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N|auto",
        help="Do the I-th of N shares of the photos; auto: as torchrun or a SLURM array says.",
        show_default=False,
    ),
]
ExecutorOption = Annotated[
    Executor,
    typer.Option("--executor", help="ray: workers of a Ray cluster, or several on this machine."),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="ADDRESS",
        help="ray://HOST:PORT, HOST:PORT or auto [default: a cluster for this run alone].",
        show_default=False,
    ),
]
RayWorkers = Annotated[
    int | None,
    typer.Option(
        "--ray-workers",
        min=1,
        help="Workers of the cluster [default: one a GPU, else one a CPU].",
        show_default=False,
    ),
]
MaxMegapixels = Annotated[
    float,
    typer.Option("--max-megapixels", min=0.001, help="Refuse larger pictures unread."),
]
DeviceOption = Annotated[Device, typer.Option("--device", help="Where the network runs.")]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        "--precision",
        help="auto: half precision where the device is faster with it and results stay the same "
        "within 0.5% of the range.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|FILE",
        help="Network that predicts initial depth: a name of maskdepth models list, hf:ORG/NAME, "
        "or a checkpoint on disk [default: the best one in the cache, else lite].",
        show_default=False,
    ),
]
ModelGives = Annotated[
    DepthKind | None,
    typer.Option(
        "--model-gives",
        help="What an hf: network gives that does not tell.",
        show_default=False,
    ),
]
TtaOption = Annotated[
    Tta, typer.Option("--tta", help="flip: mean with the mirrored photo's prediction.")
]
