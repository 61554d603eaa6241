"""Requests per second of one core: assay's client beside k6, Locust, hey and wrk, on nginx with a fixed JSON body.

nginx has one core, the generator another. Each generator first tries several numbers of connections for a moment and
keeps its best; then all take turns, so that whatever else the machine does meets all of them, and medians count.
Takes about three minutes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.bench.figure import Figure, Note
from tests.bench.generators import Generator, find, generators, pinned

ROUNDS: Final = 5
SECONDS: Final = 3.0
TRY_SECONDS: Final = 1.0
CONNECTIONS: Final = (5, 10, 20, 50, 100)
NGINX_FLUSH_SECONDS: Final = 1
BODY: Final = '{"measurements":[{"type":"THROUGHPUT","values":[]}]}'

_CONFIGURATION: Final = """
daemon off; worker_processes 1; pid FOLDER/pid; error_log FOLDER/errors;
events { worker_connections 4096; }
http {
  log_format moment $msec; access_log LOG; default_type application/json;
  keepalive_requests 1000000000; keepalive_timeout 300;
  client_body_temp_path FOLDER/1; proxy_temp_path FOLDER/2; fastcgi_temp_path FOLDER/3;
  uwsgi_temp_path FOLDER/4; scgi_temp_path FOLDER/5;
  server { listen 127.0.0.1:PORT backlog=4096; location / { return 200 'BODY'; } }
}
"""


def figures() -> Iterator[Figure | Note]:
    """Rates, and the ratio of assay's to each other one; the goal is k6."""
    if find("nginx") is None:
        yield Note("skipped: nginx is not installed (apt-get install nginx-light)")
        return
    server_core, core = cores()
    with tempfile.TemporaryDirectory() as name, nginx(Path(name), server_core) as port:
        chosen: dict[Generator, int] = {}
        for generator in generators(Path(name)):
            if generator.there:
                chosen[generator] = best_connections(generator, port, core)
            else:
                yield Note(f"skipped: {generator.name}: not installed ({generator.how})")
        rates: dict[Generator, list[float]] = {generator: [] for generator in chosen}
        for _ in range(ROUNDS):
            for generator, connections in chosen.items():
                rates[generator].append(generator.rate(port, connections, SECONDS, core))
    yield from _figures(chosen, {generator: statistics.median(found) for generator, found in rates.items()})


def _figures(chosen: dict[Generator, int], rates: dict[Generator, float]) -> Iterator[Figure]:
    assay, *others = rates
    for generator, rate in rates.items():
        yield Figure(f"{generator.name}, {chosen[generator]} connections", rate, "/s")
    for other in others:
        goal = 1.0 if other.needs == "k6" else None
        yield Figure(f"assay / {other.name}", rates[assay] / rates[other], "", goal)


def cores() -> tuple[int | None, int | None]:
    """One core for the server and one for the generator; None where the machine has but one, or cannot pin."""
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        return None, None
    first, *_, last = sorted(os.sched_getaffinity(0))
    return first, last


def best_connections(generator: Generator, port: int, core: int | None) -> int:
    """The number of connections at which it is fastest."""
    return max(CONNECTIONS, key=lambda number: generator.rate(port, number, TRY_SECONDS, core))


@contextlib.contextmanager
def nginx(folder: Path, core: int | None, *, log: bool = False) -> Iterator[int]:
    """nginx in the foreground with one worker; yields its port.

    With ``log`` the moment of each request, in seconds, is a line of ``folder/arrivals``.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    where = f"FOLDER/arrivals moment buffer=64k flush={NGINX_FLUSH_SECONDS}s" if log else "off"
    text = _CONFIGURATION.replace("LOG", where).replace("FOLDER", str(folder))
    text = text.replace("PORT", str(port)).replace("BODY", BODY)
    file = folder / "nginx.conf"
    file.write_text(text)
    folder.chmod(0o755)  # the worker is another user when started by root
    process = subprocess.Popen(
        [find("nginx") or "nginx", "-c", str(file), "-p", str(folder)],
        stderr=subprocess.DEVNULL,
        preexec_fn=pinned(core),
    )
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
