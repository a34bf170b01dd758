"""`maskdepth evaluate`: the paper's metrics and tables for any methods on any test set."""

from __future__ import annotations

from contextlib import nullcontext
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from maskdepth_cli.cli import options

if TYPE_CHECKING:
    from maskdepth_cli.evaluation.stages import Evaluation


class DatasetName(str, Enum):
    """Layouts of test sets."""

    GENERIC = "generic"
    TARTANAIR = "tartanair"
    TARTANAIR2 = "tartanair2"
    HYPERSIM = "hypersim"


class InstanceSource(str, Enum):
    """Where instance masks come from."""

    AUTO = "auto"
    INSTANCES = "instances"
    FROM_DEPTH = "from-depth"


class Select(str, Enum):
    """Of what Hypersim gives the first frame."""

    TRAJECTORY = "trajectory"
    SCENE = "scene"


def evaluate(
    root: Annotated[
        Path,
        typer.Option("--root", metavar="DIR", help="Folder of the test set.", show_default=False),
    ],
    dataset: Annotated[
        DatasetName,
        typer.Option(help="Layout of the set; generic: rgb/, depth/ and seg/, paired by name."),
    ] = DatasetName.GENERIC,
    initial: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|MODEL",
            help="Initial depth: a folder of maps named like the frames, or a depth network by "
            "name [default: the best network that is here].",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            "-m",
            metavar="NAME[:FILE][:OPTION=VALUE,...]",
            help="Once per method: ours, direct-composite, direct-paired, layered-propagation, "
            "layered-nearest, layered-ours, bmf, guided, wmf, files:DIR, or all. As "
            "ours:my.safetensors, layered-propagation:kernel=7 [default: all that is here].",
            show_default=False,
        ),
    ] = None,
    masks: Annotated[
        InstanceSource,
        typer.Option(help="Masks: the set's instance maps, or cut from its true depth."),
    ] = InstanceSource.AUTO,
    depth_kind: Annotated[
        options.DepthKind, typer.Option(help="What depth/ of a generic set holds; not guessed.")
    ] = options.DepthKind.INVERSE,
    initial_kind: Annotated[
        options.DepthKind, typer.Option(help="What the maps of --initial DIR hold; not guessed.")
    ] = options.DepthKind.INVERSE,
    frame: Annotated[
        int, typer.Option(min=0, help="Frame taken of each TartanAir trajectory.")
    ] = 100,
    select: Annotated[
        Select, typer.Option(help="Of each Hypersim trajectory or scene, the first frame.")
    ] = Select.TRAJECTORY,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Only so many frames, from the first on.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Keep scores and reports here; run again, it goes on where it stopped.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Report with all rows; - for stdout.", show_default=False
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A row per frame and method; - for stdout.", show_default=False
        ),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The table; - for stdout.", show_default=False),
    ] = None,
    table: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=3,
            help="Arrange the methods as this table of the paper, with its figures where the "
            "frames and the depth network are the same.",
            show_default=False,
        ),
    ] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Print 95% bootstrap confidence intervals.")
    ] = False,
    figures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Draw where each method improved and worsened each frame.",
            show_default=False,
        ),
    ] = None,
    degrade_masks: Annotated[
        bool,
        typer.Option(
            "--degrade-masks",
            help="Also run with masks dilated, eroded and coarsened in steps; plots to --output.",
        ),
    ] = False,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A decision of the metrics, such as r3_threshold=0.05; see docs/evaluation.md.",
            show_default=False,
        ),
    ] = None,
    min_instance_share: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out instances that cover less of a frame.")
    ] = 0.01,
    merge: Annotated[
        options.Merge | None,
        typer.Option(
            help="Merge several masks by this rule in all methods "
            "[default: own in ours, largest, the paper's, in the compared methods].",
            show_default=False,
        ),
    ] = None,
    device: options.DeviceOption = options.Device.AUTO,
    precision: options.PrecisionOption = options.Precision.AUTO,
    workers: options.Workers = 2,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure whether refinement helps, on the paper's protocol or your own data.

    Metrics, protocol and layouts are described in docs/evaluation.md.
    """
    import tempfile

    from maskdepth_cli.datasets.catalog import open_dataset
    from maskdepth_cli.errors import UsageError
    from maskdepth_cli.evaluation.degradation import STEPS
    from maskdepth_cli.evaluation.initial_depth import initial_folder
    from maskdepth_cli.evaluation.methods import parse_methods
    from maskdepth_cli.evaluation.scoring import EvaluationSettings
    from maskdepth_cli.evaluation.stages import EvaluateRequest
    from maskdepth_cli.evaluation.stages import evaluate as evaluate_request
    from maskdepth_cli.metrics.scores import parse_settings
    from maskdepth_cli.run.runner import RunOptions
    from maskdepth_cli.side.choice import SideChoice

    if degrade_masks and output is None:
        raise UsageError("--degrade-masks writes plots: name a folder with --output")
    settings = EvaluationSettings(min_instance_share, parse_settings(setting or []))
    network = {
        "min_instance_share": min_instance_share,
        "device": device.value,
        "precision": precision.value,
        **({"merge": merge.value} if merge else {}),
    }
    methods, notes = parse_methods(tuple(method or ()), network)
    frames = open_dataset(
        dataset.value,
        root,
        masks=masks.value,
        kind=depth_kind.value,
        number=frame,
        select=select.value,
    ).limited(limit)
    folder = initial_folder(initial)
    request = EvaluateRequest(
        frames,
        tuple(methods),
        folder,
        initial_kind.value,
        SideChoice(
            None if folder else initial,
            settings={"device": device.value, "precision": precision.value},
        ),
        settings,
        figures,
        STEPS if degrade_masks else (),
        tuple(notes),
    )
    place = nullcontext(output) if output else tempfile.TemporaryDirectory(prefix="maskdepth-")
    with place as target:
        run_options = RunOptions(Path(target), overwrite=overwrite, quiet=quiet, threads=workers)
        evaluation, code = evaluate_request(request, run_options)
    if evaluation is not None:
        reports = {"json": json, "csv": csv, "markdown": markdown}
        _report(evaluation, output, reports, table, intervals)
    raise typer.Exit(int(code))


def _report(
    evaluation: Evaluation,
    output: Path | None,
    reports: dict[str, Path | None],
    number: int | None,
    intervals: bool,
) -> None:
    """Write the reports that were asked for; the table goes to the terminal unless one is there."""
    from maskdepth_cli.evaluation import report, tables

    table = (
        tables.comparison(evaluation)
        if number is None
        else tables.paper_table(evaluation, cast(Literal[1, 2, 3], number))
    )
    texts = {
        "json": lambda: report.to_json(evaluation),
        "csv": lambda: report.to_csv(evaluation),
        "markdown": lambda: tables.to_markdown(table, intervals),
    }
    targets = [(name, path) for name, path in reports.items() if path is not None]
    if output is not None:
        names = {"json": "report.json", "csv": "rows.csv", "markdown": "report.md"}
        targets += [(name, output / file) for name, file in names.items()]
    for name, path in targets:
        report.write_text(path, texts[name]())
    if output is not None and any(result.masks for result in evaluation.results):
        report.write_charts(evaluation, output)
    if report.STDOUT not in reports.values():
        tables.show(table, intervals)
