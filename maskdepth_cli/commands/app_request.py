"""What `app` was asked for, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from maskdepth_cli.settings import Setting


@dataclass(frozen=True)
class AppRequest:
    """How the page in the browser is served."""

    port: Annotated[int, Setting("Port on this machine.", min=1, max=65535)] = 7860
    open: Annotated[bool, Setting("Open the page in the browser.")] = False
    max_megapixels: Annotated[float, Setting("Refuse larger pictures unread.", min=0.001)] = 50
    max_megabytes: Annotated[int, Setting("Refuse larger files.", min=1)] = 100
