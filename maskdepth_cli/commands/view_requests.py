"""What the commands that show a photo from elsewhere were asked for, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from maskdepth_cli.choices import CameraPath, StereoLayout, VideoFormat
from maskdepth_cli.commands.layered_request import LayeredRequest
from maskdepth_cli.errors import UsageError
from maskdepth_cli.settings import Setting


@dataclass(frozen=True)
class StereoRequest(LayeredRequest):
    """What `maskdepth stereo` was asked for, beside the photos."""

    layout: Annotated[
        StereoLayout,
        Setting(
            "side-by-side: left eye left; over-under: left eye above; anaglyph: for red and cyan "
            "glasses; pair: NAME-left.png and NAME-right.png."
        ),
    ] = "side-by-side"
    strength: Annotated[
        float,
        Setting(
            "Disparity between the farthest and the nearest, as a share of the width.",
            min=0,
            max=0.2,
        ),
    ] = 0.03
    convergence: Annotated[
        float | None,
        Setting(
            "Nearness of what lies in the screen: 0 the farthest, 1 the nearest.",
            min=0,
            max=1,
            default_text="that of the object",
        ),
    ] = None


@dataclass(frozen=True)
class ParallaxRequest(LayeredRequest):
    """What `maskdepth parallax` was asked for, beside the photos."""

    path: Annotated[
        CameraPath,
        Setting("How the camera moves: around, closer and back, or to the left and the right."),
    ] = "orbit"
    format: Annotated[
        VideoFormat,
        Setting("mp4 (H.264) and webm (VP9) need pip install 'maskdepth[video]'; gif does not."),
    ] = "mp4"
    strength: Annotated[
        float,
        Setting(
            "Movement of the nearest against the farthest, as a share of the long side.",
            min=0,
            max=0.2,
        ),
    ] = 0.03
    size: Annotated[
        int, Setting("Long side of the video, in pixels, if the photo is larger.", min=32)
    ] = 1280
    seconds: Annotated[float, Setting("Length of the loop.", min=0.1, max=60)] = 4.0
    rate: Annotated[int, Setting("Pictures a second.", flags=("--fps",), min=1, max=120)] = 30


@dataclass(frozen=True)
class MeshRequest(LayeredRequest):
    """What `maskdepth mesh` was asked for, beside the photos."""

    near: Annotated[float, Setting("Distance of the nearest.", min=1e-6)] = 1.0
    far: Annotated[float, Setting("Distance of the farthest.", min=1e-6)] = 10.0
    field_of_view: Annotated[
        float, Setting("Horizontal field of view in degrees.", flags=("--fov",), min=1, max=170)
    ] = 60.0
    size: Annotated[
        int, Setting("Long side of the textures, in pixels, if the photo is larger.", min=32)
    ] = 2048

    def check(self) -> None:
        """Look for contradictions.

        Raises
        ------
        UsageError
            The nearest is not nearer than the farthest.
        """
        if not self.near < self.far:
            raise UsageError(f"--near {self.near:g} must be less than --far {self.far:g}")
