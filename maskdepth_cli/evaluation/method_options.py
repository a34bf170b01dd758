"""The options of a compared method, from text; `ValueError` says what is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from maskdepth_cli.errors import UsageError

Converters = dict[str, Callable[[str], Any]]


def odd(text: str) -> int:
    """Read an odd number of pixels."""
    value = int(text)
    if value < 1 or value % 2 == 0:
        raise ValueError("an odd number of pixels is needed")
    return value


def positive(text: str) -> float:
    """Read a number above 0."""
    value = float(text)
    if not value > 0:
        raise ValueError("a number above 0 is needed")
    return value


def whole(text: str) -> int:
    """Read a whole number above 0."""
    value = int(text)
    if value < 1:
        raise ValueError("a whole number above 0 is needed")
    return value


def switch(text: str) -> bool:
    """Read on or off."""
    if text not in ("on", "off"):
        raise ValueError("on or off is needed")
    return text == "on"


def one_of(choices: Any) -> Callable[[str], str]:
    """Return what reads one of the words of a Literal."""

    def choose(text: str) -> str:
        if text not in get_args(choices):
            raise ValueError(f"{' or '.join(get_args(choices))} is needed")
        return text

    return choose


def parse_options(text: str, rest: str, converters: Converters) -> dict[str, Any]:
    """Read the options of one method: ``value`` for the first, or ``option=value``, by commas.

    Raises
    ------
    UsageError
        An option that is not among `converters`, or a value that its own refuses.
    """
    options: dict[str, Any] = {}
    for part in rest.split(",") if rest else ():
        key, equals, value = part.partition("=")
        if not equals:
            key, value = next(iter(converters)), part
        if key not in converters:
            raise UsageError(
                f"--method {text}: no option {key!r}; there are {', '.join(converters)}"
            )
        try:
            options[key] = converters[key](value)
        except ValueError as error:
            raise UsageError(f"--method {text}: {key}={value}: {error}") from error
    return options
