"""``python -m tests.warm_process MODULE``: imports what a process of that module needs, and forks for each order.

An order is a line of JSON on standard input (``tests/warm.py``). A line on standard output says that a fork has
begun, with its process id, and another one, with its exit code, that it has ended.
"""

from __future__ import annotations

import os
import select
import sys

# Without gevent, whose own wait on its hub, which nothing runs here.
fork, waitpid, ready = os.fork, os.waitpid, select.select
if __name__ == "__main__" and sys.argv[1] in ("assay.load", "locust"):
    from gevent import monkey

    monkey.patch_all()

import gc  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import runpy  # noqa: E402
from collections.abc import Iterator, Mapping  # noqa: E402
from typing import Any  # noqa: E402

_NEEDS = {
    "pytest": ("assay.checks.pytest_plugin", "assay.checks.access"),
    "assay.load": ("gevent", "assay.load.conduct", "assay.load.processes"),
    "locust": ("locust.main", "assay.load.engine", "assay.load.processes"),
    "assay": ("assay.cli.main", "assay.run.conduct", "assay.cli.conducting", "assay.cli.benchmark"),
}
_POLL_SECONDS = 0.02


def serve(module: str) -> None:
    """Do orders until there are no more; returns in each fork, when it has become what it was ordered to be."""
    for name in (*_NEEDS[module], "assay.contract.documents"):
        importlib.import_module(name)
    sys.modules["assay.contract.documents"].load()
    gc.freeze()  # what is here for good need not be looked at by each fork's collections
    running: set[int] = set()
    for line in _orders(running):
        process = fork()
        if process == 0:
            _become(json.loads(line))
            return
        running.add(process)
        _say("begun", process)


def _orders(running: set[int]) -> Iterator[bytes]:
    """Each line of standard input; says meanwhile which of the ``running`` have ended."""
    text = b""
    while True:
        for process in sorted(running):
            found, status = waitpid(process, os.WNOHANG)
            if found:
                running.remove(process)
                _say("ended", process, os.waitstatus_to_exitcode(status))
        if not ready([0], [], [], _POLL_SECONDS if running else None)[0]:
            continue
        more = os.read(0, 65536)
        if not more:
            return
        *lines, text = (text + more).split(b"\n")
        yield from lines


def _say(what: str, *numbers: int) -> None:
    os.write(1, f"{what} {' '.join(map(str, numbers))}\n".encode())


def _become(order: Mapping[str, Any]) -> None:
    """A process of its own, as ``assay.processes.start_python`` makes one; it runs to its end as any other does."""
    os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["env"])
    if "ASSAY__PARENT" in order["env"]:
        os.environ["ASSAY__PARENT"] = str(os.getppid())  # who looks whether it is gone is to find the one that it has
    out = os.open(order["out"], os.O_WRONLY | os.O_APPEND)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), out, out)):
        os.dup2(file, number)
    if "gevent" in sys.modules:
        sys.modules["gevent"].reinit()
    module, *sys.argv[1:] = order["arguments"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(sys.argv[1])
