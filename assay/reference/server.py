"""Runs a control plane in this process: one socket, one event loop, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Final

import uvicorn

from assay.contract.request import Json
from assay.errors import UsageError
from assay.processes import Parent
from assay.reference import tenant
from assay.reference.app import App
from assay.reference.assembly import assemble
from assay.reference.embedded import Options
from assay.reference.plane import Plane
from assay.reference.uvicorn_private import Protocol, Server

_GRACE_SECONDS: Final = 2
# With 5,000 live workloads a full collection takes 47 ms, and 8 ms once what was loaded at the start is frozen;
# requests leave no cycles behind (0 objects after 1,000 refusals), so it is hardly ever worth its while.
_GC_THRESHOLDS: Final = (20_000, 50, 1_000)


def serve(options: Options, *, lifeline: bool = False) -> None:
    """Serve until SIGTERM or SIGINT; one JSON line on standard output says when it is ready.

    With ``lifeline`` the end of standard input, or the death of the parent process, also stops it. UsageError when
    the port is taken or an option is wrong.
    """
    options.check()
    parent = Parent()
    with _listen(options.port) as listener:
        plane = assemble(options)
        line = json.dumps(ready_line(plane, listener)) + "\n"

        def ready(server: Server) -> None:
            if lifeline:
                _hold_on(server.stop, parent)
            sys.stdout.write(line)
            sys.stdout.flush()

        _run(plane, listener, ready)


def _run(plane: Plane, listener: socket.socket, ready: Callable[[Server], None]) -> None:
    app = App(plane)
    Protocol.application = app
    config = uvicorn.Config(
        app,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=plane.choices.keep_alive,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = Server(config, ready)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    server.run(sockets=[listener])


def ready_line(plane: Plane, listener: socket.socket) -> Json:
    """What a client needs: {base_url, projects, cluster, clients}. The first project is the main one."""
    host, port = listener.getsockname()[:2]
    return {
        "base_url": f"http://{host}:{port}",
        "projects": list(tenant.PROJECTS),
        "cluster": tenant.CLUSTER_ID,
        "clients": [
            {"client_id": client.id, "client_secret": client.secret, "projects": list(client.projects)}
            for client in plane.identity.clients.values()
        ],
    }


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"the control plane cannot listen on 127.0.0.1:{port}: {error.strerror}",
            hint="stop what uses that port, or leave --port out to get a free one",
        ) from None
    return listener


def _hold_on(stop: Callable[[], None], parent: Parent) -> None:
    """Stop when standard input ends or the parent is gone.

    The lifeline fails when a fork of the parent holds its other end open; a changed parent id does not.
    """
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):
        loop.add_reader(sys.stdin.fileno(), _read_lifeline, stop, loop)
    parent.when_gone(stop)


def _read_lifeline(stop: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        stop()
