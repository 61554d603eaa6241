"""What the events of a journal add up to, coverage included, before anything is judged."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from assay.errors import EXIT_USAGE
from assay.findings import clean
from assay.findings.disturbances import Disturbed
from assay.findings.model import Diagnosed, Finding, LoadResult, NotTested, from_json
from assay.wording import gist

NO_ANSWER: Final = "none"
"""The status of a request that got no response."""

THROTTLED: Final = frozenset({429, 503})
"""Responses that say nothing about the request: it is sent again after a wait."""


@dataclass(slots=True)
class Coverage:
    """Counts how often each part of the contract was exercised.

    A rule or keyword counts as exercised when an answer came that judged the request: not when the connection
    broke, not when the target asked to come back later.
    """

    reject_sides: Mapping[str, bool] = field(default_factory=dict)
    statuses: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    rules: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    keywords: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    rejected: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # rules and keywords

    def add(self, exchange: Mapping[str, Any]) -> None:
        """Count one ``exchange`` event of the journal."""
        status = exchange.get("status")
        self.statuses[str(exchange["operation"])][NO_ANSWER if status is None else str(status)] += 1
        if status is None or status in THROTTLED:
            return
        for name, side in exchange.get("rules") or ():
            self.rules[str(name)][str(side)] += 1
            if side == "reject":
                self.rejected[str(exchange["operation"])].add(str(name))
        for place, side in exchange.get("keywords") or ():
            self.keywords[str(place)][str(side)] += 1
            if side == "reject":
                self.rejected[str(exchange["operation"])].add(str(place))

    def operations(self, known: tuple[str, ...] = ()) -> dict[str, dict[str, float]]:
        """{operation: {"requests", "2xx", "share_2xx"}} for every known or seen operation."""
        return {name: self._operation(name) for name in sorted({*known, *self.statuses})}

    def _operation(self, name: str) -> dict[str, float]:
        statuses = self.statuses.get(name, Counter())
        requests = sum(statuses.values())
        reached = sum(count for status, count in statuses.items() if len(status) == 3 and status[0] == "2")
        return {"requests": requests, "2xx": reached, "share_2xx": round(reached / requests, 4) if requests else 0.0}

    def to_json(self, known: tuple[str, ...] = ()) -> dict[str, Any]:
        """The ``coverage`` of verdict.json; a rule without a reject side (a permission) has reject null."""
        rules = {}
        for name in sorted({*self.reject_sides, *self.rules}):
            seen = self.rules.get(name, Counter())
            both = self.reject_sides.get(name, True)
            rules[name] = {"accept": seen["accept"], "reject": seen["reject"] if both or seen["reject"] else None}
        return {
            "operations": self.operations(known),
            "rules": rules,
            "keywords": {
                place: {"accept": seen["accept"], "reject": seen["reject"]}
                for place, seen in sorted(self.keywords.items())
            },
            "statuses": {name: dict(sorted(seen.items())) for name, seen in sorted(self.statuses.items())},
        }


_ENDS: Final = frozenset({"deleted", "unconfirmed", "left_behind"})
"""What may become of a workload, as ``resource`` events say it."""

Event = Mapping[str, Any]


class TestOutcome(StrEnum):
    """How a test ended; a later member weighs more when a test reports twice."""

    __test__ = False  # pytest would collect the class by its name

    SKIPPED = "skipped"
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


_WEIGHT = {outcome: weight for weight, outcome in enumerate(TestOutcome)}


@dataclass(frozen=True, slots=True)
class TestRun:
    """One test of the run; ``ended`` is seconds since 1970, None when the journal does not say."""

    __test__ = False  # pytest would collect the class by its name

    id: str
    outcome: TestOutcome
    seconds: float
    message: str = ""
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One second of load on one operation; latencies in milliseconds, None when nothing was answered."""

    second: float
    requests: float
    errors: float
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A cause that ended a run: answers of a ``status`` that say ``words``, of one operation or of all (None)."""

    status: int
    operation: str | None
    words: str
    why: str

    def covers(self, finding: Finding) -> bool:
        """Whether the finding was made of such an answer."""
        response = finding.evidence.response if finding.evidence else None
        if response is None or self.operation not in (None, finding.operation):
            return False
        return response.get("status") == self.status and gist(str(response.get("body") or "")) == self.words

    def broke(self, test: TestRun) -> bool:
        """Whether the test could not begin because its workload was refused so."""
        return test.message.startswith("CannotCreateError") and f": {self.status} " in test.message


@dataclass(slots=True)
class Record:
    """The sum of a journal. ``resources`` maps an id to (name, last event); an unreadable event is a problem."""

    coverage: Coverage = field(default_factory=Coverage)
    tests: dict[str, TestRun] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    diagnosed: dict[str, Diagnosed] = field(default_factory=dict)  # by the id of the finding
    planned: int | None = None
    planned_tests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    users_side: bool = False  # one of the problems is the user's to solve
    not_tested: list[NotTested] = field(default_factory=list)
    resources: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    limits: dict[str, dict[str, Any]] = field(default_factory=dict)
    load: dict[str, LoadResult] = field(default_factory=dict)
    series: dict[str, list[Point]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    disturbed: Disturbed = field(default_factory=Disturbed)

    @classmethod
    def of(cls, events: Iterable[Event], *, rules: Mapping[str, bool] | None = None) -> Record:
        """Add up all events. ``rules`` (id: has a reject side) are counted even when never exercised."""
        record = cls(coverage=Coverage(dict(rules or {})))
        for event in events:
            record.add(event)
        for withdrawal in record.withdrawals:
            record.withdraw(withdrawal)
        return record

    def add(self, event: Event) -> None:
        """Add one event; kinds this version does not know are passed over."""
        adder = _ADDERS.get(str(event.get("t")))
        if adder is None:
            return
        try:
            adder(self, event)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            self.problem(
                f"the journal holds a {event.get('t')} event that cannot be read ({type(error).__name__}: {error})"
            )

    def problem(self, what: object) -> None:
        """Remember what keeps the run from deciding; the same words only once."""
        words = clean.line(what)
        if words not in self.problems:
            self.problems.append(words)

    def withdraw(self, withdrawal: Withdrawal) -> None:
        """Drop the findings of a cause, and let the tests that failed of nothing else count as skipped."""
        dropped = [name for name, finding in self.findings.items() if withdrawal.covers(finding)]
        tests = {test for name in dropped for test in self.findings.pop(name).tests}
        explained = {test for finding in self.findings.values() for test in finding.tests}
        for test in self.tests.values():
            failed = test.outcome is TestOutcome.FAILED and test.id in tests - explained
            if failed or (test.outcome is TestOutcome.ERROR and withdrawal.broke(test)):
                self.tests[test.id] = replace(test, outcome=TestOutcome.SKIPPED, message=withdrawal.why)

    def _exchange(self, event: Event) -> None:
        self.coverage.add(event)

    def _finding(self, event: Event) -> None:
        seen = from_json({**event, "waived": event.get("waived", False), "occurrences": event.get("occurrences", 1)})
        observed = replace(seen, **clean.finding(seen))
        known = self.findings.get(observed.id)
        if known is None:
            self.findings[observed.id] = observed
            return
        self.findings[observed.id] = replace(
            known,
            occurrences=known.occurrences + observed.occurrences,
            tests=tuple(dict.fromkeys((*known.tests, *observed.tests))),
            evidence=known.evidence or observed.evidence,
        )

    def _diagnosis(self, event: Event) -> None:
        self.diagnosed[str(event["finding"])] = Diagnosed(
            str(event["cause"]), clean.line(event["says"]), tuple(map(clean.line, event.get("places") or ()))
        )

    def _test(self, event: Event) -> None:
        ended = event.get("at")
        run = TestRun(
            id=clean.line(event["id"]),
            outcome=TestOutcome(event["outcome"]),
            seconds=max(float(event.get("seconds") or 0.0), 0.0),
            message=clean.line(event.get("message")),
            ended=float(ended) if isinstance(ended, int | float) else None,
        )
        known = self.tests.get(run.id)
        if known is not None:
            worse = max(known, run, key=lambda each: _WEIGHT[each.outcome])
            run = replace(worse, seconds=known.seconds + run.seconds, ended=run.ended)
        self.tests[run.id] = run

    def _planned(self, event: Event) -> None:
        self.planned = (self.planned or 0) + int(event["total"])
        self.planned_tests += [clean.line(test) for test in event.get("tests") or ()]

    def _not_tested(self, event: Event) -> None:
        entry = NotTested(what=clean.line(event["what"]), why=clean.line(event["why"]))
        if entry not in self.not_tested:
            self.not_tested.append(entry)

    def _problem(self, event: Event) -> None:
        self.problem(event["what"])
        self.users_side = self.users_side or event.get("code") == EXIT_USAGE

    def _resource(self, event: Event) -> None:
        identity = clean.line(event.get("id") or event.get("name"))
        name, happened = self.resources.get(identity, ("", set()))
        kind = str(event["event"])
        if kind in _ENDS:
            happened -= _ENDS  # the last word counts
        self.resources[identity] = (clean.line(event.get("name")) or name, happened | {kind})

    def _limit(self, event: Event) -> None:
        name, allowed = clean.line(event["name"]), event.get("allowed")
        used = clean.value(event["used"])
        self.limits[name] = {"name": name, "allowed": clean.value(allowed), "used": used}

    def _load(self, event: Event) -> None:
        latency = {str(name): clean.value(number) for name, number in (event.get("latency_ms") or {}).items()}
        self.load[clean.line(event["operation"])] = LoadResult(
            rate=float(event["rate"]),
            requests=int(event["requests"]),
            errors=int(event["errors"]),
            latency_ms=latency,
            slo=tuple(clean.value(limit) for limit in event.get("slo") or ()),
            judged=event.get("judged") is not False,
            error_kinds={clean.line(kind): int(n) for kind, n in (event.get("error_kinds") or {}).items()},
        )

    def _disturbances(self, event: Event) -> None:
        kinds = {clean.line(kind): int(number) for kind, number in (event.get("kinds") or {}).items()}
        again, repeated = event.get("asked_again") is not False, int(event.get("repeated") or 0)
        in_vain = int(event.get("in_vain") or 0)
        self.disturbed.add(int(event["requests"]), kinds, asked_again=again, repeated=repeated, in_vain=in_vain)

    def _series(self, event: Event) -> None:
        points = self.series.setdefault(clean.line(event["operation"]), [])
        points.extend(Point(*clean.value(list(point))) for point in event["points"])

    def _withdrawn(self, event: Event) -> None:
        operation = event.get("operation")
        self.withdrawals.append(
            Withdrawal(
                int(event["status"]),
                None if operation is None else str(operation),
                str(event["words"]),
                clean.line(event["why"]),
            )
        )

    def _note(self, event: Event) -> None:
        self.notes.append(clean.line(event["text"]))


_ADDERS: Mapping[str, Callable[[Record, Event], None]] = {
    "exchange": Record._exchange,
    "finding": Record._finding,
    "diagnosis": Record._diagnosis,
    "test": Record._test,
    "planned": Record._planned,
    "not_tested": Record._not_tested,
    "problem": Record._problem,
    "resource": Record._resource,
    "limit": Record._limit,
    "load": Record._load,
    "series": Record._series,
    "note": Record._note,
    "disturbances": Record._disturbances,
    "withdrawn": Record._withdrawn,
}
