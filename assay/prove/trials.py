"""Tries the chosen defects with what the profile runs: contract part, load part, and for certify first the gate's.

certify runs every test of the gate, with more examples, so what the gate catches is not tried again with certify's
tests: that would take hours. A sample is, and must agree. The contract part tries many defects in several processes.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from assay.contract import documents
from assay.errors import InconclusiveError, SettingsError
from assay.files import read_json
from assay.findings.detection import from_json, suite_digest
from assay.processes import Parent
from assay.prove.real_runs import try_under_load
from assay.prove.score import TIMED
from assay.prove.suite import SuiteTest, collect
from assay.prove.trial import TrialOutcome, findings_of, outcome_from_json, try_defect
from assay.reference.defects import catalogue
from assay.reference.defects.base import Defect
from assay.wording import plural


@dataclass
class _Worker:
    """What a worker process prepares once: 4 s for the plans of the contract tests."""

    profile: str
    seed: int
    tests: tuple[SuiteTest, ...]
    defects: Mapping[str, Defect]


_STATE: Final[dict[str, _Worker]] = {}


def _prepare(profile: str, seed: int, only: tuple[str, ...]) -> None:
    # A prove that is killed cannot end its workers, which would go on for hours; they have nothing to clean up.
    Parent().when_gone(lambda: os._exit(1))
    # Control planes write the cause of each 500 there, and hundreds of these are made to fail.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    tests = tuple(test for test in collect(profile) if not only or test.id.startswith(only))
    _STATE["worker"] = _Worker(profile, seed, tests, catalogue(documents.load()))


def _known() -> dict[str, Mapping[str, Any]]:
    worker = _STATE["worker"]
    return findings_of(documents.load(), worker.tests, profile=worker.profile, seed=worker.seed)


def _try(name: str, known: frozenset[str], near: bool, causes: bool) -> TrialOutcome:
    worker = _STATE["worker"]
    return try_defect(
        documents.load(),
        worker.defects[name],
        worker.tests,
        known,
        profile=worker.profile,
        seed=worker.seed,
        near=near,
        causes=causes,
    )


def try_all(
    names: Sequence[str],
    *,
    profile: str,
    seed: int,
    processes: int,
    only: tuple[str, ...] = (),
    thorough: bool = True,
    causes: bool = False,
    begun: Callable[[Mapping[str, Mapping[str, Any]]], None],
) -> Iterator[TrialOutcome]:
    """Yield the outcome of each defect as it is known; ``begun`` gets the findings of the defect-free plane.

    First every defect meets the tests that are about its place, then those not caught meet all of them (unless not
    ``thorough``). ``only`` are prefixes of the ids of the tests to run (none: all of them). ``causes``: count what
    all tests about its place make of each. Raises InconclusiveError when a worker process dies.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _prepare, (profile, seed, only)) as pool:
        try:
            plain = pool.submit(_known).result()
            begun(plain)
            known = frozenset(plain)
            left = []
            for outcome in _results(pool, names, known, near=True, causes=causes):
                if outcome.caught or not thorough:
                    yield outcome
                else:
                    left.append(outcome.id)
            yield from _results(pool, left, known, near=False, causes=causes)
        except BrokenProcessPool as error:
            raise InconclusiveError(f"a worker process of prove died: {error}") from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _results(
    pool: ProcessPoolExecutor, names: Sequence[str], known: frozenset[str], *, near: bool, causes: bool
) -> Iterator[TrialOutcome]:
    for done in as_completed([pool.submit(_try, name, known, near, causes) for name in names]):
        yield done.result()


TRIES: Final = 3
"""A survivor that the record does not list is tried so often: the moment at which two calls meet is nobody's to
choose. In 20 trials of each race on a machine with a load of 10, seven were caught every time and one 19 times."""

SUBSET_SAMPLE: Final = 40

Say = Callable[[str], None]


@dataclass
class Trials:
    """One set of defects on trial.

    ``expected`` are the survivors on record, ``earlier`` what an earlier run of the gate's tests has caught.
    ``disagree`` names defects of the sample that the gate's tests catch and certify's tests do not.
    """

    profile: str
    seed: int
    processes: int
    say: Say
    expected: frozenset[str] = frozenset()
    earlier: Mapping[str, TrialOutcome] = field(default_factory=dict)
    causes: bool = False
    disagree: list[str] = field(default_factory=list)

    def run(self, defects: Sequence[Defect]) -> Iterator[TrialOutcome]:
        """Yield the outcome of every defect, each once."""
        judged = [defect.id for defect in defects if defect.family != TIMED]
        under_load = [defect.id for defect in defects if defect.family == TIMED]
        if judged:
            yield from self._judged(judged)
        if under_load:
            yield from try_under_load(
                under_load,
                profile=self.profile,
                seed=self.seed,
                begun=lambda known: self.say(
                    f"{plural(len(known), 'finding')} under load without any defect; "
                    f"{plural(len(under_load), 'defect')} to try"
                ),
            )

    def _judged(self, names: Sequence[str]) -> Iterator[TrialOutcome]:
        # Shuffled, so that the survivors of one family, which take longest, do not all wait for the end.
        shuffled = random.Random(self.seed).sample(list(names), len(names))
        if self.profile != "certify":
            yield from self._again(shuffled)
            return
        caught = [name for name in shuffled if name in self.earlier]
        yield from (self.earlier[name] for name in caught)
        asked = [name for name in shuffled if name not in self.earlier]
        # An earlier run has shown what the gate's tests do not catch, too.
        left = asked if self.earlier else []
        for outcome in () if self.earlier else self._contract(asked, "gate"):
            if outcome.caught:
                caught.append(outcome.id)
                yield outcome
            else:
                left.append(outcome.id)
        if left:
            yield from self._again(left)
        if caught:
            self._check_subset(caught)

    def _again(self, names: Sequence[str]) -> Iterator[TrialOutcome]:
        """Try ``names``, and those that survive although the record does not list them, again."""
        for number in range(1, TRIES + 1):
            surprising = []
            for outcome in self._contract(names, self.profile):
                tried = replace(outcome, tries=number)
                if tried.caught or outcome.id in self.expected or number == TRIES:
                    yield tried
                else:
                    surprising.append(outcome.id)
            names = surprising
            if not names:
                return
            self.say(f"{len(names)} missed that the record does not list; they are tried again")

    def _check_subset(self, caught: Sequence[str]) -> None:
        """Hold a sample of what the gate's tests catch against certify's tests."""
        drawn = random.Random(self.seed).sample(sorted(caught), min(SUBSET_SAMPLE, len(caught)))
        self.disagree = [outcome.id for outcome in self._contract(drawn, "certify") if not outcome.caught]
        agreed = len(drawn) - len(self.disagree)
        self.say(f"certify's tests catch {agreed} of {len(drawn)} sampled defects that the gate's tests catch")

    def _contract(self, names: Sequence[str], profile: str) -> Iterator[TrialOutcome]:
        def begun(known: Mapping[str, Mapping[str, Any]]) -> None:
            self.say(f"{profile}: findings without any defect: {len(known)}; defects to try: {len(names)}")

        return try_all(
            names, profile=profile, seed=self.seed, processes=self.processes, causes=self.causes, begun=begun
        )


def caught_by_gate(file: Path, seed: int) -> Mapping[str, TrialOutcome]:
    """The caught outcomes in ``file``, which ``assay prove --json`` wrote, by the id of the defect.

    SettingsError when it is none, of another profile, seed or state of the suite.
    """
    data = read_json(file, hint="`assay prove --json` writes it")
    try:
        record = from_json(data)
        outcomes = [outcome_from_json(item) for item in data["outcomes"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SettingsError(f"{file} is not a report of `assay prove --json`") from None
    if (record.profile, record.seed) != ("gate", seed):
        raise SettingsError(
            f"{file} is of the profile {record.profile} and seed {record.seed}, not of gate and {seed}"
        )
    if set(record.digests.values()) != {suite_digest()}:
        raise SettingsError(
            f"{file} was made with another state of the suite", hint="make it again with `assay prove --json`"
        )
    return {outcome.id: outcome for outcome in outcomes if outcome.caught}
