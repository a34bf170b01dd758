"""One of several runs over the same photos: which photos are its own."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from maskdepth_cli.errors import UsageError
from maskdepth_cli.run.jobs import Plan

AUTO = "auto"
Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """The photos of one of `count` runs.

    A photo's name alone decides whose it is: files that come or go move no other one, and every
    photo belongs to exactly one run.

    Parameters
    ----------
    index
        Of this run, 1 to `count`.
    count
        Number of runs.
    """

    index: int
    count: int

    @property
    def label(self) -> str:
        """What the names of this run's own files hold, such as `2-of-4`."""
        return f"{self.index}-of-{self.count}"

    def owns(self, name: str) -> bool:
        """Return whether a photo, by the name of its manifest line, is this run's."""
        # macOS hands out decomposed accents: all machines must agree.
        text = os.fsencode(unicodedata.normalize("NFC", name))
        digest = hashlib.blake2b(text, digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.index - 1

    def share(self, plan: Plan) -> Plan:
        """Return the part of a plan that is this run's: of a clip, neighbouring frames."""
        if plan.in_order:
            return replace(plan, jobs=self._part(plan.jobs), left_out=self._part(plan.left_out))
        return Plan(
            tuple(job for job in plan.jobs if self.owns(job.name)),
            tuple(photo for photo in plan.left_out if self.owns(photo.name)),
            plan.notes,
        )

    def _part(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """Return the I-th of N parts that differ by one item at most."""
        ends = [len(items) * end // self.count for end in (self.index - 1, self.index)]
        return tuple(items[slice(*ends)])


def parse_shard(text: str, environment: Mapping[str, str] = os.environ) -> Shard:
    """Read `I/N`, or `auto`: what torchrun or a SLURM array says of this process.

    Raises
    ------
    UsageError
        It is neither, or `auto` where the environment does not tell.
    """
    if text == AUTO:
        return _from_environment(environment)
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if not found:
        raise UsageError(f"--shard {text}: give I/N, such as 2/4 for the second of four, or auto")
    return _checked(int(found[1]), int(found[2]), f"--shard {text}")


def _from_environment(environment: Mapping[str, str]) -> Shard:
    def number(name: str, default: str | None = None) -> int:
        value = environment.get(name, default)
        if value is None or not re.fullmatch(r"\d{1,9}", value):
            raise UsageError(f"--shard auto: {name} is {value or 'not set'}; give I/N")
        return int(value)

    if "RANK" in environment:
        return _checked(number("RANK") + 1, number("WORLD_SIZE"), "--shard auto: RANK, WORLD_SIZE")
    if "SLURM_ARRAY_TASK_ID" in environment:
        first, step = number("SLURM_ARRAY_TASK_MIN", "0"), number("SLURM_ARRAY_TASK_STEP", "1")
        last, count = number("SLURM_ARRAY_TASK_MAX"), number("SLURM_ARRAY_TASK_COUNT")
        if not step or last != first + step * (count - 1):
            raise UsageError("--shard auto: the task ids of this SLURM array have gaps; give I/N")
        index = (number("SLURM_ARRAY_TASK_ID") - first) // step + 1
        return _checked(index, count, "--shard auto: SLURM_ARRAY_TASK_ID")
    raise UsageError("--shard auto: neither under torchrun nor in a SLURM array; give I/N")


def _checked(index: int, count: int, source: str) -> Shard:
    if not 1 <= index <= count:
        raise UsageError(f"{source}: there is no shard {index} of {count}")
    return Shard(index, count)
