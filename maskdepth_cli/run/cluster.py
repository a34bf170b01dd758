"""The jobs of a run on a Ray cluster: actors hold the network, this process hands out the work."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from maskdepth_cli.errors import UsageError
from maskdepth_cli.files.atomic import remove_stale
from maskdepth_cli.run.actors import Actors
from maskdepth_cli.run.execution import Ended, Tools
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.options import Cluster
from maskdepth_cli.run.pipeline import Worker
from maskdepth_cli.run.resume import Resume

_CONNECT_SECONDS = 10
_STORE_BYTES = 100 << 20  # only paths and records travel


def run_on_ray(
    jobs: Sequence[Job],
    make_worker: Callable[[], Worker[Any, Any]],
    resume: Resume,
    tools: Tools,
    *,
    choice: Cluster,
    threads: int,
    owner: str = "",
) -> Generator[Ended, None, None]:
    """Carry out jobs on a cluster, in the order in which they end.

    Inputs and target must lie at the same paths on every machine of it. A job whose worker dies
    is begun again, alone on its worker, so that one bad photo takes no other one with it.

    Parameters
    ----------
    jobs, make_worker, resume, tools
        As for `execution.run_here`; `make_worker` is called once in every actor.
    choice
        The cluster.
    threads
        One job more than these is in flight in every actor.
    owner
        Mark of the run's temporary files, see `files.atomic.own_temporaries`.

    Raises
    ------
    UsageError
        Ray is not installed, or the cluster cannot be reached.
    MaskdepthError
        Workers cannot load the network.
    """
    with _connected(choice) as ray:
        arguments = (make_worker, resume.folder, resume.settings, owner, tools.stage)
        actors = Actors(ray, _size(ray, choice), arguments, jobs, tools, threads)
        try:
            yield from actors.work(resume)
        finally:
            actors.stop()
            if actors.deaths:
                remove_stale(resume.folder, owner or None)


def _size(ray: Any, choice: Cluster) -> int:
    """Return how many actors to start."""
    resources = ray.cluster_resources()
    return choice.ray_workers or int(resources.get("GPU") or resources.get("CPU") or 1)


def _check_address(address: str | None) -> None:
    """Refuse an address where nobody listens: ray would wait for minutes."""
    found = re.fullmatch(r"(?:ray://)?(.+):(\d+)", address or "")
    if not found:
        return
    try:
        socket.create_connection((found[1], int(found[2])), timeout=_CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"--ray-address {address}: no cluster there: {error}") from error


@contextlib.contextmanager
def _connected(choice: Cluster) -> Iterator[Any]:
    """Yield the ray module, connected to a cluster; one of our own ends with the context."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--executor ray needs ray, which is not installed: pip install 'maskdepth[ray]'"
        ) from error
    options: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if choice.ray_address is None:
        options |= {
            "num_cpus": choice.ray_workers,
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES,
        }
    _check_address(choice.ray_address)
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        # `local`, or else a cluster that RAY_ADDRESS names would be taken.
        ray.init(address=choice.ray_address or "local", **options)
    except (OSError, ValueError, RuntimeError) as error:
        words = " ".join(str(error).split())
        if choice.ray_address is None:
            raise UsageError(f"--executor ray: cannot start a cluster here: {words}") from error
        raise UsageError(
            f"--ray-address {choice.ray_address}: no cluster there: {words}"
        ) from error
    finally:
        if main:
            signal.signal(signal.SIGTERM, handler)  # ray puts its own in its place
    try:
        yield ray
    finally:
        ray.shutdown()
