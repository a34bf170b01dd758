"""How a run behaves, as data: what its command line says of every command over photos."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from maskdepth_cli.choices import Executor
from maskdepth_cli.errors import UsageError
from maskdepth_cli.files.remote import Stage
from maskdepth_cli.run.shards import Shard, parse_shard
from maskdepth_cli.settings import RUNNING, Setting


@dataclass(frozen=True)
class Cluster:
    """Where the photos of a run are worked on.

    Raises
    ------
    UsageError
        A cluster is described and not used.
    """

    executor: Annotated[
        Executor,
        Setting("ray: workers of a Ray cluster, or several on this machine.", panel=RUNNING),
    ] = "local"
    ray_address: Annotated[
        str | None,
        Setting(
            "ray://HOST:PORT, HOST:PORT or auto.",
            metavar="ADDRESS",
            default_text="a cluster for this run alone",
            panel=RUNNING,
        ),
    ] = None
    ray_workers: Annotated[
        int | None,
        Setting(
            "Workers of the cluster.",
            min=1,
            default_text="one a GPU, else one a CPU",
            panel=RUNNING,
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.executor != "ray" and (self.ray_address or self.ray_workers):
            raise UsageError("--ray-address and --ray-workers need --executor ray")


@dataclass(frozen=True)
class RunOptions:
    """How a run behaves, whatever it computes.

    Parameters
    ----------
    folder
        The target folder.
    overwrite
        Do everything again.
    dry_run
        Say what would be done; write nothing.
    quiet, json
        See `report.Reporter`.
    threads
        Reader threads, and as many writers.
    shard
        Which of several runs over the same photos this is; None: the only one.
    cluster
        What does the work.
    label
        What the progress bar is of, for a run that is one of several.
    summary
        Print the table at the end.
    stage
        Stands for the object stores that inputs or target lie in, if any do.
    """

    folder: Annotated[
        Path,
        Setting(
            "Target folder; it is made where missing.", flags=("--output", "-o"), metavar="DIR"
        ),
    ]
    overwrite: Annotated[bool, Setting("Do files again that an earlier run has finished.")] = False
    dry_run: Annotated[bool, Setting("Say what would be done, and write nothing.")] = False
    quiet: Annotated[bool, Setting("Print failures only.", flags=("--quiet", "-q"))] = False
    json: Annotated[bool, Setting("One JSON line a photo on stdout; all else goes to stderr.")] = (
        False
    )
    threads: Annotated[
        int,
        Setting(
            "Threads that read, and as many that write.",
            flags=("--workers",),
            min=1,
            panel=RUNNING,
        ),
    ] = 2
    shard: Annotated[
        Shard | None,
        Setting(
            "Do the I-th of N shares of the photos; auto: as torchrun or a SLURM array says.",
            metavar="I/N|auto",
            parse=parse_shard,
            panel=RUNNING,
        ),
    ] = None
    cluster: Cluster = field(default_factory=Cluster)
    label: str | None = None
    summary: bool = True
    stage: Stage | None = None
