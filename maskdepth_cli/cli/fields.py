"""Options from fields: a command names the dataclasses that it takes, and users type their fields.

`maskdepth_cli.settings` says how a field is declared.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand

from maskdepth_cli.settings import Declared, Setting, Without, declared

_REQUIRED = inspect.Parameter.empty


class PanelCommand(TyperCommand):
    """A command whose help has a heading for each panel; drawn without rich, it is instant."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, those without a panel first."""
        panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                plain = "Arguments" if parameter.param_type_name == "argument" else "Options"
                panel = getattr(parameter, "rich_help_panel", None) or plain
                panels.setdefault(panel, []).append(record)
        for panel, rows in panels.items():
            if rows:
                with formatter.section(panel):
                    formatter.write_dl(rows)


def add_command(app: typer.Typer, function: Callable[..., int | None]) -> None:
    """Add a command; the fields of the dataclasses among its parameters become its options.

    A parameter's default, an instance, gives the fields' defaults. Fields of one name in several
    dataclasses are one option, declared by the first of them. What the function returns is the
    exit code.
    """
    signature = inspect.signature(function)
    hints = get_type_hints(function, include_extras=True)
    taken = {
        name: _Taken.of(hints[name], parameter.default)
        for name, parameter in signature.parameters.items()
    }
    options: dict[str, inspect.Parameter] = {}
    for name, parameter in signature.parameters.items():
        if is_dataclass(taken[name].kind):
            for option in taken[name].options():
                options.setdefault(option.name, option)
        else:
            keyword = inspect.Parameter.KEYWORD_ONLY
            options[name] = parameter.replace(annotation=hints[name], kind=keyword)

    def command(**values: Any) -> None:
        given = {
            name: one.build(values) if is_dataclass(one.kind) else values[name]
            for name, one in taken.items()
        }
        code = function(**given)
        if code is not None:
            raise typer.Exit(int(code))

    command.__doc__ = function.__doc__
    command.__signature__ = inspect.Signature(list(options.values()))  # type: ignore[attr-defined]
    command.__annotations__ = {name: option.annotation for name, option in options.items()}
    app.command(function.__name__.replace("_", "-"), cls=PanelCommand)(command)


@dataclass(frozen=True)
class _Taken:
    """A dataclass as a command, or a field of another one, takes it."""

    kind: Any
    default: Any  # an instance, or _REQUIRED
    without: tuple[str, ...]

    @classmethod
    def of(cls, hint: Any, default: Any) -> _Taken:
        extras = getattr(hint, "__metadata__", ())
        without = next((extra.names for extra in extras if isinstance(extra, Without)), ())
        return cls(hint.__origin__ if extras else hint, default, without)

    def options(self) -> Iterator[inspect.Parameter]:
        """Make an option of each field, those of dataclasses within it among them."""
        for name, field, default in self._fields():
            if is_dataclass(field.kind):
                yield from _Taken(field.kind, default, field.without).options()
            elif field.setting is not None:
                yield _option(name, field.kind, field.setting, default)

    def build(self, values: Mapping[str, Any]) -> Any:
        """Make an instance of what was typed."""
        given = {}
        for name, field, default in self._fields():
            if is_dataclass(field.kind):
                given[name] = _Taken(field.kind, default, field.without).build(values)
            elif field.setting is not None:
                given[name] = _value(values[name], field.kind, field.setting)
        return self.kind(**given) if self.default is _REQUIRED else replace(self.default, **given)

    def _fields(self) -> Iterator[tuple[str, Declared, Any]]:
        """Yield name, declaration and default of the fields that users type or that hold such."""
        known = declared(self.kind)
        for field in fields(self.kind):
            if field.name in self.without or not field.init:
                continue
            default: Any = _REQUIRED
            if self.default is not _REQUIRED:
                default = getattr(self.default, field.name)
            elif field.default is not MISSING:
                default = field.default
            elif field.default_factory is not MISSING:
                default = field.default_factory()
            yield field.name, known[field.name], default


def _option(name: str, kind: Any, setting: Setting, default: Any) -> inspect.Parameter:
    """Return a field as typer takes it."""
    kind, optional = _without_none(kind)
    if setting.parse:
        kind = str
    if get_origin(kind) is tuple:
        kind = list[get_args(kind)[0]]  # type: ignore[misc]
        if default is not _REQUIRED:
            default, optional = list(default) or None, True
    if get_origin(kind) is Literal:
        kind = _enum(kind)
        default = default if default in (None, _REQUIRED) else kind(default)
    limits = {
        bound: int(value) if kind is int else value
        for bound, value in (("min", setting.min), ("max", setting.max))
        if value is not None
    }
    text = setting.help
    if setting.default_text:
        text += f" [default: {setting.default_text}]"
    shared: dict[str, Any] = {"help": text, "metavar": setting.metavar, **limits}
    shared |= {"rich_help_panel": setting.panel, "case_sensitive": False}
    if setting.argument:
        info = typer.Argument(show_default=False, **shared)
    else:
        info = typer.Option(*_flags(name, setting, default), **shared)
    typed: Any = kind | None if optional else kind
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[typed, info]
    )


def _flags(name: str, setting: Setting, default: Any) -> tuple[str, ...]:
    flag = f"--{name.replace('_', '-')}"
    if default is True and not setting.flags:
        return (f"{flag}/--no-{flag[2:]}",)
    return setting.flags or (flag,)


def _value(value: Any, kind: Any, setting: Setting) -> Any:
    """Return what was typed as the field's type."""
    if setting.parse:
        return None if value is None else setting.parse(value)
    if isinstance(value, Enum):
        return value.value
    if get_origin(_without_none(kind)[0]) is tuple:
        return tuple(value or ())
    return value


def _without_none(kind: Any) -> tuple[Any, bool]:
    """Return a type without None, and whether None was part of it."""
    if get_origin(kind) not in (Union, UnionType):
        return kind, False
    others = [one for one in get_args(kind) if one is not NoneType]
    return others[0], True


@cache
def _enum(choices: Any) -> Any:
    """Return an enumeration of a Literal's values, which all versions of typer understand."""
    return cast(Any, Enum)("Choice", {value: value for value in get_args(choices)}, type=str)
