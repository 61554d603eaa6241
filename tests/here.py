"""A command of ours in the process of a test, its parts as warm forks: all that they import is there already.

As ``python -m assay`` in a process of its own, the same run takes 1.9 s of a core more. What is about processes (who
is killed, who outlives whom, what lies beside Python's own modules) starts those; the rest runs here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from assay.cli.main import main


class Here(Protocol):
    """Runs a command line with ``env`` alone in ``folder``; its exit code and all that it said."""

    def __call__(self, arguments: Sequence[str], env: Mapping[str, str], folder: Path) -> tuple[int, str]: ...


def run_here(
    arguments: Sequence[str], env: Mapping[str, str], folder: Path, capture: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """See ``Here``. ``capture`` is pytest's, and begins with what the command says."""
    capture.readouterr()
    with _environment(env), contextlib.chdir(folder), pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capture.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, captured.out + captured.err


@contextlib.contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
