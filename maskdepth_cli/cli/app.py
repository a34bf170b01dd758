"""The typer app: one subcommand a module, nothing heavy imported before one is chosen."""

from __future__ import annotations

from typing import Annotated

import typer

from maskdepth_cli.cli.bokeh import bokeh
from maskdepth_cli.cli.evaluate import evaluate
from maskdepth_cli.cli.export import export
from maskdepth_cli.cli.gallery import gallery
from maskdepth_cli.cli.merge_manifests import merge_manifests
from maskdepth_cli.cli.models import models
from maskdepth_cli.cli.pointcloud import pointcloud
from maskdepth_cli.cli.predict import predict
from maskdepth_cli.cli.refine import refine
from maskdepth_cli.cli.show import show
from maskdepth_cli.cli.train import train

# Without markup, help needs no rich: it appears in half the time.
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from maskdepth_cli import __version__

        typer.echo(f"maskdepth {__version__}")
        raise typer.Exit()


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Sharpen the edges of single-photo depth maps with masks."""


app.command()(refine)
app.command()(predict)
app.command()(evaluate)
app.command()(show)
app.command()(gallery)
app.command()(bokeh)
app.command()(export)
app.command()(pointcloud)
app.command()(merge_manifests)
app.add_typer(models, name="models")
app.command()(train)
