"""The detection score on record: the measured share of seeded defects that this suite detects, and what it misses.

``assay prove --write-baseline`` writes it, every gate's report and every certificate shows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from assay import folders
from assay.errors import SettingsError
from assay.files import read_json

SCHEMA: Final = "assay/detection/2"

# What decides which defects are detected. A change to a report or a command does not affect a score.
_JUDGING: Final = ("contract", "generation", "client", "findings", "checks", "load", "reference")
_FOLDERS: Final = ("openapi", "contract_tests", "load_tests")
_SUFFIXES: Final = frozenset({".py", ".yaml", ".toml", ".ini"})


@dataclass(frozen=True, slots=True)
class Share:
    """How many of a group of defects were detected. ``gaps``: only as a gap, which alone does not fail a gate."""

    tried: int
    caught: int
    gaps: int
    equivalent: int

    @property
    def percent(self) -> float | None:
        """Detected per hundred tried; None when nothing was tried."""
        return round(100 * self.caught / self.tried, 2) if self.tried else None

    def __add__(self, other: Share) -> Share:
        return Share(
            self.tried + other.tried,
            self.caught + other.caught,
            self.gaps + other.gaps,
            self.equivalent + other.equivalent,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "tried": self.tried,
            "caught": self.caught,
            "only_as_gap": self.gaps,
            "equivalent": self.equivalent,
            "percent": self.percent,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Share:
        return cls(data["tried"], data["caught"], data["only_as_gap"], data["equivalent"])


NONE: Final = Share(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Survivor:
    """A defect that was missed: what is wrong, and how many tests and requests did not detect it."""

    summary: str
    tests: int
    requests: int


@dataclass(frozen=True, slots=True)
class Causes:
    """How well findings tell what is wrong: of ``defects``, ``one`` were told in one finding, the others in at most
    ``most``, and of ``named`` the heaviest finding names the place (rule, field, parameter or operation)."""

    defects: int
    one: int
    median: int
    most: int
    named: int

    def to_json(self) -> dict[str, Any]:
        return {
            "defects": self.defects,
            "one_finding": self.one,
            "median": self.median,
            "most": self.most,
            "named": self.named,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Causes:
        return cls(data["defects"], data["one_finding"], data["median"], data["most"], data["named"])


@dataclass(frozen=True, slots=True)
class Detection:
    """A score on record.

    ``shares`` is {family: {operation: share}}. ``effort`` is {family: {"requests": {"median", "p90"}, "seconds":
    {"median", "p90"}}}, to the first detection. ``equivalent`` counts, by reason, the defects that no request
    reveals. ``not_tried`` says why a family was left out, and ``causes`` is None where findings were not counted.
    ``version`` is that of the suite it was measured with,
    ``digests`` the state of that suite, by family: families may be measured one after the other.
    """

    profile: str
    seed: int
    version: str
    digests: Mapping[str, str]
    shares: Mapping[str, Mapping[str, Share]]
    effort: Mapping[str, Mapping[str, Mapping[str, float]]]
    survivors: Mapping[str, Survivor]
    equivalent: Mapping[str, int]
    not_tried: Mapping[str, str]
    causes: Causes | None = None

    @property
    def total(self) -> Share:
        return _sum(self.families.values())

    @property
    def families(self) -> dict[str, Share]:
        return {name: _sum(by_operation.values()) for name, by_operation in self.shares.items()}

    @property
    def operations(self) -> dict[str, Share]:
        names = dict.fromkeys(name for by_operation in self.shares.values() for name in by_operation)
        return {name: _sum(each.get(name, NONE) for each in self.shares.values()) for name in names}

    @property
    def is_of_this_suite(self) -> bool:
        """False when checks, tests or contract have changed since any of it was measured."""
        return set(self.digests.values()) == {suite_digest()}

    def to_json(self) -> dict[str, Any]:
        """The content of reports/baselines/detection*.json. ``total`` and ``operations`` are sums, for readers."""
        return {
            "schema": SCHEMA,
            "profile": self.profile,
            "seed": self.seed,
            "suite": {"version": self.version},
            "total": self.total.to_json(),
            "operations": {name: share.to_json() for name, share in self.operations.items()},
            "families": {
                name: {
                    **_sum(by_operation.values()).to_json(),
                    "operations": {operation: share.to_json() for operation, share in by_operation.items()},
                    "first_detection": self.effort.get(name),
                    "suite_digest": self.digests[name],
                }
                for name, by_operation in self.shares.items()
            },
            "causes": self.causes.to_json() if self.causes else None,
            "not_tried": dict(self.not_tried),
            "survivors": {
                name: {"summary": item.summary, "tests": item.tests, "requests": item.requests}
                for name, item in sorted(self.survivors.items())
            },
            "equivalent": dict(sorted(self.equivalent.items())),
        }


def from_json(data: Mapping[str, Any]) -> Detection:
    """The inverse of ``Detection.to_json``; KeyError, TypeError or AttributeError when it is none."""
    families = data["families"]
    return Detection(
        profile=data["profile"],
        seed=data["seed"],
        version=data["suite"]["version"],
        digests={name: family["suite_digest"] for name, family in families.items()},
        shares={
            name: {operation: Share.from_json(share) for operation, share in family["operations"].items()}
            for name, family in families.items()
        },
        effort={name: family["first_detection"] for name, family in families.items() if family["first_detection"]},
        survivors={name: Survivor(**item) for name, item in data["survivors"].items()},
        equivalent=dict(data["equivalent"]),
        not_tried=dict(data["not_tried"]),
        causes=Causes.from_json(data["causes"]) if data.get("causes") else None,
    )


def read_detection(file: Path) -> Detection:
    """The score in ``file``. SettingsError when the file is missing or is none."""
    data = read_json(file, hint="--write-baseline writes a new one")
    try:
        if data["schema"] != SCHEMA:
            raise KeyError("schema")
        return from_json(data)
    except (KeyError, TypeError, AttributeError):
        raise SettingsError(
            f"{file} is not a detection score ({SCHEMA})", hint="--write-baseline writes a new one"
        ) from None


def shipped(command: str) -> Detection | None:
    """The score that ships with this suite for ``gate`` or ``certify``; None for other commands or without one.

    An unreadable score counts as none: a certification does not depend on it.
    """
    name = {"gate": "detection.json", "certify": "detection-certify.json"}.get(command)
    if name is None:
        return None
    file = folders.top("reports") / "baselines" / name
    try:
        return read_detection(file)
    except SettingsError:
        return None


@cache
def suite_digest() -> str:
    """``sha256:...`` over everything that decides what is detected: judging code, tests, contract, profiles.

    Equal for a clone and for the wheel built from it.
    """
    digest = hashlib.sha256()
    for name, content in sorted(_judging_files()):
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return f"sha256:{digest.hexdigest()}"


def _judging_files() -> Iterable[tuple[str, bytes]]:
    package = Path(__file__).resolve().parents[1]
    roots = {f"assay/{part}": package / part for part in _JUDGING}
    roots |= {name: folders.top(name) for name in _FOLDERS}
    for name, root in roots.items():
        for file in root.rglob("*"):
            if file.suffix in _SUFFIXES and file.is_file():
                yield f"{name}/{file.relative_to(root).as_posix()}", file.read_bytes()


def _sum(shares: Iterable[Share]) -> Share:
    total = NONE
    for share in shares:
        total += share
    return total
