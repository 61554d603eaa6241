"""One thread at a time generates; all may send.

Tests run in threads, and Hypothesis describes strategies by parsing their source. CPython keeps the recursion depth
of ``ast.parse`` in the interpreter instead of in the thread: with two threads parsing, 3.11.7 raised "SystemError:
AST constructor recursion depth mismatch". Generating is pure Python, so a lock costs no time.

Whatever makes or draws from Hypothesis strategies in a test that may run in a thread does so within ``generating()``,
and what it draws is sent within ``sending()``. pytest parses source too, to show where a test failed, so reports are
made within ``generating()``. A test holds a whole run to it: no thread parses without its turn.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from assay.errors import ENDS_THE_RUN, AssayError

_TURN: Final = threading.Lock()
_HOLDER: Final = threading.local()


class _RunIsOver(BaseException):
    """Carries what ends the run past Hypothesis, which takes every Exception for an example that fails."""

    def __init__(self, error: AssayError) -> None:
        super().__init__(error.message)
        self.error = error


@contextmanager
def generating() -> Iterator[None]:
    """Hold the turn for the block. Not to be nested. Raises what ends the run as it was raised in ``sending()``."""
    _take()
    try:
        yield
    except _RunIsOver as over:
        raise over.error from None
    finally:
        _give_away()


@contextmanager
def sending() -> Iterator[None]:
    """Within ``generating()``: give the turn away for the block, and take it back afterwards.

    What ends the run ends the search: Hypothesis would draw hundreds of cases to shrink what it takes for a failure.
    """
    _give_away()
    try:
        yield
    except ENDS_THE_RUN as error:
        raise _RunIsOver(error) from None
    finally:
        _take()


def has_turn() -> bool:
    """Whether this thread is the one that generates."""
    return getattr(_HOLDER, "has_turn", False)


def _take() -> None:
    _TURN.acquire()
    _HOLDER.has_turn = True


def _give_away() -> None:
    _HOLDER.has_turn = False
    _TURN.release()
