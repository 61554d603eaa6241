"""Builds a control plane from its options, and runs it in this process until it is stopped.

It is made of contract, rules, every variant and defect asked for, and two switches. One socket, one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import random
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import uvicorn

from assay.clock import SYSTEM
from assay.contract import documents
from assay.contract.request import Json
from assay.errors import UsageError
from assay.processes import Parent
from assay.reference import tenant
from assay.reference.app import App
from assay.reference.behaviour import Behaviour
from assay.reference.embedded import Options
from assay.reference.http import IncomingRequest, Refusal, Reply, error_body
from assay.reference.plane import Plane
from assay.reference.times import Now, Sleep
from assay.reference.uvicorn_private import Protocol, Server
from assay.wording import listed, nearest

Named = TypeVar("Named")


def assemble(options: Options, clock: Now = SYSTEM.time, sleep: Sleep = asyncio.sleep) -> Plane:
    """Build the plane that the options describe. UsageError for an unknown variant or defect, ContractError."""
    options.check()
    contract = documents.load(options.contract, options.corrections)
    behaviour = Behaviour()
    if options.variants:
        from assay.reference.variants import VARIANTS

        for name in options.variants:
            behaviour = _named(VARIANTS, name, "variant").change(behaviour)
    if options.defects:
        from assay.reference.defects import catalogue

        known = catalogue(contract)
        for name in options.defects:
            # "rule-off:container/image-required" is the same as "rule-off/container/image-required".
            behaviour = _named(known, name.replace(":", "/", 1), "defect").change(behaviour)
    if options.faults:
        behaviour = with_faults(behaviour)
    if options.latency:
        behaviour = with_latency(behaviour, options.latency)
    behaviour = behaviour.at_pace(options.pace)
    return behaviour.build(contract, clock, sleep=sleep, token_seconds=options.token_seconds, seed=options.seed)


_LISTED: Final = 8  # names in a hint


def _named(known: Mapping[str, Named], name: str, what: str) -> Named:
    if name in known:
        return known[name]
    near = nearest(name, known, most=3)
    if near:
        raise UsageError(f"there is no {what} '{name}'", hint=f"did you mean {' or '.join(near)}?")
    where = "`assay prove --list` lists them all" if what == "defect" else "docs/serve.md tells of them all"
    raise UsageError(f"there is no {what} '{name}'", hint=f"there are {listed(sorted(known), _LISTED, rest=where)}")


# --faults: a caller can ask for the answers that only a broken server gives

FAULT_HEADER: Final = b"x-assay-fault"
_MESSAGES: Final = {500: "Something went wrong.", 503: "Please try again in few minutes."}


def with_faults(behaviour: Behaviour) -> Behaviour:
    """``behaviour`` with the fault switch.

    The header ``X-Assay-Fault`` of a call says which: ``500`` or ``503`` (nothing is done), ``503-after`` (the call
    is carried out, then answered with 503: what a client's retry must survive).
    """
    return behaviour.first(_fault_before).then(_fault_after)


async def _fault_before(_: Plane, call: IncomingRequest) -> Reply | None:
    wanted = call.header(FAULT_HEADER)
    if wanted is None or wanted == "503-after":
        return None
    if wanted not in {"500", "503"}:
        raise Refusal(400, f"X-Assay-Fault: '{wanted[:40]}' is none of 500, 503, 503-after")
    raise Refusal(int(wanted), _MESSAGES[int(wanted)])


def _fault_after(_: Plane, call: IncomingRequest, reply: Reply) -> Reply:
    if call.header(FAULT_HEADER) == "503-after" and reply.status < 400:
        return Reply(503, error_body(503, _MESSAGES[503]))
    return reply


# --latency: answers that take as long as a busy control plane's, for trying out load tests and comparisons

SIGMA: Final = 0.3
"""The spread of the logarithm: the 95th percentile is 1.6 times the median, as in many a healthy service."""


def with_latency(behaviour: Behaviour, median: float) -> Behaviour:
    """Every call waits first: a log-normal time with this median, in seconds."""

    async def before(plane: Plane, _: IncomingRequest) -> Reply | None:
        await plane.sleep(median * random.lognormvariate(0.0, SIGMA))
        return None

    return behaviour.first(before)


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
