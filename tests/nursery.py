"""Fork the command from a process that has torch loaded: one order a line on stdin."""

from __future__ import annotations

import gc
import json
import os
import resource
import sys

import maskdepth_cli.commands.refine
import maskdepth_cli.engine.refiner
import maskdepth_cli.networks.refinement
import maskdepth_cli.viewing.panels  # noqa: F401
from maskdepth_cli.__main__ import main
from maskdepth_cli.networks.timm_import import import_timm


def carry_out(order: dict) -> int:
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(1, f"{os.getpid()}\n".encode())
    os.dup2(log, 2)
    if order["stdout"] == order["log"]:
        os.dup2(log, 1)
    else:
        os.dup2(os.open(order["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    if order["largest_file"] >= 0:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"], hard))
    sys.argv = ["maskdepth", *order["arguments"]]
    try:
        main()
    except SystemExit as ended:
        sys.stdout.flush()
        return int(ended.code or 0)
    return 1


import_timm()
gc.freeze()  # a collection in a child would copy every page of the parent
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os._exit(carry_out(json.loads(line)))
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
