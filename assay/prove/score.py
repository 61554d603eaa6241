"""From outcomes to the detection score: by family, by operation, and against the score on record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from assay.control_plane.defects.base import Defect
from assay.errors import SettingsError
from assay.prove.trial import Outcome

SCHEMA: Final = "assay/detection/1"
TIMED: Final = "performance"
"""The family that shows only under load; the contract part of a run does not look at time."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of a group were caught. ``gaps``: only as a gap, which alone does not fail a gate."""

    tried: int
    caught: int
    gaps: int
    equivalent: int

    @property
    def percent(self) -> float | None:
        return round(100 * self.caught / self.tried, 2) if self.tried else None


@dataclass(frozen=True)
class Score:
    """The outcomes of a run of ``assay prove`` over its defects."""

    profile: str
    seed: int
    outcomes: Mapping[str, Outcome]
    defects: Mapping[str, Defect]
    seconds: float = 0.0
    not_tried: Mapping[str, str] = field(default_factory=dict)  # family: why

    def share(self, defects: Iterable[Defect]) -> Share:
        chosen = list(defects)
        tried = [self.outcomes[item.id] for item in chosen if item.id in self.outcomes]
        caught = [outcome for outcome in tried if outcome.caught]
        gaps = sum(1 for outcome in caught if outcome.finding is not None and outcome.finding["class"] != "violation")
        return Share(len(tried), len(caught), gaps, sum(1 for item in chosen if item.equivalent is not None))

    @property
    def total(self) -> Share:
        return self.share(self.defects.values())

    def by_family(self) -> dict[str, Share]:
        families = dict.fromkeys(defect.family for defect in self.defects.values())
        return {name: self.share(d for d in self.defects.values() if d.family == name) for name in families}

    def by_operation(self) -> dict[str, Share]:
        roles = dict.fromkeys(defect.role for defect in self.defects.values())
        return {
            str(role) if role else "several": self.share(d for d in self.defects.values() if d.role is role)
            for role in roles
        }

    @property
    def survivors(self) -> list[Outcome]:
        return sorted((o for o in self.outcomes.values() if not o.caught), key=lambda outcome: outcome.id)

    def to_json(self) -> dict[str, Any]:
        """The whole report."""
        return {
            **self.record(),
            "seconds": round(self.seconds, 1),
            "operations": {name: _json(share) for name, share in self.by_operation().items()},
            "not_tried": dict(self.not_tried),
            "outcomes": [
                {**outcome.to_json(), "summary": self.defects[outcome.id].summary}
                for outcome in sorted(self.outcomes.values(), key=lambda item: item.id)
            ],
            "equivalents": {d.id: d.equivalent for d in self.defects.values() if d.equivalent is not None},
        }

    def record(self) -> dict[str, Any]:
        """What reports/baselines/detection.json holds: nothing that changes from run to run."""
        return {
            "schema": SCHEMA,
            "profile": self.profile,
            "seed": self.seed,
            "total": _json(self.total),
            "families": {name: _json(share) for name, share in self.by_family().items()},
            "survivors": {outcome.id: self.defects[outcome.id].summary for outcome in self.survivors},
        }


def _json(share: Share) -> dict[str, Any]:
    return {
        "tried": share.tried,
        "caught": share.caught,
        "only_as_gap": share.gaps,
        "equivalent": share.equivalent,
        "percent": share.percent,
    }


def read_baseline(file: Path) -> Mapping[str, Any]:
    """The score on record. SettingsError when the file is missing or is none."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be read: {error.strerror}", hint="--write-baseline writes a new one"
        ) from None
    except ValueError as error:
        raise SettingsError(f"{file} is not JSON: {error}") from None
    if (
        not isinstance(record, dict)
        or record.get("schema") != SCHEMA
        or not isinstance(record.get("survivors"), dict)
    ):
        raise SettingsError(f"{file} is no detection score ({SCHEMA})")
    return record


def newly_surviving(score: Score, baseline: Mapping[str, Any]) -> list[str]:
    """Survivors that the score on record does not list. SettingsError when the two cannot be compared."""
    if baseline.get("profile") != score.profile:
        raise SettingsError(
            f"the score on record is of the profile {baseline.get('profile')}, this run of {score.profile}"
        )
    return [outcome.id for outcome in score.survivors if outcome.id not in baseline["survivors"]]


def chosen(defects: Sequence[Defect], *, families: Sequence[str], only: Sequence[str]) -> list[Defect]:
    """The defects of ``families`` (none: all) whose id is, or begins with a step of, one of ``only`` (none: all)."""
    return [
        defect
        for defect in defects
        if (not families or defect.family in families)
        and (not only or any(defect.id == name or defect.id.startswith(name.rstrip("/") + "/") for name in only))
    ]
