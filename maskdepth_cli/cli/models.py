"""`maskdepth models`: which networks there are, where their files are, and how to get them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

models = typer.Typer(no_args_is_help=True, help="List, download and verify networks.")

Name = Annotated[str, typer.Argument(help="A name of maskdepth models list.")]


@models.command("list")
def list_models() -> None:
    """List every named network, its licence, and whether its file is here."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from maskdepth_cli.weights.cache import cache_folder, is_here
    from maskdepth_cli.weights.registry import ENTRIES

    table = Table("name", "what", "here", "size", "licence", "about", box=None)
    for entry in ENTRIES:
        here = "package" if entry.embedded else "cache" if is_here(entry) else "no"
        size = f"{entry.size / 1e6:.0f} MB" if entry.size else ""
        what = "photo to depth" if entry.kind == "side" else "refinement"
        place = here if entry.file else "hub"
        table.add_row(entry.name, what, place, size, entry.licence, escape(entry.about))
    console = Console(width=None if Console().is_terminal else 160)
    console.print(table)
    console.print(f"cache: {cache_folder()} (MASKDEPTH_HOME moves it)", highlight=False)


@models.command()
def pull(
    name: Name,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE|URL",
            help="Take it from a file on disk or another address; its content is verified.",
        ),
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="You have read and accept its licence.")
    ] = False,
) -> None:
    """Download a network into the cache: resumed, verified, whole or not at all."""
    from maskdepth_cli.side.models import find_side_model, load_side_model
    from maskdepth_cli.weights.progress import download_bar
    from maskdepth_cli.weights.registry import HUGGING_FACE, find_entry, require_entry
    from maskdepth_cli.weights.store import fetch_entry, import_entry

    entry = find_entry(name)
    if name.startswith(HUGGING_FACE) or (entry and entry.loader.startswith(HUGGING_FACE)):
        load_side_model(find_side_model(name))
        typer.echo(f"{name} is in the cache of the transformers library")
        return
    entry = require_entry(name)
    with download_bar(name) as report:
        if source is None:
            typer.echo(fetch_entry(entry, accept_licence=accept_licence, report=report))
        else:
            typer.echo(import_entry(entry, source, accept_licence=accept_licence, report=report))


@models.command()
def export(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A network, or its weights.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="FILE.onnx, or FILE.pt2 for torch."),
    ],
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Photos that the file is for, in pixels.")
    ] = "512x384",
) -> None:
    """Write a network as one file for other runtimes, and compare it with torch."""
    from maskdepth_cli.commands.model_export import export_model
    from maskdepth_cli.errors import UsageError

    found = re.fullmatch(r"([1-9]\d{1,4})x([1-9]\d{1,4})", size)
    if not found:
        raise UsageError(f"--size {size}: give width and height, such as 512x384")
    exported = export_model(name, output, width=int(found[1]), height=int(found[2]))
    for key, shape in exported.inputs.items():
        typer.echo(f"{key}: {' x '.join(str(side or 'batch') for side in shape)}", err=True)
    typer.echo(
        f"{output}: differs from torch by {exported.difference:.1e} of the range at most", err=True
    )


@models.command()
def path(name: Name) -> None:
    """Print where a network's file is, or will be."""
    from maskdepth_cli.weights.registry import require_entry
    from maskdepth_cli.weights.store import stored_path

    typer.echo(stored_path(require_entry(name)))


@models.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME|FILE]...", help="Default: every file in the cache."),
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="Expected digest of a single file.")] = None,
) -> None:
    """Compare the content of files with the digests that are known for them."""
    from maskdepth_cli.weights.store import verify_files

    for verified in verify_files(names or [], sha256):
        typer.echo(verified)
