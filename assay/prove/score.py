"""From outcomes to the detection score: by family, by operation, and against the score on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from assay import __version__
from assay.errors import SettingsError
from assay.findings.detection import Detection, Share, Survivor, suite_digest
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
        )

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
    )


def chosen(defects: Sequence[Defect], *, families: Sequence[str], only: Sequence[str]) -> list[Defect]:
    """The defects of ``families`` (none: all) whose id is, or begins with a step of, one of ``only`` (none: all)."""
    return [
        defect
        for defect in defects
        if (not families or defect.family in families)
        and (not only or any(defect.id == name or defect.id.startswith(name.rstrip("/") + "/") for name in only))
    ]
