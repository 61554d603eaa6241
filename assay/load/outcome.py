"""Turns what was observed into the journal's events: results, series, findings, problems, what was not tested."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from assay.client.confirmation import BROKEN
from assay.contract.documents import Contract
from assay.findings.journal import Journal
from assay.findings.model import Class, Finding
from assay.findings.slo import ERROR_RATIO, stalls
from assay.load.health import GeneratorHealth
from assay.load.latency import Latency
from assay.load.master import StageRun
from assay.load.measures import BUDGET, IN_FLIGHT, Connections, Errors, NotStarted
from assay.load.saturation import Crowding
from assay.load.slo import DISTURBED, Kept, Objectives, judge
from assay.load.way import BY, disturbances, refusals
from assay.wording import plural

FEWEST: Final = 20
"""Fewer measured requests than this say nothing about a percentile: a p95 would be the slowest request."""

_HELD_BACK: Final = 0.02
"""The share of due requests that the shipped objectives let a target miss, too (rate_ratio 0.98)."""

MOST_POINTS: Final = 600
"""Points of a series in the journal; longer runs are thinned out by taking the worst of neighbouring points."""

_TEST: Final = "load"


@dataclass(frozen=True, slots=True)
class Result:
    """One operation in the measured stages of a run. ``due`` is what the schedule asked for.

    ``errors`` are all that were no right answer, by ``kinds``; ``disturbed`` are those among them that were lost on
    the way, and not often enough to count; ``limited`` a gateway refused, so often that the API was not measured.
    """

    operation: str
    name: str
    rate: float
    due: int
    requests: int
    errors: int
    latency_ms: dict[str, float]
    service_ms: dict[str, float]
    kinds: dict[str, int]
    skipped: dict[str, int]
    slo: tuple[Kept, ...]
    knee: str = ""
    disturbed: dict[str, int] = field(default_factory=dict)
    limited: dict[str, int] = field(default_factory=dict)

    @property
    def not_started(self) -> int:
        return sum(self.skipped.values())

    def to_json(self) -> dict[str, Any]:
        """The ``load`` event; beyond the stable keys also service time, due requests, error kinds, not started."""
        return {
            "operation": self.operation,
            "rate": round(self.rate, 3),
            "requests": self.requests,
            "errors": self.errors,
            "latency_ms": self.latency_ms,
            "slo": [kept.to_json() for kept in self.slo],
            "service_ms": self.service_ms,
            "due": self.due,
            "error_kinds": self.kinds,
            "not_started": self.skipped,
        }


def results(run: StageRun, contract: Contract, objectives: Objectives) -> list[Result]:
    """One result for every operation that was due in the run."""
    names = {operation.id: name for name, operation in contract.operations.items()}
    return [_result(run, operation, names[operation], objectives) for operation in run.collector.operations]


def _result(run: StageRun, operation: str, name: str, objectives: Objectives) -> Result:
    collector, seconds = run.collector, run.measured_seconds
    latency = collector[Latency]
    measured = {number for number, stage in enumerate(run.stages) if stage.measured}
    ok = latency.merged(operation, "ok")
    errors = latency.merged(operation, "error").count
    requests = ok.count + errors
    skipped = collector[NotStarted].of(operation, measured)
    ours = sum(number for reason, number in skipped.items() if reason.startswith(BUDGET))
    due = requests + sum(skipped.values())
    kinds = collector[Errors].of(operation, measured)
    limits = objectives.by_operation.get(name, {})
    disturbed = disturbances(kinds, requests, limits.get(DISTURBED, 0.0))

    def judged(refused: int = 0) -> tuple[Kept, ...]:
        return judge(
            limits,
            latency_ms=ok.summary(),
            requests=requests - refused,
            errors=errors - sum(disturbed.values()) - refused,
            due=due - ours,
            started=requests,
        )

    kept, limited = judged(), {} if disturbed else refusals(kinds)
    if limited and any(each.name == ERROR_RATIO and not each.ok for each in kept):
        kept = judged(sum(limited.values()))
    else:
        limited = {}
    return Result(
        operation=operation,
        name=name,
        rate=requests / seconds if seconds else 0.0,
        due=due,
        requests=requests,
        errors=errors,
        latency_ms=ok.summary(),
        service_ms=latency.service_times(operation).summary(),
        kinds=kinds,
        skipped=skipped,
        slo=kept,
        knee=collector[Crowding].knee() if errors else "",
        disturbed=disturbed,
        limited=limited,
    )


def problems(run: StageRun, found: Iterable[Result], operations: Iterable[str]) -> list[str]:
    """What makes the run inconclusive."""
    reasons = list(run.problems)
    if run.interrupted:
        reasons.append(run.interrupted)
    if not run.target_lost:  # who waits for a target that went away starts late, and whose fault that is is known
        health = run.collector[GeneratorHealth]
        reasons += [f"the load generator was the bottleneck: {why}" for why in health.saturation()]
    limits = [] if run.problems else list(rate_limits(found))
    by_operation = {result.operation: result for result in found}
    for operation in () if run.problems or limits else operations:
        result = by_operation.get(operation)
        if result is None or _too_few(result):
            requests = result.requests if result else 0
            why = f" ({_told(result.skipped)} not started)" if result and result.skipped else ""
            reasons.append(f"too few requests to judge {operation}: {requests}, at least {FEWEST} are needed{why}")
    return [*limits, *reasons]


def rate_limits(found: Iterable[Result]) -> Iterator[str]:
    """What a gateway's limit of the rate kept from the API, if it was more than the limits of errors forgive."""
    limited = [result for result in found if result.limited]
    if limited:
        kinds: Counter[str] = Counter()
        for result in limited:
            kinds.update(result.limited)
        makers = " and ".join(sorted({kind.partition(BY)[2] for kind in kinds}))
        yield (
            f"answered by {makers}, not by the API: {kinds.total():,} of "
            f"{plural(sum(result.requests for result in limited), 'request')} ({_told(kinds)}). A gateway limits the "
            "rate: lower --rate or lift the gateway's limit"
        )


def accuses(finding: Finding, reasons: Sequence[str], found: Iterable[Result]) -> bool:
    """Whether a finding counts in a run that is inconclusive for these ``reasons``, if for any.

    A run that cannot be judged accuses nobody: a lost target has missed every objective. But the API's own errors are
    its own, also behind a gateway that limits the rate.
    """
    return not reasons or (finding.rule == ERROR_RATIO and list(reasons) == list(rate_limits(found)))


def held_back(found: Iterable[Result]) -> Iterator[str]:
    """Where the run's own limits kept more than 2 % of the due requests from starting.

    A profile takes what its target's limits allow, and says what was left out. Whoever asks for a rate would take the
    figures of a lower one for an answer.
    """
    for result in found:
        ours = {reason: number for reason, number in result.skipped.items() if reason.startswith(BUDGET)}
        if sum(ours.values()) > _HELD_BACK * result.due:
            yield (
                f"{sum(ours.values()):,} of the {result.due:,} requests of {result.operation} were not started "
                f"({result.rate:.4g}/s were measured), because of {_limits(ours)}"
            )


def _limits(reasons: Iterable[str]) -> str:
    """The run's own limits that were in the way, and what to do about them."""
    flags = sorted(f"--{reason.removeprefix(BUDGET).replace('_', '-')}" for reason in reasons)
    return f"a limit of the run itself: allow more with {', '.join(flags)}"


def _too_few(result: Result) -> bool:
    """True when it is our doing, or nobody's; a target that let too few through has missed an objective."""
    ours = sum(number for reason, number in result.skipped.items() if reason.startswith(BUDGET))
    missed = any(not kept.ok for kept in result.slo)
    return result.requests < FEWEST and (result.due - ours < FEWEST or not missed)


def findings(found: Iterable[Result], objectives: Objectives) -> list[Finding]:
    """One finding for each objective that was missed."""
    return [
        _missed(result, kept, objectives)
        for result in found
        for kept in result.slo
        if not kept.ok and kept.value is not None
    ]


def _missed(result: Result, kept: Kept, objectives: Objectives) -> Finding:
    relation = "at least" if kept.name == "rate_ratio" else "at most"
    detail = ""
    if kept.name == "error_ratio":
        crowding = f"; {result.knee}" if result.knee else ""
        detail = f" ({result.errors} of {result.requests}: {_told(result.kinds)}{crowding})"
    elif kept.name == "rate_ratio":
        detail = f" ({result.not_started} not started: {_told(result.skipped)})"
    elif kept.name.endswith("_ms") and kept.value is not None:
        detail = stalls(kept.value, result.latency_ms.get("p50"))
    return Finding(
        cls=Class.VIOLATION,
        check="slo",
        operation=result.operation,
        rule=kept.name,
        location=f"/load/{result.operation}/{kept.name}",
        summary=f"{kept.name} of {result.operation} is {_with_unit(kept.value, kept.name)}, "
        f"the objective is {relation} {_with_unit(kept.limit, kept.name)}"
        f"{detail}, at {result.rate:.1f} requests/s",
        why=f"service level objective {kept.name} = {kept.limit:g} in {objectives.source}",
        test=_TEST,
    )


def _with_unit(value: float | None, name: str) -> str:
    """The value of an objective; a ratio has no unit."""
    number = f"{value:,.6g}" if value is not None else "nothing"
    return f"{number} ms" if name.endswith("_ms") else number


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} x {kind}" for kind, number in sorted(counts.items(), key=lambda item: -item[1]))


def write(journal: Journal, run: StageRun, found: Sequence[Result], *, judged: bool) -> None:
    """Write results, series, what was not tested, and notes on the generator's health.

    Not ``judged``: the run cannot tell the target's doing from its own, so a missed objective accuses nobody.
    """
    for result in found:
        journal.write("load", **result.to_json(), judged=judged)
        points = run.collector[Latency].series(result.operation)
        journal.write("series", operation=result.operation, points=thin(points))
        for reason, number in result.skipped.items():
            if reason != IN_FLIGHT:
                journal.write(
                    "not_tested",
                    what=f"{number} of {result.due} requests of {result.operation} under load",
                    why=_limits([reason]) if reason.startswith(BUDGET) else reason,
                )
    lost: Counter[str] = Counter()
    for result in found:
        lost.update(result.disturbed)
    lost[BROKEN] += run.collector[Connections].cut
    requests = sum(result.requests for result in found)
    journal.write("disturbances", asked_again=False, requests=requests, kinds=dict(+lost))
    journal.write("note", text=generator_note(run.collector[GeneratorHealth]))


def generator_note(health: GeneratorHealth) -> str:
    """One line on how well the generator itself did."""
    lag = health.lag.percentiles([50.0, 99.0])
    shares = [share for source in health.cpu_shares.values() for share in source]
    cpu = f"{sum(shares) / len(shares):.0%} of a core on average" if shares else "not measured"
    return (
        f"load generator: {health.starts} requests started, p50/p99 {lag[0]:.1f}/{lag[1]:.1f} ms after they were "
        f"due, {health.late_starts} late; CPU {cpu}"
    )


def thin(points: list[list[float | None]], most: int = MOST_POINTS) -> list[list[float | None]]:
    """At most ``most`` points; neighbours become one: sums of requests and errors, the worst of each percentile."""
    width = math.ceil(len(points) / most) if points else 1
    return [_joined(points[at : at + width]) for at in range(0, len(points), width)] if width > 1 else points


def _joined(points: list[list[float | None]]) -> list[float | None]:
    columns = list(zip(*points, strict=True))
    sums: list[float | None] = [sum(number or 0 for number in column) for column in columns[1:3]]
    worst: list[float | None] = [max((n for n in column if n is not None), default=None) for column in columns[3:]]
    return [points[0][0], *sums, *worst]
