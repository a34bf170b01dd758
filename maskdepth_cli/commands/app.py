"""A page in the browser: a photo goes in, its depth under a slider and the files come out.

`maskdepth app` serves it on loopback; on a Hugging Face Space this file is the ``app.py``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from maskdepth_cli.choices import DepthFormat, DepthKind, Matte
from maskdepth_cli.commands.app_request import AppRequest
from maskdepth_cli.commands.refine_request import RefineRequest
from maskdepth_cli.errors import MaskdepthError, OutputError, UsageError

if TYPE_CHECKING:
    import gradio as gr

    from maskdepth_cli.engine.refiner import Refiner
    from maskdepth_cli.side.predictor import Predictor

_HOST = "127.0.0.1"
_KEPT_SECONDS = 3600
# Scripts, fonts and connections of the page itself only: nothing is asked of other servers.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "connect-src 'self' data: blob:; form-action 'self'; frame-ancestors 'self'"
)
_INTRODUCTION = """# maskdepth
Gives the depth map of a photo the edges of a mask. A **portrait photo** of a phone (HEIC, JPEG)
holds depth and matte itself; for any other photo add a mask, and a depth map if you have one:
without, depth is predicted."""


def serve(request: AppRequest) -> None:
    """Serve the page on this machine until Ctrl-C.

    Raises
    ------
    UsageError
        gradio is not installed.
    OutputError
        The port is taken.
    """
    if find_spec("gradio") is None:
        raise UsageError("the page needs a library: pip install 'maskdepth[app]'")
    with tempfile.TemporaryDirectory(prefix="maskdepth-app-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        page = build_page(request)
        try:
            page.launch(
                server_name=_HOST,
                server_port=request.port,
                inbrowser=request.open,
                quiet=True,
                prevent_thread_lock=True,
                **launch_settings(request),
            )
        except OSError as error:
            raise OutputError(
                f"port {request.port} cannot be had: choose another one with --port"
            ) from error
        print(f"http://{_HOST}:{request.port}/ until Ctrl-C", file=sys.stderr)
        page.block_thread()


def launch_settings(request: AppRequest) -> dict[str, Any]:
    """Return how gradio serves the page: no shares, no fonts and scripts from elsewhere."""
    import gradio as gr
    from starlette.middleware import Middleware

    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    return {
        "share": False,
        "ssr_mode": False,
        "footer_links": [],
        "max_file_size": f"{request.max_megabytes}mb",
        "theme": gr.themes.Base(**fonts),
        "app_kwargs": {"middleware": [Middleware(_WithPolicy)]},
    }


class _WithPolicy:
    """Adds the content security policy to what the server answers."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", _POLICY.encode())
                message = {**message, "headers": [*message["headers"], policy]}
            await send(message)

        await self._app(scope, receive, answer)


def build_page(request: AppRequest) -> gr.Blocks:
    """Return the page."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    def refine(
        photo: str | None,
        mask: str | None,
        depth: str | None,
        kind: DepthKind,
        matte: Matte,
        format: DepthFormat,
    ) -> tuple[Any, list[str], str]:
        if photo is None:
            raise gr.Error("first a photo", print_exception=False)
        try:
            return _refine(request, photo, mask, depth, kind, matte, format)
        except MaskdepthError as error:
            line = _without_folders(str(error))
            raise gr.Error(line, duration=None, print_exception=False) from error

    with gr.Blocks(
        title="maskdepth", analytics_enabled=False, delete_cache=(_KEPT_SECONDS, _KEPT_SECONDS)
    ) as page:
        gr.Markdown(_INTRODUCTION)
        with gr.Row():
            with gr.Column(scale=1):
                photo = gr.File(label="Photo", elem_id="photo")
                mask = gr.File(label="Mask, white = object", elem_id="mask")
                depth = gr.File(label="Depth map", elem_id="depth")
                kind = gr.Radio(
                    [
                        ("larger is nearer", "inverse"),
                        ("larger is farther", "depth"),
                        ("larger is farther, no unit", "far"),
                    ],
                    value="inverse",
                    label="The depth map's numbers",
                )
                matte = gr.Dropdown(
                    list(get_args(Matte)), value="portrait", label="Matte of a portrait photo"
                )
                format_ = gr.Dropdown(
                    [name for name in get_args(DepthFormat) if name not in ("keep", "png16")],
                    value="tiff",
                    label="Format of the results",
                )
                button = gr.Button("Refine", variant="primary", elem_id="refine")
            with gr.Column(scale=2):
                slider = gr.ImageSlider(
                    label="Depth before and after", interactive=False, elem_id="slider"
                )
                facts = gr.Markdown(elem_id="facts")
                files = gr.File(
                    label="Depth, layers, mask, preview", file_count="multiple",
                    interactive=False, elem_id="files",
                )  # fmt: skip
        button.click(
            refine,
            [photo, mask, depth, kind, matte, format_],
            [slider, files, facts],
            concurrency_limit=1,
            api_visibility="private",
        )
    return page


@cache
def _refiner() -> Refiner:
    from maskdepth_cli.engine.loading import load_refiner

    return load_refiner()


@cache
def _predictor() -> Predictor:
    from maskdepth_cli.side.loading import load_predictor

    return load_predictor("lite")


def _refine(
    limits: AppRequest,
    photo: str,
    mask: str | None,
    depth: str | None,
    kind: DepthKind,
    matte: Matte,
    format: DepthFormat,
) -> tuple[Any, list[str], str]:
    """Refine one photo; return both pictures of the slider, the files, and what is to be said."""
    from maskdepth_cli.commands.portraits import matte_missing
    from maskdepth_cli.commands.refine_worker import RefineWorker
    from maskdepth_cli.engine.loading import DEFAULT_WEIGHTS, weights_id
    from maskdepth_cli.files.depth_formats import check_format
    from maskdepth_cli.run.jobs import Job
    from maskdepth_cli.run.planning import Layout
    from maskdepth_cli.viewing.colors import color_depth, depth_range

    path = Path(photo)
    if mask is None and (missing := matte_missing(path, matte)):
        raise UsageError(f"{path.name}: {missing}; add a mask")
    check_format(format)
    request = RefineRequest(
        (photo,),
        masks=Path(mask) if mask else None,
        matte=matte,
        depths=Path(depth) if depth else None,
        depth_kind=kind if depth else "inverse",
        format=format,
        max_megapixels=limits.max_megapixels,
    )
    folder = Path(tempfile.mkdtemp(dir=os.environ.get("GRADIO_TEMP_DIR")))
    inputs = [("mask", Path(mask) if mask else path)]
    if depth:
        inputs.append(("depth", Path(depth)))
    layout = Layout(format, layers=True, preview=True)
    job = Job(path.name, path, tuple(inputs), layout.outputs(path.stem))
    made_with = {"weights": weights_id(DEFAULT_WEIGHTS)}
    worker = RefineWorker(request, folder, _refiner(), made_with, _predictor())
    (refined,) = worker.compute([worker.load(job)])
    details = worker.save(job, refined)
    low, high = depth_range(refined.initial, refined.result.depth)
    shown = tuple(color_depth(one, low, high) for one in (refined.initial, refined.result.depth))
    files = [_own_name(folder, role, place) for role, place in job.outputs]
    return shown, files, _facts(details, predicted=not (depth or "within" in details))


def _own_name(folder: Path, role: str, place: str) -> str:
    """Give an output a name that tells its role: files of a browser lie in one folder."""
    path = folder / place
    target = folder / f"{path.stem}_{role}{path.suffix}"
    path.rename(target)
    return str(target)


def _facts(details: dict[str, Any], *, predicted: bool) -> str:
    width, height = details["size"]
    lines = [f"{width} x {height} pixels, {details['changed_share']:.1%} of them changed."]
    if within := details.get("within"):
        words = ", ".join(f"{name} {value}" for name, value in within.items())
        lines.append(f"Depth of the photo itself: {words}.")
    if predicted:
        lines.append("Initial depth: predicted by lite, the small network in the package.")
    if details["message"]:
        lines.append(details["message"])
    return "  \n".join(lines)


def _without_folders(message: str) -> str:
    """Name files as the user knows them: where the page keeps them tells nothing."""
    return " ".join(Path(word).name if word.startswith("/") else word for word in message.split())


if __name__ == "__main__":  # on a Space, which has its own host and port
    settings = AppRequest()
    build_page(settings).launch(**launch_settings(settings))
