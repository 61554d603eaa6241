"""One defect on trial: the tests run on it until one finds what the defect-free control plane does not have."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import Any

import pytest

from assay.checks.diagnosis import diagnose
from assay.checks.pytest_plugin import sort_errors
from assay.clock import SYSTEM, Clock
from assay.contract.documents import Contract
from assay.contract.oracle import Oracle
from assay.errors import AssayError
from assay.findings.causes import HEAVIEST, join
from assay.prove.bench import Bench
from assay.prove.places import names_place
from assay.prove.suite import SuiteTest, ordered
from assay.reference.behaviour import Behaviour
from assay.reference.defects.base import Defect


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What became of one defect.

    ``finding`` is the first one that the defect-free plane does not have: {"id", "class", "kind", "summary"}; None
    for a survivor. ``test`` found it, after ``tests`` tests, ``requests`` requests and ``seconds``. ``broken``
    names tests that ended in an error instead of a verdict, and ``problem`` what kept the trial from its end.
    ``told`` are the summaries of all new findings of a run under load, and ``tries`` how often it took. Where all
    tests about its place were run, ``causes`` is the number of findings that they made of it, and ``named`` whether
    the heaviest names its place.
    """

    id: str
    finding: Mapping[str, str] | None
    test: str | None
    tests: int
    requests: int
    seconds: float
    broken: tuple[str, ...] = ()
    problem: str | None = None
    told: tuple[str, ...] = ()
    tries: int = 1
    causes: int | None = None
    named: bool | None = None

    @property
    def caught(self) -> bool:
        return self.finding is not None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def outcome_from_json(data: Mapping[str, Any]) -> TrialOutcome:
    """The inverse of ``TrialOutcome.to_json``; other keys are passed over. KeyError or TypeError when it is none."""
    own = {item.name: data[item.name] for item in fields(TrialOutcome)}
    return TrialOutcome(**{**own, "broken": tuple(own["broken"]), "told": tuple(own["told"])})


@cache
def oracle(contract: Contract) -> Oracle:
    """One oracle for all trials of a process: building one takes 60 ms."""
    return Oracle(contract)


def try_defect(
    contract: Contract,
    defect: Defect,
    tests: Iterable[SuiteTest],
    known: Collection[str],
    *,
    profile: str,
    seed: int,
    near: bool = False,
    causes: bool = False,
    clock: Clock = SYSTEM,
) -> TrialOutcome:
    """Run ``tests`` on ``defect``, the likeliest first, until a finding that is not ``known``.

    ``near``: only those that are about its place; who survives them has not survived. ``causes``: run all of them,
    and count what they make of it. ``clock`` is ours, by which the trial is timed; the control plane has one of its
    own.
    """
    bench = Bench(contract, defect.change(Behaviour()), oracle(contract), profile=profile, seed=seed)
    chosen = ordered(contract, defect, tuple(tests), near=near)
    outcome, rest = _until_found(bench, defect.id, chosen, known, clock)
    if not causes or not outcome.caught:
        return outcome
    for test in rest:
        run(bench, test)
        if bench.notebook.lost:
            break
    return _with_causes(outcome, contract, defect, bench, known)


def _with_causes(
    outcome: TrialOutcome, contract: Contract, defect: Defect, bench: Bench, known: Collection[str]
) -> TrialOutcome:
    diagnose(bench.target)
    record = bench.notebook.record
    new = (each for key, each in record.findings.items() if key not in known)
    found = join(new, record.coverage.rejected, record.diagnosed)
    heaviest = min(found, key=lambda each: HEAVIEST.index(each.cls))
    return replace(outcome, causes=len(found), named=names_place(contract, defect, heaviest))


def findings_of(
    contract: Contract, tests: Iterable[SuiteTest], *, profile: str, seed: int
) -> dict[str, Mapping[str, Any]]:
    """Every finding on the defect-free control plane, by id."""
    bench = Bench(contract, Behaviour(), oracle(contract), profile=profile, seed=seed)
    for test in tests:
        run(bench, test)
    return dict(bench.notebook.findings)


def _until_found(
    bench: Bench, name: str, tests: list[SuiteTest], known: Collection[str], clock: Clock
) -> tuple[TrialOutcome, list[SuiteTest]]:
    """The outcome, and the tests that it did not need."""
    began = clock.monotonic()
    broken: list[str] = []
    for number, test in enumerate(tests, start=1):
        error = run(bench, test)
        if error is not None:
            broken.append(f"{test.id}: {error}")
        new = next((item for key, item in bench.notebook.findings.items() if key not in known), None)
        if new is not None:
            shown = {key: str(new[key]) for key in ("id", "class", "kind", "summary")}
            seconds = _since(began, clock)
            found = TrialOutcome(name, shown, test.id, number, bench.notebook.requests, seconds, tuple(broken[:3]))
            return found, tests[number:]
        if bench.notebook.lost:
            break
    requests, problem = bench.notebook.requests, bench.notebook.lost
    survived = TrialOutcome(name, None, None, len(tests), requests, _since(began, clock), tuple(broken[:3]), problem)
    return survived, []


def run(bench: Bench, test: SuiteTest) -> str | None:
    """Run one test and note its findings; what else it raised, as one line."""
    try:
        test.run(bench.target)
    except pytest.skip.Exception:
        return None
    except AssayError as error:
        # A spent budget or a lost target: the run would end here, with what it knows.
        bench.notebook.lost = error.message
        return None
    except BaseException as error:  # noqa: BLE001 - a test that breaks is an outcome, not a fault of ours
        breaches, others = sort_errors(error)
        for breach in breaches:
            with contextlib.suppress(AssayError):
                bench.target.recorder.write(*breach.findings)
        return f"{type(others[0]).__name__}: {others[0]}"[:300] if others else None
    return None


def _since(began: float, clock: Clock) -> float:
    return round(clock.monotonic() - began, 3)
