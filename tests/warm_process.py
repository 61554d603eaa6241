"""``python -m tests.warm_process MODULE``: imports what a part of that module needs, and forks for each order.

An order is a line of JSON on standard input (``tests/warm.py``). A line on standard output says the process id of the
fork, another one its exit code.
"""

from __future__ import annotations

import os
import sys

fork, waitpid = os.fork, os.waitpid  # gevent's own wait on its hub, which nothing runs here
if __name__ == "__main__" and sys.argv[1] == "assay.load":
    from gevent import monkey

    monkey.patch_all()

import gc  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import runpy  # noqa: E402
from collections.abc import Mapping  # noqa: E402
from typing import Any  # noqa: E402

_CONTRACT = ("assay.checks.pytest_plugin", "assay.checks.access", "assay.contract.documents")
_LOAD = ("gevent", "assay.load.conduct", "assay.contract.documents")


def serve(module: str) -> None:
    """Do orders until there are no more; returns in each fork, when it has become what it was ordered to be."""
    for name in _LOAD if module == "assay.load" else _CONTRACT:
        importlib.import_module(name)
    sys.modules["assay.contract.documents"].load()
    gc.freeze()  # what is here for good need not be looked at by each fork's collections
    for line in sys.stdin.buffer:
        process = fork()
        if process == 0:
            _become(json.loads(line))
            return
        _say(process)
        _say(os.waitstatus_to_exitcode(waitpid(process, 0)[1]))


def _say(number: int) -> None:
    os.write(1, f"{number}\n".encode())


def _become(order: Mapping[str, Any]) -> None:
    """A process of its own, as ``assay.run.child.start`` makes one; it runs to its end as any other does."""
    os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    # Whoever asks for its parent is to find the one that it has.
    os.environ.update({**order["env"], "ASSAY__PARENT": str(os.getppid())})
    out = os.open(order["out"], os.O_WRONLY | os.O_APPEND)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), out, out)):
        os.dup2(file, number)
    if "gevent" in sys.modules:
        sys.modules["gevent"].reinit()
    module, *sys.argv[1:] = order["arguments"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(sys.argv[1])
