"""What a run shows beyond percentiles: growth, stalls, outliers, closed connections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from assay.findings.model import Class, Finding
from assay.load.collector import Collector
from assay.load.health import GeneratorHealth
from assay.load.histogram import Histogram, highest_values
from assay.load.latency import Latency
from assay.load.measures import Connections
from assay.load.saturation import Stalls, common, describe
from assay.load.scaling_laws import Levels, ScalingLaw, over_levels, over_time
from assay.load.slo import Objectives

QUIET_MS: Final = 10.0
"""A generator whose own starts and event loop are later than this at the 99th percentile sits on a busy machine. On a
quiet one they are 1 to 2 ms late (measured)."""

STALLS_QUIET: Final = ((1, 1.5), (2, 0.75), (3, 0.25))
STALLS_BUSY: Final = ((1, 1.5), (3, 0.75))
"""So many stalls of at least so many seconds are worth a finding. A crowded CI machine held up the embedded control
plane for up to 0.9 s, once or twice in 25 s, and three times for 0.3 to 0.7 s (measured at load averages from 8)."""

CLOSING_SHARE: Final = 0.5
FEWEST_ANSWERS: Final = 50
_TWINS: Final = {"present": "live"}
OUTLIER_SECONDS, OUTLIER_SECONDS_BUSY, OUTLIER_TIMES, OUTLIER_MOST = 1.0, 2.5, 20.0, 0.05
"""An answer that takes at least so many seconds and so many times the median, while at most this share does, stands
alone. A machine at a load average of 19 made single answers of the embedded control plane take 1.3 s (measured)."""

FEWEST_OUTLIERS: Final = 3

EVERYTHING: Final = "all operations"


def scaling_laws(collector: Collector) -> list[ScalingLaw]:
    """Every law that can be fitted to what was observed."""
    variables: dict[tuple[str, str], dict[int, dict[int, int]]] = {}
    for (operation, variable, value), counts in collector[Levels].counts.items():
        variables.setdefault((operation, variable), {})[value] = counts
    latency = collector[Latency]
    fitted = [over_levels(operation, variable, levels) for (operation, variable), levels in variables.items()]
    fitted += [over_time(operation, blocks, latency.block_seconds) for operation, blocks in latency.blocks.items()]
    return [law for law in fitted if law is not None]


def findings(collector: Collector, objectives: Objectives, seconds: float) -> list[Finding]:
    """Findings on growth, stalls and connections of a run whose measured stages lasted ``seconds``."""
    return [
        *_growth(scaling_laws(collector), objectives, quiet=_quiet(collector)),
        *_stalls(collector, objectives, seconds),
        *_outliers(collector),
        *_connections(collector),
    ]


def _growth(fitted: Iterable[ScalingLaw], objectives: Objectives, *, quiet: bool) -> list[Finding]:
    """A violation where a law breaks its limit, an advisory where it grows surely and by much.

    A busy machine may grow busier (72 ms a minute, measured): on one, growth with time is told by its limit alone.
    """
    telling = [
        law
        for law in fitted
        if law.breaks(objectives.laws.get(law.variable)) or (law.grows and (quiet or law.variable != "time"))
    ]
    return [_grown(law, objectives) for law in _without_twins(telling)]


def _without_twins(fitted: Iterable[ScalingLaw]) -> list[ScalingLaw]:
    """Of two laws that count the same workloads in two ways, the steeper one."""
    best: dict[tuple[str, str], ScalingLaw] = {}
    for law in fitted:
        key = law.operation, _TWINS.get(law.variable, law.variable)
        if key not in best or law.low > best[key].low:
            best[key] = law
    return list(best.values())


def _grown(law: ScalingLaw, objectives: Objectives) -> Finding:
    limit = objectives.laws.get(law.variable)
    broken = law.breaks(limit)
    return Finding(
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


def _stalls(collector: Collector, objectives: Objectives, seconds: float) -> list[Finding]:
    stalls = _telling(common(collector[Stalls].spans, collector[GeneratorHealth].processes), quiet=_quiet(collector))
    if not stalls:
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


def _outliers(collector: Collector) -> list[Finding]:
    """Answers that take seconds now and then, too seldom for percentiles: a p99 sees one in a hundred by chance."""
    if _telling(common(collector[Stalls].spans, collector[GeneratorHealth].processes), quiet=_quiet(collector)):
        return []  # told already: then all stood still at once
    least = OUTLIER_SECONDS if _quiet(collector) else OUTLIER_SECONDS_BUSY
    slow = {
        operation: _slow_ones(collector[Latency].merged(operation, "ok"), least) for operation in collector.operations
    }
    count, total = sum(len(ones) for ones, _ in slow.values()), sum(whole for _, whole in slow.values())
    if count < FEWEST_OUTLIERS or count > OUTLIER_MOST * total:
        return []
    longest = max(value for ones, _ in slow.values() for value in ones)
    shortest = min(value for ones, _ in slow.values() for value in ones)
    which = ", ".join(f"{len(ones)} of {operation}" for operation, (ones, _) in slow.items() if ones)
    return [
        Finding(
            cls=Class.ADVISORY,
            check="outliers",
            operation=EVERYTHING,
            rule=None,
            location="/load/outliers",
            summary=f"single requests stall: {count} of {total} answers ({count / total:.1%}) took {shortest:.1f} to "
            f"{longest:.1f} s ({which})",
            why=f"each took more than {OUTLIER_TIMES:g} times the median of its operation",
            test="load",
        )
    ]


def _slow_ones(latency: Histogram, least: float) -> tuple[list[float], int]:
    """The outliers of one operation, in seconds, and how many answers there were."""
    if not latency.count:
        return [], 0
    limit = max(least, OUTLIER_TIMES * latency.percentiles([50.0])[0] / 1000)
    index, counts = latency.counts()
    seconds = highest_values(index) / 1e6
    return [
        float(s) for s, n in zip(seconds, counts, strict=True) if s >= limit for _ in range(int(n))
    ], latency.count


def _quiet(collector: Collector) -> bool:
    health = collector[GeneratorHealth]
    lags = [histogram.percentiles([99.0])[0] for histogram in (health.lag, health.loop) if histogram.count]
    return all(lag <= QUIET_MS for lag in lags)


def _telling(stalls: list[tuple[float, float]], *, quiet: bool) -> list[tuple[float, float]]:
    """The stalls that no busy machine explains; all that are long enough for the lowest bar that is passed."""
    found: list[tuple[float, float]] = []
    for number, seconds in STALLS_QUIET if quiet else STALLS_BUSY:
        long_enough = [(start, end) for start, end in stalls if end - start >= seconds]
        if len(long_enough) >= number:
            found = long_enough
    return found


def _connections(collector: Collector) -> list[Finding]:
    seen = collector[Connections]
    if seen.answered < FEWEST_ANSWERS or seen.closed / seen.answered < CLOSING_SHARE:
        return []
    return [
        Finding(
            cls=Class.ADVISORY,
            check="connections",
            operation=EVERYTHING,
            rule=None,
            location="/load/connections",
            summary=f"the target closes its connections: after {seen.closed} of {seen.answered} answers",
            why="every request pays for a new connection (and a TLS handshake)",
            test="load",
        )
    ]
