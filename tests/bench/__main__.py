"""``python -m tests.bench [MODULE ...]``: print every figure, exit 1 when one misses its goal.

Without names all modules run but those that take very long (they say ``ON_REQUEST = True``).
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys

import tests.bench
from tests.bench.figure import Figure, Note


def main(wanted: list[str]) -> int:
    missed = 0
    busy, cores = os.getloadavg()[0], os.cpu_count() or 1
    if busy > cores / 4:
        sys.stdout.write(
            f"note: other work keeps {busy:.1f} of {cores} cores busy; figures will be worse than they are\n"
        )
    for module in pkgutil.iter_modules(tests.bench.__path__):
        if wanted and module.name not in wanted:
            continue
        if module.name.startswith("__"):
            continue
        found = importlib.import_module(f"tests.bench.{module.name}")
        figures = getattr(found, "figures", None)
        if figures is None or (not wanted and getattr(found, "ON_REQUEST", False)):
            continue
        sys.stdout.write(f"{module.name}\n")
        for figure in figures():
            assert isinstance(figure, Figure | Note)
            sys.stdout.write(f"  {figure.line()}\n")
            sys.stdout.flush()
            missed += not figure.reached
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
