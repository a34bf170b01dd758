"""The batch contract: plan, resume, work, record, report; one for every command over files."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from maskdepth_cli.errors import ExitCode, NothingToDoError, OutputError
from maskdepth_cli.files.remote import Stage, is_remote
from maskdepth_cli.run.cluster import run_on_ray
from maskdepth_cli.run.execution import Tools, run_here
from maskdepth_cli.run.fingerprints import settings_hash
from maskdepth_cli.run.interrupts import Interrupts
from maskdepth_cli.run.jobs import Job, Plan
from maskdepth_cli.run.manifest import FAILED, PLANNED, SKIPPED, Manifest, Record
from maskdepth_cli.run.merging import Records, absorb_shards
from maskdepth_cli.run.options import RunOptions
from maskdepth_cli.run.pipeline import Worker
from maskdepth_cli.run.remarks import Sign
from maskdepth_cli.run.report import Reporter
from maskdepth_cli.run.resume import Resume
from maskdepth_cli.run.staging import (
    StagedManifests,
    named,
    staged,
    staged_pixels,
    stand_in,
)
from maskdepth_cli.run.target import TargetLock, manifest_name
from maskdepth_cli.settings import declared

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Loaded = TypeVar("Loaded")
Result = TypeVar("Result")
Request = TypeVar("Request", bound="DataclassInstance")


def at_hand(options: RunOptions, stage: Stage) -> RunOptions:
    """Return options with a stand-in for a target folder in an object store.

    Raises
    ------
    UsageError, OutputError
        The store cannot be listed, or written.
    """
    if not is_remote(options.folder):
        return replace(options, stage=stage)
    if not options.dry_run:
        stage.check_writable(stage.local(options.folder))
    return replace(options, stage=stage, folder=stage.mirror(options.folder))


def run_where_it_lies(
    request: Request, options: RunOptions, work: Callable[[Request, RunOptions], ExitCode]
) -> ExitCode:
    """Do what a command was asked for, with stand-ins for all that lies in an object store.

    Parameters
    ----------
    request
        A settings dataclass; those of its fields that are places are told by their `Setting`.
    options
        How the run behaves.
    work
        Does it, on this machine's disks as far as it can see.

    Raises
    ------
    UsageError, OutputError
        A store cannot be listed, or written.
    """
    known = declared(type(request))
    names = [name for name, field in known.items() if field.setting and field.setting.place]
    places = {name: getattr(request, name) for name in names}
    flat = [one for place in places.values() for one in _several(place)]
    with staged((*flat, options.folder)) as stage:
        if stage is None:
            return work(request, options)
        here = {name: _here(stage, place) for name, place in places.items()}
        return work(replace(request, **here), at_hand(options, stage))


def _several(place: Any) -> tuple[Any, ...]:
    return place if isinstance(place, tuple) else (place,)


def _here(stage: Stage, place: Any) -> Any:
    """Return a place, or several, with stand-ins."""
    if isinstance(place, tuple):
        return tuple(_here(stage, one) for one in place)
    return None if place is None else type(place)(stand_in(stage, place))


def run(
    plan: Plan,
    make_worker: Callable[[], Worker[Loaded, Result]],
    options: RunOptions,
    settings: Mapping[str, Any],
    pixels: Callable[[Job], int],
    signs: Sequence[Sign] = (),
) -> ExitCode:
    """Carry out a plan.

    Parameters
    ----------
    plan
        What to do.
    make_worker
        Called once, or once in every actor of a cluster, and only when there is a file to work
        on: loading a network takes time.
    options
        How to do it.
    settings
        Everything but the inputs that decides what is written, the identity of the weights
        included; a change of it redoes all files.
    pixels
        Size of a job's photo from its header, 0 where unknown.
    signs
        What is told once of the whole run, from what workers note in their details.

    Returns
    -------
    ExitCode
        OK, SOME_FAILED or INTERRUPTED.

    Raises
    ------
    NothingToDoError
        The plan has no job.
    OutputError
        The target cannot be written, before or during the work.
    """
    any_jobs = bool(plan.jobs)
    if options.shard:
        plan = options.shard.share(plan)
    total = len(plan.jobs) + len(plan.left_out)
    stage, sent = options.stage, None
    if stage:
        pixels = staged_pixels(stage, pixels)
        if stage.holds(options.folder):
            sent = StagedManifests(stage, options.folder)
    with Reporter(
        total,
        options.folder,
        quiet=options.quiet,
        json=options.json,
        label=options.label,
        outside=stage.outside if stage else str,
        signs=signs,
    ) as reporter:
        for note in (*(stage.notes if stage else ()), *plan.notes):
            reporter.note(note)
        if not any_jobs:
            for record in _left_out(plan):
                reporter.record(record)
            raise NothingToDoError("nothing to do: no photo is left to work on")
        digest = settings_hash(settings)
        if options.dry_run:
            _dry_run(plan, options, digest, reporter)
        else:
            with Interrupts() as interrupts, TargetLock(options.folder, options.shard) as lock:
                if lock.stale:
                    reporter.note("the run before this one was killed; going on where it stopped")
                try:
                    _work(plan, make_worker, options, digest, pixels, reporter, interrupts, sent)
                except OutputError as error:
                    hint = "what is finished is whole; run the same command again to go on"
                    raise OutputError(f"{error}; {hint}") from error
        if options.summary:
            reporter.summary()
    left = total - reporter.counts.total()
    if left:
        print(
            f"interrupted: {left} of {total} photos are left, the others are whole; "
            "run the same command again to go on",
            file=sys.stderr,
        )
        return ExitCode.INTERRUPTED
    return ExitCode.SOME_FAILED if reporter.counts[FAILED] else ExitCode.OK


def _work(
    plan: Plan,
    make_worker: Callable[[], Worker[Loaded, Result]],
    options: RunOptions,
    settings: str,
    pixels: Callable[[Job], int],
    reporter: Reporter,
    interrupts: Interrupts,
    sent: StagedManifests | None,
) -> None:
    """Do what earlier runs have not, and note each file in the manifest as it ends."""
    absorb_shards(options.folder, options.shard)
    own = options.folder / manifest_name(options.shard)
    with (
        contextlib.closing(sent) if sent else contextlib.nullcontext(),
        contextlib.closing(Manifest(own, writable=True)) as manifest,
        contextlib.closing(Records(manifest, options.folder, options.shard)) as known,
    ):
        for record in _left_out(plan):
            manifest.append(named(options.stage, record))
            reporter.record(record)
        resume = Resume(options.folder, known, settings, overwrite=options.overwrite)
        todo = [job for job in plan.jobs if not _skip(job, resume, reporter)]
        if todo and not interrupts.raised:
            execute = partial(run_here, threads=options.threads)
            if options.cluster.executor == "ray":
                owner = options.shard.label if options.shard else ""
                execute = partial(
                    run_on_ray, choice=options.cluster, threads=options.threads, owner=owner
                )
            tools = Tools(pixels, lambda: interrupts.raised, reporter.note, options.stage)
            with contextlib.closing(execute(todo, make_worker, resume, tools)) as outcomes:
                for ended in outcomes:
                    if ended.fatal:
                        raise OutputError(ended.fatal)
                    manifest.append(ended.record)
                    reporter.record(ended.record, ended.status)
                    if sent:
                        sent.send_now_and_then()
        manifest.compact()


def _dry_run(plan: Plan, options: RunOptions, settings: str, reporter: Reporter) -> None:
    """Report what a run would do."""
    own = options.folder / manifest_name(options.shard)
    with (
        contextlib.closing(Manifest(own)) as manifest,
        contextlib.closing(Records(manifest, options.folder, options.shard)) as known,
    ):
        resume = Resume(options.folder, known, settings, overwrite=options.overwrite)
        for record in _left_out(plan):
            reporter.record(record)
        for job in plan.jobs:
            if not _skip(job, resume, reporter):
                outputs = {role: {"path": path} for role, path in job.outputs}
                reporter.record(Record(job.name, str(job.image), PLANNED, outputs=outputs))


def _skip(job: Job, resume: Resume, reporter: Reporter) -> bool:
    """Report a job that an earlier run finished; return whether it did."""
    record = resume.finished(job)
    if record is None:
        return False
    reporter.record(replace(record, path=str(job.image)), SKIPPED)
    return True


def _left_out(plan: Plan) -> Iterator[Record]:
    for photo in plan.left_out:
        yield Record(photo.name, str(photo.image), FAILED, photo.reason)
