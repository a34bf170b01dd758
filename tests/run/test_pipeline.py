from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from maskdepth_cli.run import pipeline
from maskdepth_cli.run.jobs import Job
from maskdepth_cli.run.pipeline import run_pipeline


class Probe:
    """A worker that notes what happens, and where."""

    def __init__(self, batch_size=1, load=None, compute=None, save=None, at_once=1):
        self.batch_size = batch_size
        self.at_once = at_once
        self.events = []
        self.steps = {"load": load, "compute": compute, "save": save}
        self.compute_threads = set()

    def _do(self, step, *arguments):
        self.events.append((step, arguments))
        if self.steps[step]:
            return self.steps[step](*arguments)
        return arguments[-1]

    def load(self, job):
        return self._do("load", int(job.name))

    def compute(self, loaded):
        self.compute_threads.add(threading.current_thread())
        return self._do("compute", list(loaded))

    def save(self, job, result):
        self._do("save", int(job.name), result)
        return {"value": result}

    def started(self, step):
        return sum(event == step for event, _ in self.events)


def jobs(count):
    return (Job(str(i), Path(str(i)), (), (("depth", f"{i}.out"),)) for i in range(count))


def outcomes(worker, count, threads=3, pixels=lambda job: 1, **options):
    return run_pipeline(jobs(count), worker, threads=threads, pixels=pixels, **options)


@pytest.mark.parametrize("at_once", [1, 3])
def test_outcomes_keep_the_order_of_jobs_whatever_takes_longest(at_once):
    worker = Probe(
        batch_size=2,
        load=lambda i: time.sleep(0.01 * (i % 3)) or i,
        compute=lambda loaded: time.sleep(0.01 * (loaded[0] % 5)) or [v * 10 for v in loaded],
        save=lambda i, _: time.sleep(0.01 * (i % 4)),
        at_once=at_once,
    )
    found = list(outcomes(worker, 23))
    assert [outcome.job.name for outcome in found] == [str(i) for i in range(23)]
    assert [outcome.details for outcome in found] == [{"value": 10 * i} for i in range(23)]
    computes_here = worker.compute_threads == {threading.main_thread()}
    assert computes_here if at_once == 1 else len(worker.compute_threads) <= at_once


def test_photos_are_computed_side_by_side_as_many_as_the_worker_says():
    all_there = threading.Barrier(3, timeout=5)
    running, most, lock = [0], [0], threading.Lock()

    def compute(loaded):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        all_there.wait()  # breaks unless three are here together
        with lock:
            running[0] -= 1
        return loaded

    found = list(outcomes(Probe(compute=compute, at_once=3), 12, threads=1))
    assert [str(outcome.error or "") for outcome in found] == [""] * 12
    assert most[0] == 3


@pytest.mark.parametrize("at_once", [1, 2])
def test_jobs_are_taken_as_there_is_room_not_all_at_once(at_once):
    taken, worker = [], Probe(at_once=at_once)
    source = (taken.append(job.name) or job for job in jobs(1000))
    ahead = []
    for i, _ in enumerate(run_pipeline(source, worker, threads=3, pixels=lambda job: 1)):
        ahead.append(len(taken) - i)
    assert len(ahead) == 1000
    assert max(ahead) <= 12


def test_slow_writers_hold_the_readers_back():
    release = threading.Event()
    worker = Probe(save=lambda i, _: release.wait(5))
    run = outcomes(worker, 100, threads=2)
    threading.Timer(0.3, release.set).start()
    next(run)
    assert worker.started("load") <= 10
    assert len(list(run)) == 99


@pytest.mark.parametrize("at_once", [1, 4])
def test_large_photos_are_not_held_together(at_once):
    alive, most, lock = [0], [0], threading.Lock()

    def load(i):
        with lock:
            alive[0] += 1
            most[0] = max(most[0], alive[0])
        return i

    def save(i, _):
        with lock:
            alive[0] -= 1

    worker = Probe(load=load, save=save, at_once=at_once)
    size = pipeline.PIXELS_IN_FLIGHT // 2
    assert len(list(outcomes(worker, 20, threads=8, pixels=lambda job: size))) == 20
    assert most[0] <= 2
    most[0] = 0
    assert len(list(outcomes(worker, 5, threads=8, pixels=lambda job: 10 * size))) == 5
    assert most[0] <= 1


@pytest.mark.parametrize("at_once", [1, 2])
def test_errors_of_each_step_stay_with_their_job(at_once):
    def load(i):
        if i == 1:
            raise ValueError("load")
        return i

    def compute(loaded):
        if 3 in loaded:
            raise ValueError("compute")
        return loaded

    def save(i, _):
        if i == 5:
            raise ValueError("save")

    found = list(outcomes(Probe(4, load, compute, save, at_once), 8))
    assert [str(outcome.error or "") for outcome in found] == [
        "",
        "load",
        "",
        "compute",
        "",
        "save",
        "",
        "",
    ]


def test_batches_are_as_large_as_the_worker_takes():
    worker = Probe(batch_size=4)
    list(outcomes(worker, 10))
    batches = [arguments[0] for event, arguments in worker.events if event == "compute"]
    assert batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_stop_finishes_what_is_being_written_and_starts_nothing_new():
    worker = Probe(save=lambda i, _: time.sleep(0.05))
    found = list(outcomes(worker, 1000, stopped=lambda: worker.started("compute") >= 5))
    assert [outcome.job.name for outcome in found] == ["0", "1", "2", "3", "4"]
    assert all(outcome.error is None for outcome in found)
    assert worker.started("save") == 5


def test_stop_finishes_every_photo_that_is_being_computed():
    stop = threading.Event()

    def compute(loaded):
        if loaded == [4]:
            stop.set()
        time.sleep(0.05)
        return loaded

    worker = Probe(compute=compute, at_once=2)
    found = list(outcomes(worker, 1000, stopped=stop.is_set))
    assert [outcome.job.name for outcome in found] == [str(i) for i in range(len(found))]
    assert all(outcome.error is None for outcome in found)
    assert worker.started("compute") == worker.started("save") == len(found) < 12


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_consumer_that_gives_up_leaves_no_thread(at_once):
    before = threading.active_count()
    run = outcomes(Probe(at_once=at_once), 100)
    next(run)
    run.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("size", [1, pipeline.PIXELS_IN_FLIGHT])  # there is room, or there is none
@pytest.mark.parametrize("at_once", [1, 2])
def test_interrupt_in_compute_reaches_the_caller(at_once, size):
    def compute(loaded):
        time.sleep(0.05)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(outcomes(Probe(compute=compute, at_once=at_once), 5, pixels=lambda job: size))
