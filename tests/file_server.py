"""What the small HTTP server of these tests serves, and its switches."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field

CONTENT = bytes(range(256)) * 2000  # 512,000 bytes


@dataclass
class FileServer:
    """Serves CONTENT; counts requests; obeys its switches."""

    url: str = ""
    ranges: list[str | None] = field(default_factory=list)  # Range header of each request
    break_after: int | None = None  # bytes of a response, then the connection drops
    honours_ranges: bool = True
    redirect: str | None = None
    status: int | None = None
    gate: threading.Event | None = None  # the response waits for it
    sha256: str = hashlib.sha256(CONTENT).hexdigest()
    size: int = len(CONTENT)
