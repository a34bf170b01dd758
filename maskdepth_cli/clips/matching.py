"""Which frame of the masks or depth maps belongs to which frame of a clip: told, never guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from maskdepth_cli.clips.frames import Frames
from maskdepth_cli.errors import UsageError
from maskdepth_cli.files.names import shown

_RATE_TOLERANCE = 0.002  # 24 is not 23.976, but 30 and 29.97 of one clip are often confused
_RUNS_NAMED = 5


@dataclass(frozen=True)
class Match:
    """Partners of a clip's frames.

    Attributes
    ----------
    partners : mapping of int to int
        Number of a clip's frame to that of its partner; frames without one are not in it.
    notes : tuple of str
        What the user should know.
    """

    partners: Mapping[int, int]
    notes: tuple[str, ...] = ()


def match_frames(
    clip: Frames, other: Frames, noun: str, frames: tuple[int, int] | None = None
) -> Match:
    """Find the partner of every frame of a clip.

    Numbered files pair by their numbers; where both have as many without a gap and begin
    differently, in order. With videos and stacks, all pair in order from the first frame on.

    Parameters
    ----------
    clip, other : Frames
        The photos, and their masks or depth maps.
    noun : str
        What messages call one of `other`.
    frames : tuple of int, optional
        First and last number that is wanted.

    Raises
    ------
    UsageError
        Which frames belong together is not known: the lengths or the rates differ, or no number
        is in both.
    """
    notes = [*_rates(clip, other)]
    there = set(other.numbers)
    offset = other.numbers[0] - clip.numbers[0]
    spans = [one.numbers[-1] - one.numbers[0] + 1 for one in (clip, other)]
    if clip.numbered and other.numbered:
        as_many = spans[0] == spans[1] == len(clip.numbers) == len(other.numbers)
        if offset and as_many:
            notes.append(
                f"{shown(other.path)} is numbered {_span(other)}, {shown(clip.path)} "
                f"{_span(clip)}: as many, so they pair in order"
            )
        elif not there.isdisjoint(clip.numbers):
            offset = 0
        else:
            raise UsageError(
                f"{shown(other.path)} is numbered {_span(other)}, {shown(clip.path)} "
                f"{_span(clip)}: no number is in both; renumber one of them"
            )
    elif spans[0] != spans[1]:
        _check_lengths(clip, other, noun, frames, spans)
        notes.append(
            f"{shown(other.path)} has {spans[1]} frames, {shown(clip.path)} {spans[0]}: they pair "
            "from the first frame on"
        )
    return Match({n: n + offset for n in clip.numbers if n + offset in there}, tuple(notes))


def within(number: int, frames: tuple[int, int] | None) -> bool:
    """Tell whether a frame is wanted."""
    return frames is None or frames[0] <= number <= frames[1]


def runs(numbers: Sequence[int]) -> str:
    """Return ascending numbers as text: ``3-5, 9``."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    words = [f"{first}-{last}" if last > first else str(first) for first, last in found]
    return ", ".join(words[:_RUNS_NAMED]) + (" and more" if len(words) > _RUNS_NAMED else "")


def _span(frames: Frames) -> str:
    return f"{frames.numbers[0]}-{frames.numbers[-1]}"


def _rates(clip: Frames, other: Frames) -> list[str]:
    """Return a remark where rates differ and the number of frames does not."""
    if clip.rate is None or other.rate is None:
        return []
    if abs(float(clip.rate / other.rate) - 1) <= _RATE_TOLERANCE:
        return []
    words = (
        f"{shown(other.path)} has {float(other.rate):.5g} frames a second, {shown(clip.path)} "
        f"{float(clip.rate):.5g}"
    )
    if len(clip.numbers) != len(other.numbers):
        raise UsageError(f"{words}: their frames are not the same; make it of this clip's frames")
    return [f"{words}, but as many frames: they pair in order"]


def _check_lengths(
    clip: Frames, other: Frames, noun: str, frames: tuple[int, int] | None, spans: Sequence[int]
) -> None:
    first = clip.numbers[0]
    common = min(spans)
    if frames is not None and frames[1] - first < common:
        return
    raise UsageError(
        f"{shown(other.path)} has {spans[1]} frames, {shown(clip.path)} {spans[0]}: which {noun} "
        f"belongs to which frame is not known; make them of one length, or say --frames "
        f"{first}-{first + common - 1} if both begin with the same frame"
    )
