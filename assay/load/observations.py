"""What a run shows beyond percentiles: growth, stalls, closed connections, errors that come with crowding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from assay.findings.model import Class, Finding
from assay.load.collector import Collector
from assay.load.laws import Law, over_levels, over_time
from assay.load.slo import Objectives
from assay.load.stalls import common, describe

STALL_SECONDS: Final = 1.5
"""A single stall of this length is worth a finding; shorter ones only when there are several. A crowded CI machine
held up the embedded control plane for up to 0.9 s, once or twice in 25 s (measured at a load average of 8)."""

SEVERAL: Final = 3
CLOSING_SHARE: Final = 0.5
FEWEST_ANSWERS: Final = 50
CROWD_QUIET, CROWD_LOUD = 0.01, 0.1
"""Error ratios below and above a number of requests at once between which a knee is named."""

FEWEST_CROWDED: Final = 20

EVERYTHING: Final = "all operations"


def laws(collector: Collector) -> list[Law]:
    """Every law that can be fitted to what was observed."""
    variables: dict[tuple[str, str], dict[int, dict[int, int]]] = {}
    for (operation, variable, value), counts in collector.levels.items():
        variables.setdefault((operation, variable), {})[value] = counts
    fitted = [over_levels(operation, variable, levels) for (operation, variable), levels in variables.items()]
    fitted += [
        over_time(operation, blocks, collector.block_seconds) for operation, blocks in collector.blocks.items()
    ]
    return [law for law in fitted if law is not None]


def findings(collector: Collector, objectives: Objectives, seconds: float) -> list[Finding]:
    """Findings on growth, stalls and connections of a leg whose measured stages lasted ``seconds``."""
    return [
        *_growth(laws(collector), objectives),
        *_stalls(collector, objectives, seconds),
        *_connections(collector),
    ]


def _growth(fitted: Iterable[Law], objectives: Objectives) -> list[Finding]:
    found = []
    for law in fitted:
        limit = objectives.laws.get(law.variable)
        broken = law.breaks(limit)
        if not (broken or law.grows):
            continue
        found.append(
            Finding(
                cls=Class.VIOLATION if broken else Class.ADVISORY,
                check="growth",
                operation=law.operation,
                rule=law.variable,
                location=f"/load/{law.operation}/{law.variable}",
                summary=f"latency of {law.operation} grows: {law.sentence()}, from {law.base:.1f} ms on",
                why=f"at most {limit:g} ms are allowed in {objectives.source}"
                if broken
                else "it grows surely, and by more than half of what it was",
                test="load",
            )
        )
    return found


def _stalls(collector: Collector, objectives: Objectives, seconds: float) -> list[Finding]:
    stalls = common(collector.stalls, max(len(collector.cpu), 1))
    if not stalls or not (len(stalls) >= SEVERAL or any(end - start >= STALL_SECONDS for start, end in stalls)):
        return []
    share = sum(end - start for start, end in stalls) / seconds if seconds else 0.0
    broken = share > objectives.stall_share
    return [
        Finding(
            cls=Class.VIOLATION if broken else Class.ADVISORY,
            check="stall",
            operation=EVERYTHING,
            rule=None,
            location="/load/stalls",
            summary=f"the target stood still {describe(stalls)} ({share:.1%} of the time)",
            why=f"at most {objectives.stall_share:.1%} of the time is allowed in {objectives.source}"
            if broken
            else "nothing was answered although requests were waiting, and the generator was awake",
            test="load",
        )
    ]


def _connections(collector: Collector) -> list[Finding]:
    if collector.answered < FEWEST_ANSWERS or collector.closed / collector.answered < CLOSING_SHARE:
        return []
    return [
        Finding(
            cls=Class.ADVISORY,
            check="connections",
            operation=EVERYTHING,
            rule=None,
            location="/load/connections",
            summary=f"the target closes its connections: after {collector.closed} of {collector.answered} answers",
            why="every request pays for a new connection (and a TLS handshake)",
            test="load",
        )
    ]


def knee(collector: Collector) -> str:
    """Where errors begin as requests crowd: "0.0% with up to 4 at once, 52% with 5 or more"; empty when nowhere.

    Requests of all operations count, because what they crowd is the target.
    """
    sums: dict[int, list[int]] = {}
    for (_, crowd), (right, wrong) in collector.crowd.items():
        row = sums.setdefault(crowd, [0, 0])
        row[0] += right
        row[1] += wrong
    rows = [(crowd, right, wrong) for crowd, (right, wrong) in sorted(sums.items())]
    best, text = CROWD_LOUD, ""
    for at in range(1, len(rows)):
        below, above = rows[:at], rows[at:]
        quiet, loud = _ratio(below), _ratio(above)
        enough = min(sum(row[1] + row[2] for row in part) for part in (below, above)) >= FEWEST_CROWDED
        if enough and quiet <= CROWD_QUIET and loud - quiet > best:
            best = loud - quiet
            text = f"{quiet:.1%} with up to {rows[at - 1][0]} at once, {loud:.0%} with {rows[at][0]} or more"
    return text


def _ratio(rows: list[tuple[int, int, int]]) -> float:
    right, wrong = sum(row[1] for row in rows), sum(row[2] for row in rows)
    return wrong / (right + wrong) if right + wrong else 0.0
