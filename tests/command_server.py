"""Run `maskdepth` in forks of a process that has torch loaded, for shells in tests.

    python command_server.py SOCKET WEIGHTS

A client sends its arguments and folder with its standard streams, and gets the exit code.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys

import maskdepth_cli.commands.bokeh
import maskdepth_cli.commands.export
import maskdepth_cli.commands.gallery
import maskdepth_cli.commands.refine
import maskdepth_cli.commands.show
import maskdepth_cli.engine.refiner
import maskdepth_cli.side.predictor  # noqa: F401
import maskdepth_cli.weights.refinement as refinement_weights
from maskdepth_cli.__main__ import main
from maskdepth_cli.networks.timm_import import import_timm

CLIENT = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    order = json.dumps([sys.argv[1:], os.getcwd()]).encode()
    socket.send_fds(server, [order], [0, 1, 2])
    sys.exit(server.recv(1)[0])
"""


def carry_out(connection):
    order, streams, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    arguments, folder = json.loads(order)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    sys.argv = ["maskdepth", *arguments]
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    connection.send(bytes([code]))


def serve(address, weights):
    known = refinement_weights.find_weights
    refinement_weights.find_weights = lambda name: known(weights if name == "trust" else name)
    import_timm()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                carry_out(connection)
                os._exit(0)
            connection.close()


if __name__ == "__main__":
    serve(*sys.argv[1:])
