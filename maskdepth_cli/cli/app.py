"""The typer app: one subcommand a module, nothing heavy imported before one is chosen."""

from __future__ import annotations

from typing import Annotated

import typer

from maskdepth_cli.cli import photos
from maskdepth_cli.cli.evaluate import evaluate
from maskdepth_cli.cli.fields import add_command
from maskdepth_cli.cli.models import models
from maskdepth_cli.cli.train import train

# Without markup, help needs no rich: it appears in half the time. `add_command` draws the panels.
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from maskdepth_cli.version import VERSION
        from maskdepth_cli.weights.registry import ENTRIES

        typer.echo(f"maskdepth {VERSION}")
        for entry in ENTRIES:
            if entry.embedded:
                typer.echo(f"{entry.name} {entry.sha256}")
        raise typer.Exit()


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            help="Print the version, and the SHA-256 of the weights inside the package.",
        ),
    ] = False,
) -> None:
    """Sharpen the edges of single-photo depth maps with masks."""


for command in (
    photos.refine,
    photos.predict,
    evaluate,
    photos.show,
    photos.gallery,
    photos.bokeh,
    photos.parallax,
    photos.stereo,
    photos.mesh,
    photos.export,
    photos.pointcloud,
    photos.app,
    photos.merge_manifests,
):
    add_command(app, command)
app.add_typer(models, name="models")
add_command(app, train)
