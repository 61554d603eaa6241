"""Lends one live thing (a workload, two ready ones) to all tests that need it at the same time.

Creating a workload for each of two hundred read-only cases would cost a shared cluster two hundred creations. The
first borrower has it made, later ones share it, and it is removed when the last one gives it back. Where things may
rest (``let_rest``), the last thing given back stays for whoever comes next, until another one is given back: tests
that run one after the other share as those do that run at the same time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from assay.checks.probe import Probe, Workload
from assay.contract.request import Expectation, Json, Outcome, Request

T = TypeVar("T")

Make = Callable[[Probe, str], AbstractContextManager[T]]
"""Makes the thing for (probe, test id of the first borrower) and removes it on exit."""


# 202 says "accepted": a workload may show a little after it, as records do that a second component writes.
_SHOWS_WITHIN: Final = 10.0  # seconds
_POLL: Final = 0.2


@contextmanager
def readable(probe: Probe, test: str, spec: Mapping[str, Json] | None = None, **meta: Json) -> Iterator[Workload]:
    """A live workload that can be read already; one that cannot be in time is handed out all the same."""
    with probe.workload(test, spec, **meta) as workload:
        read = Request("read", path={"workloadId": workload.id})
        deadline = time.monotonic() + _SHOWS_WITHIN
        while probe.send(read, test=test, expectation=Expectation(Outcome.OPEN)).status == 404:
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL)
        yield workload


@dataclass
class _Loan(Generic[T]):
    """One thing on loan: ready when ``made`` is, removed by leaving ``context``."""

    context: AbstractContextManager[T]
    made: Future[T] = field(default_factory=Future)
    borrowers: int = 1
    ended: bool = False


class Lending(Generic[T]):
    """Lends what ``make`` makes, one thing at a time for each probe. Safe to use from several threads."""

    def __init__(self, make: Make[T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._loans: WeakKeyDictionary[Probe, _Loan[T]] = WeakKeyDictionary()

    @contextmanager
    def borrow(self, probe: Probe, test: str) -> Iterator[T]:
        """The thing, for the block. Raises whatever making it raised, in every test that waited for it."""
        loan, first = self._take(probe, test)
        try:
            if first:
                self._fill(probe, loan)
            thing = loan.made.result()
        except BaseException:
            self._forget(probe, loan)
            raise
        try:
            yield thing
        finally:
            self._give_back(probe, loan)

    def borrowers(self, probe: Probe) -> int:
        """How many hold the thing, or wait for it, at this moment."""
        with self._lock:
            loan = self._loans.get(probe)
            return 0 if loan is None else loan.borrowers

    def retire(self, probe: Probe) -> None:
        """Lend another one from now on: what is on loan is no longer what it was made as."""
        with self._lock:
            self._loans.pop(probe, None)

    def _take(self, probe: Probe, test: str) -> tuple[_Loan[T], bool]:
        with self._lock:
            loan = self._loans.get(probe)
            if loan is not None:
                loan.borrowers += 1
                return loan, False
            loan = self._loans[probe] = _Loan(self._make(probe, test))
            return loan, True

    def _fill(self, probe: Probe, loan: _Loan[T]) -> None:
        try:
            thing = loan.context.__enter__()
        except BaseException as error:
            self._forget(probe, loan)
            loan.made.set_exception(error)
            raise
        loan.made.set_result(thing)

    def _forget(self, probe: Probe, loan: _Loan[T]) -> None:
        """Let the next borrower start anew."""
        with self._lock:
            if self._loans.get(probe) is loan:
                del self._loans[probe]

    def _give_back(self, probe: Probe, loan: _Loan[T]) -> None:
        with self._lock:
            loan.borrowers -= 1
            if loan.borrowers:
                return
            is_lent = self._loans.get(probe) is loan
        with _RESTS:
            before = _RESTING.get(probe) if is_lent else None
            if before is not None:
                _RESTING[probe] = _AtRest(loan, lambda: self._end(probe, loan))
        if before is None:
            self._end(probe, loan)
        elif before.thing is not loan:
            before.remove()

    def _end(self, probe: Probe, loan: _Loan[T]) -> None:
        """Remove a thing that nobody holds; once."""
        with self._lock:
            if loan.borrowers or loan.ended:
                return
            loan.ended = True
            if self._loans.get(probe) is loan:
                del self._loans[probe]
        loan.context.__exit__(None, None, None)


@dataclass(frozen=True)
class _AtRest:
    """A loan that nobody holds, and what removes its thing."""

    thing: object
    remove: Callable[[], None]


_NOTHING: Final = _AtRest(None, lambda: None)
_RESTS: Final = threading.Lock()
_RESTING: Final[WeakKeyDictionary[Probe, _AtRest]] = WeakKeyDictionary()


def let_rest(probe: Probe) -> None:
    """From now on let one thing rest that nobody holds. It keeps a slot for a live workload, or two."""
    with _RESTS:
        _RESTING[probe] = _NOTHING


def end_rest(probe: Probe) -> None:
    """Remove what is at rest; nothing may rest any more."""
    with _RESTS:
        last = _RESTING.pop(probe, _NOTHING)
    last.remove()
