"""Runs a check over generated values, seeded and bounded, and reports the smallest breach of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from assay.checks.exchange import ContractBreachError
from assay.checks.generation_lock import generating, sending
from assay.checks.target import CannotCreateError
from assay.errors import AssayError

T = TypeVar("T")
Size = tuple[int, ...]
"""How large a failing case is: steps, characters of the request. The smallest one is reported."""

# Hypothesis judges the speed and the filtering of strategies, which are Schemathesis's and not ours to change; no
# database, because a run leaves no trace; quiet, because the finding carries the request.
SETTINGS: Final = hypothesis.settings(
    database=None,
    deadline=None,
    verbosity=Verbosity.quiet,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


class _Enough(BaseException):
    """Ends Hypothesis at once; it would count an Exception as one more failure and shrink it."""


class ExampleSearch:
    """Keeps the smallest breach per finding while cases are tried.

    ``shrinks`` limits how many cases are tried once something is found: each one costs requests.
    """

    def __init__(self, shrinks: int) -> None:
        self._shrinks = shrinks
        self._tried_since = 0
        self._best: dict[str, tuple[Size, ContractBreachError]] = {}
        self._fault: BaseException | None = None

    def attempt(self, act: Callable[[], None], size: Callable[[], Size]) -> None:
        """Try one case inside Hypothesis: breaches are kept and raised, faults of the run end everything."""
        if self._best:
            self._tried_since += 1
            if self._tried_since > self._shrinks:
                raise _Enough
        try:
            with sending():
                act()
        except ContractBreachError as breach:
            kind = self._keep(breach, size())
            raise _breach_of(kind)(breach.findings) from None
        except (AssayError, CannotCreateError) as fault:
            self._fault = fault
            raise _Enough from None

    def _keep(self, breach: ContractBreachError, size: Size) -> str:
        kind = breach.findings[0].id
        if kind not in self._best or size < self._best[kind][0]:
            self._best[kind] = (size, breach)
        return kind

    def finish(self, run: Callable[[], None]) -> None:
        """Run Hypothesis; raise what ended it early, else one ContractBreachError with the smallest of each kind."""
        try:
            with generating():
                run()
        except _Enough:
            pass
        except Exception:
            # The breaches come from here in any case, also when Hypothesis calls a failure flaky: it was seen.
            if not self._best:
                raise
        self._raise()

    def each(self, act: Callable[[T], None], values: Iterable[T], size: Callable[[T], Size]) -> None:
        """Try every value of a list; a breach does not keep the rest from being tried."""
        for value in values:
            try:
                act(value)
            except ContractBreachError as breach:
                self._keep(breach, size(value))
            except (AssayError, CannotCreateError) as fault:
                self._fault = fault
                break
        self._raise()

    def _raise(self) -> None:
        findings = tuple(item for _, breach in self._best.values() for item in breach.findings)
        breach = ContractBreachError(findings) if findings else None
        if breach is not None and self._fault is not None:
            raise BaseExceptionGroup("found before the run was cut short", [breach, self._fault])
        if breach is not None:
            raise breach
        if self._fault is not None:
            raise self._fault


@cache
def _breach_of(kind: str) -> type[ContractBreachError]:
    """A class of its own for each finding: Hypothesis tells failures apart by class and place, and shrinks each."""
    return type(f"Breach{kind.replace('-', '')}", (ContractBreachError,), {})


_STARTS: Final = 5
"""How often a run over scenarios begins: two of five proofs under certify's sizes met one inconsistent scenario."""


def despite_answers(run: Callable[[int, int], None], begun: Callable[[], int], count: int) -> int:
    """Run ``count`` scenarios, beginning anew where one cannot be repeated; returns how many are missing.

    ``run`` takes (start, scenarios left) and ``begun`` tells how many have begun. What a scenario may do next depends
    on what it was answered, and a target need not answer the same steps in the same way: Hypothesis calls that an
    inconsistent strategy, and ends. What was sent until then has been judged.
    """
    for start in range(_STARTS):
        try:
            run(start, count - begun())
        except Flaky:
            if begun() < count:
                continue
        return 0
    return max(count - begun(), 0)


def sample(
    search: ExampleSearch,
    act: Callable[[T], None],
    values: st.SearchStrategy[T],
    size: Callable[[T], Size],
    *,
    seed: int,
    count: int,
) -> None:
    """Draw ``count`` values and try each; the same ones for the same seed."""

    def search_all() -> None:
        @hypothesis.seed(seed)
        @hypothesis.settings(SETTINGS, max_examples=count)
        @hypothesis.given(values)
        def run(value: T) -> None:
            search.attempt(lambda: act(value), lambda: size(value))

        run()

    search.finish(search_all)
