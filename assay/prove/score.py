"""From outcomes to the detection score: by family, by operation, against the score on record; and as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from assay import __version__
from assay.errors import SettingsError
from assay.findings.detection import Causes, Detection, Share, Survivor, suite_digest
from assay.prove.real_runs import Agreement
from assay.prove.trial import TrialOutcome
from assay.reference.defects.base import Defect

TIMED: Final = "performance"
"""The family that shows only under load: it meets the load part, all others the contract part."""

SEVERAL: Final = "several"
"""What stands for the operation of a defect that shows in more than one."""


@dataclass(frozen=True)
class Score:
    """The outcomes of a run of ``assay prove`` over its defects."""

    profile: str
    seed: int
    outcomes: Mapping[str, TrialOutcome]
    defects: Mapping[str, Defect]
    seconds: float = 0.0
    not_tried: Mapping[str, str] = field(default_factory=dict)  # family: why

    def share(self, defects: Iterable[Defect]) -> Share:
        """How many of ``defects`` were tried and caught."""
        chosen = list(defects)
        tried = [self.outcomes[item.id] for item in chosen if item.id in self.outcomes]
        caught = [outcome for outcome in tried if outcome.caught]
        gaps = sum(1 for outcome in caught if outcome.finding is not None and outcome.finding["class"] != "violation")
        return Share(len(tried), len(caught), gaps, sum(1 for item in chosen if item.equivalent is not None))

    @property
    def total(self) -> Share:
        return self.share(self.defects.values())

    def by_family(self) -> dict[str, Share]:
        return {name: self.share(members) for name, members in _grouped(self.defects.values(), "family").items()}

    def by_operation(self) -> dict[str, Share]:
        return {name: self.share(members) for name, members in _grouped(self.defects.values(), "operation").items()}

    @property
    def survivors(self) -> list[TrialOutcome]:
        return sorted((o for o in self.outcomes.values() if not o.caught), key=lambda outcome: outcome.id)

    def to_json(self) -> dict[str, Any]:
        """The whole report: the record, and every outcome."""
        return {
            **self.record().to_json(),
            "seconds": round(self.seconds, 1),
            "outcomes": [
                {**outcome.to_json(), "summary": self.defects[outcome.id].summary}
                for outcome in sorted(self.outcomes.values(), key=lambda item: item.id)
            ],
            "equivalents": {d.id: d.equivalent for d in self.defects.values() if d.equivalent is not None},
        }

    def record(self) -> Detection:
        """What reports/baselines/detection*.json hold."""
        families = _grouped(self.defects.values(), "family")
        tried = {name: each for name, each in families.items() if name not in self.not_tried}
        return Detection(
            profile=self.profile,
            seed=self.seed,
            version=__version__,
            digests=dict.fromkeys(tried, suite_digest()),
            shares={
                name: {operation: self.share(members) for operation, members in _grouped(each, "operation").items()}
                for name, each in tried.items()
            },
            effort={name: found for name, each in tried.items() if (found := self.effort(each)) is not None},
            survivors={
                outcome.id: Survivor(self.defects[outcome.id].summary, outcome.tests, outcome.requests)
                for outcome in self.survivors
            },
            equivalent=reasons(self.defects.values()),
            not_tried=dict(self.not_tried),
            causes=self.causes(),
        )

    def causes(self) -> Causes | None:
        """In how many findings the detected defects were told; None when nobody counted."""
        counted = [outcome for outcome in self.outcomes.values() if outcome.causes is not None]
        numbers = sorted(outcome.causes or 0 for outcome in counted)
        if not numbers:
            return None
        named = sum(bool(outcome.named) for outcome in counted)
        return Causes(len(numbers), numbers.count(1), numbers[len(numbers) // 2], numbers[-1], named)

    def effort(self, defects: Iterable[Defect]) -> dict[str, dict[str, float]] | None:
        """Requests and seconds to the first detection; None when nothing was caught."""
        tried = [self.outcomes[item.id] for item in defects if item.id in self.outcomes]
        caught = [outcome for outcome in tried if outcome.caught]
        if not caught:
            return None
        return {
            "requests": _spread([outcome.requests for outcome in caught]),
            "seconds": _spread([outcome.seconds for outcome in caught]),
        }


def reasons(defects: Iterable[Defect]) -> dict[str, int]:
    """How many defects are equivalent for each reason."""
    return dict(Counter(defect.equivalent for defect in defects if defect.equivalent is not None))


def _grouped(defects: Iterable[Defect], by: str) -> dict[str, list[Defect]]:
    groups: dict[str, list[Defect]] = {}
    for defect in defects:
        groups.setdefault(str(getattr(defect, by) or SEVERAL), []).append(defect)
    return groups


def _spread(numbers: Sequence[float]) -> dict[str, float]:
    """Median and 90th percentile: of the sorted numbers the one below which half, and nine tenths, lie."""
    ordered = sorted(numbers)
    return {name: ordered[min(int(len(ordered) * part), len(ordered) - 1)] for name, part in _PARTS.items()}


_PARTS: Final = {"median": 0.5, "p90": 0.9}


def newly_surviving(score: Score, before: Detection) -> list[str]:
    """Survivors that the score on record does not list. SettingsError when the two cannot be compared."""
    if before.profile != score.profile:
        raise SettingsError(
            f"the score on record is of the profile {before.profile}, this run of {score.profile}",
            hint="detection.json is of the gate, detection-certify.json of certify",
        )
    return [outcome.id for outcome in score.survivors if outcome.id not in before.survivors]


def check_joinable(before: Detection, profile: str) -> None:
    """SettingsError when ``before`` was measured with another profile or version: one record speaks of one suite."""
    if (before.profile, before.version) != (profile, __version__):
        raise SettingsError(
            f"the record is of {before.profile} in version {before.version}: no families of {profile} in version "
            f"{__version__} can be put into it",
            hint="measure all families anew: leave --family out",
        )


def joined(before: Detection, now: Detection, equivalent: Mapping[str, int]) -> Detection:
    """``before`` with the families that ``now`` holds put in their place; the rest as it was.

    ``equivalent`` counts, by reason, the equivalent defects of all families.
    """
    kept = {name: item for name, item in before.survivors.items() if name.split("/", 1)[0] not in now.shares}
    return replace(
        now,
        shares={**before.shares, **now.shares},
        digests={**before.digests, **now.digests},
        effort={**before.effort, **now.effort},
        survivors={**kept, **now.survivors},
        equivalent=equivalent,
        not_tried={name: why for name, why in before.not_tried.items() if name not in now.shares},
        causes=before.causes,  # of all families, or of none
    )


def chosen(defects: Sequence[Defect], *, families: Sequence[str], only: Sequence[str]) -> list[Defect]:
    """The defects of ``families`` (none: all) whose id is, or begins with a step of, one of ``only`` (none: all)."""
    return [
        defect
        for defect in defects
        if (not families or defect.family in families)
        and (not only or any(defect.id == name or defect.id.startswith(name.rstrip("/") + "/") for name in only))
    ]


MOST_CAUSES: Final = 3
"""Findings that one defect may make before it is named."""

MOST_TOLD: Final = 3
"""Findings of one run under load that are printed; a server that is slow all over misses every limit."""


def show(score: Score, console: Console) -> None:
    """The score by family and by operation, then every missed defect with what was tried on it."""
    console.print(_table("family", score.by_family(), score.total))
    console.print(_table("operation", score.by_operation(), None))
    effort = score.effort(score.defects.values())
    if effort is not None:
        told = (f"{effort[unit]['median']:g} {unit} (median), {effort[unit]['p90']:g} (p90)" for unit in effort)
        console.print(f"first detection after {' and '.join(told)}; {score.seconds:.0f} s in total", soft_wrap=True)
    _show_causes(score, console)
    for family, why in score.not_tried.items():
        console.print(f"not tried: {family}: {why}")
    _show_under_load(score, console)
    again = [outcome for outcome in score.outcomes.values() if outcome.caught and outcome.tries > 1]
    for outcome in again:
        console.print(f"detected only in trial {outcome.tries}: {outcome.id}", soft_wrap=True)
    if score.survivors:
        console.print(f"\n{len(score.survivors)} missed:")
    for outcome in score.survivors:
        tried = f"{outcome.tests} tests, {outcome.requests} requests"
        console.print(f"  {outcome.id}\n      {score.defects[outcome.id].summary} ({tried})", soft_wrap=True)
        for note in (*outcome.broken[:1], *([outcome.problem] if outcome.problem else [])):
            console.print(f"      {note}", soft_wrap=True)


def _show_causes(score: Score, console: Console) -> None:
    """How many findings a defect is told in, and those that are told in many or at another place."""
    causes = score.causes()
    if causes is None:
        return
    one, named = (f"{100 * number / causes.defects:.1f} %" for number in (causes.one, causes.named))
    console.print(
        f"{causes.one} of {causes.defects} are told in one finding ({one}), the others in up to {causes.most}; "
        f"of {causes.named} ({named}) the heaviest finding names the place",
        soft_wrap=True,
    )
    for outcome in sorted(score.outcomes.values(), key=lambda each: each.id):
        if (outcome.causes or 0) > MOST_CAUSES:
            console.print(f"  told in {outcome.causes} findings: {outcome.id}", soft_wrap=True)


def _show_under_load(score: Score, console: Console) -> None:
    """What was found under load, in the words of the findings."""
    for outcome in score.outcomes.values():
        for told in outcome.told[:MOST_TOLD]:
            console.print(f"{outcome.id}: {told}", soft_wrap=True)
        if len(outcome.told) > MOST_TOLD:
            console.print(f"    and {len(outcome.told) - MOST_TOLD} more (--json lists them)", soft_wrap=True)


def list_defects(defects: Iterable[Defect], console: Console) -> None:
    """One line a defect; an equivalent one with the reason why nothing can tell it."""
    for defect in defects:
        console.print(f"{defect.id}  {defect.summary}", soft_wrap=True)
        if defect.equivalent is not None:
            console.print(f"    equivalent: {defect.equivalent}", soft_wrap=True)


def show_agreement(agreements: Iterable[Agreement], console: Console) -> int:
    """Print each defect on which runs with and without shortcuts differ; returns how many do."""
    checked = list(agreements)
    differing = [item for item in checked if not item.agrees]
    console.print(f"shortcuts agree with plain runs on {len(checked) - len(differing)} of {len(checked)} defects")
    for item in differing:
        short = "detected" if item.short else "missed"
        plain = f"detected ({', '.join(sorted(item.plain)[:3])})" if item.plain else "missed"
        console.print(f"  {item.id}: {short} with shortcuts, {plain} without", soft_wrap=True)
    return len(differing)


def _table(name: str, shares: Mapping[str, Share], total: Share | None) -> Table:
    table = Table(name, box=None, pad_edge=False)
    for heading in ("tried", "detected", "as gap only", "percent", "equivalent"):
        table.add_column(heading, justify="right")
    for label, share in shares.items():
        table.add_row(label, *_cells(share))
    if total is not None:
        table.add_row("all", *_cells(total), style="bold")
    return table


def _cells(share: Share) -> list[str]:
    percent = "-" if share.percent is None else f"{share.percent:.1f}"
    return [str(share.tried), str(share.caught), str(share.gaps), percent, str(share.equivalent)]
