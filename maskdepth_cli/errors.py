"""The one exception family: every failure a user can cause or meet, with its exit code."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command, listed for users in docs/exit-codes.md."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    NOTHING_TO_DO = 3
    WEIGHTS = 4
    OUTPUT = 5
    INTERRUPTED = 130


class MaskdepthError(Exception):
    """A failure with one clear line: what is wrong, where, and what to do."""

    exit_code = ExitCode.SOME_FAILED


class InputFileError(MaskdepthError):
    """One input file is bad; the rest of the batch goes on."""

    exit_code = ExitCode.SOME_FAILED


class ArrayError(MaskdepthError, ValueError):
    """An array given in Python has a wrong shape or type, or values outside its range."""


class UsageError(MaskdepthError):
    """Options that contradict each other, or values outside their range."""

    exit_code = ExitCode.USAGE


class NothingToDoError(MaskdepthError):
    """No input was found, or none could be paired."""

    exit_code = ExitCode.NOTHING_TO_DO


class WeightsError(MaskdepthError):
    """Weights are missing, damaged, or belong to another network."""

    exit_code = ExitCode.WEIGHTS


class OutputError(MaskdepthError):
    """The target cannot be written."""

    exit_code = ExitCode.OUTPUT


def one_line(error: Exception) -> str:
    """Condense an error's text to one line; its type where it has none."""
    return " ".join(str(error).split())[:200] or type(error).__name__
