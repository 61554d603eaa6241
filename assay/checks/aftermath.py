"""Shares the plain read that must be served after something hostile: one read clears all who waited for it.

A read that begins after a hostile exchange has ended, and is served, clears that exchange; and it clears every other
one that had ended by then. So those who come while a read is under way share the next one. Only when a shared read
fails must each send its hostile request again, alone, to tell which one did the harm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from assay.checks.exchange import Exchange
from assay.checks.probe import Probe


@dataclass
class Round:
    """One read and how many share it."""

    read: Future[Exchange] = field(default_factory=Future)
    members: int = 1


class Aftermath:
    """The reads of a session, each kind of read (``key``) on its own. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Round] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._alone = threading.Lock()

    def share(self, key: str, send: Callable[[], Exchange]) -> tuple[Round, bool]:
        """A round whose read began after this call, done; and whether the caller was the one to send it."""
        with self._lock:
            joined = self._open.get(key)
            if joined is not None:
                joined.members += 1
            else:
                own = self._open[key] = Round()
            turn = self._turns.setdefault(key, threading.Lock())
        if joined is not None:
            joined.read.exception()  # waits; whoever sent it raises it
            return joined, False
        with turn:  # those who come while another read is under way join this one
            with self._lock:
                del self._open[key]
            try:
                own.read.set_result(send())
            except BaseException as error:
                own.read.set_exception(error)
                raise
        return own, True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One at a time: for those who look for the culprit."""
        with self._alone:
            yield


_KNOWN: WeakKeyDictionary[Probe, Aftermath] = WeakKeyDictionary()
_LOCK = threading.Lock()


def aftermath(probe: Probe) -> Aftermath:
    """The shared reads of a probe."""
    with _LOCK:
        return _KNOWN.setdefault(probe, Aftermath())
