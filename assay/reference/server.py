"""Runs a control plane in this process: one socket, one event loop, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Final

import uvicorn

from assay.contract.request import Json
from assay.errors import UsageError
from assay.processes import Parent
from assay.reference import tenant
from assay.reference.app import App
from assay.reference.assembly import assemble
from assay.reference.options import Options
from assay.reference.plane import Plane
from assay.reference.protocol import Protocol

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
    with _listen(options.port) as listener:
        _run(assemble(options), listener, lifeline=lifeline)


def _run(plane: Plane, listener: socket.socket, *, lifeline: bool) -> None:
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
        timeout_keep_alive=plane.behaviour.keep_alive,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config, ready_line(plane, listener), lifeline=lifeline)
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


class _Server(uvicorn.Server):
    """uvicorn's server, which announces itself, ends with exit code 0, and does not outlive its parent."""

    def __init__(self, config: uvicorn.Config, ready: Json, *, lifeline: bool) -> None:
        super().__init__(config)
        self._ready = ready
        self._lifeline = lifeline
        self._parent = Parent()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._lifeline:
            self._hold_on()
        sys.stdout.write(json.dumps(self._ready) + "\n")
        sys.stdout.flush()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT without raising them again afterwards: both are the usual way to end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield

    def _hold_on(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):
            loop.add_reader(sys.stdin.fileno(), self._read_lifeline)
        # The lifeline fails when a fork of the parent holds its other end open; a changed parent id does not.
        self._parent.when_gone(self._end)

    def _read_lifeline(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self.should_exit = True

    def _end(self) -> None:
        self.should_exit = True
