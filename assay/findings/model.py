"""What was observed, and in which run: findings with their class, evidence and stable id, load results, RunInfo."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit, urlunsplit


class Class(StrEnum):
    """How much a finding weighs."""

    VIOLATION = "violation"  # the contract says otherwise
    GAP = "gap"  # the contract is silent or contradicts itself, or the target is stricter than it
    ADVISORY = "advisory"  # worth knowing


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was sent and what came back, with secrets masked.

    ``request``: {"method", "url", "headers", "body"}; ``response``: {"status", "headers", "body"} or None when no
    answer came. Bodies are text, cut to 4,000 characters. ``setup`` lists the exchanges that must come first
    (create the workload), ``after`` those that show what the request has done, each {"request", "response"}. ``curl``
    works as pasted with the token in $ASSAY_TOKEN. ``reproduction`` is what a script needs to tell whether the
    deviation still shows (checks/reproduction.py); None where a script cannot.
    """

    request: Mapping[str, Any]
    response: Mapping[str, Any] | None
    curl: str
    replay: str
    setup: tuple[Mapping[str, Any], ...] = ()
    after: tuple[Mapping[str, Any], ...] = ()
    reproduction: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Symptom:
    """A finding that another one, its cause, explains; the fields are those of ``Finding``."""

    id: str
    cls: Class
    check: str
    operation: str
    rule: str | None
    location: str
    summary: str
    test: str

    def to_json(self) -> dict[str, Any]:
        """The shape of ``findings[].symptoms[]`` in verdict.json."""
        return {
            "id": self.id,
            "class": self.cls.value,
            "kind": self.check,
            "operation": self.operation,
            "rule": self.rule,
            "location": self.location,
            "summary": self.summary,
            "test": self.test,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """One deviation.

    ``check`` is the check that judged; ``rule`` a rule id or schema keyword (None: the check itself);
    ``location`` a templated pointer. Values drawn at random are never part of these four, so the id is stable.
    ``why`` quotes the sentence or keyword that makes it a deviation. ``tests`` are all tests that observed it,
    ``symptoms`` what else it explains, and ``waiver`` is {"reason", "owner", "until"} of the waiver that covers it;
    all three are filled in by the verdict.
    """

    cls: Class
    check: str
    operation: str
    rule: str | None
    location: str
    summary: str
    why: str
    test: str  # id of the test that observed it
    evidence: Evidence | None = None
    occurrences: int = 1
    waived: bool = False
    tests: tuple[str, ...] = ()
    waiver: Mapping[str, str] | None = None
    symptoms: tuple[Symptom, ...] = ()

    @property
    def id(self) -> str:
        return finding_id(self.operation, self.check, self.rule, self.location)

    @property
    def can_be_shown(self) -> bool:
        """Whether a script can tell if it still shows."""
        return self.evidence is not None and self.evidence.reproduction is not None

    def observed(self) -> Iterator[Finding | Symptom]:
        """The finding itself, and what it explains."""
        yield self
        yield from self.symptoms

    def as_symptom(self) -> Symptom:
        """What is left of it below its cause."""
        return Symptom(
            self.id, self.cls, self.check, self.operation, self.rule, self.location, self.summary, self.test
        )

    def to_json(self) -> dict[str, Any]:
        """The shape of ``findings[]`` in verdict.json."""
        evidence = asdict(self.evidence) if self.evidence else None
        if evidence is not None:
            evidence |= {name: list(evidence[name]) for name in ("setup", "after")}
        return {
            **self.as_symptom().to_json(),
            "why": self.why,
            "tests": list(self.tests or (self.test,)),
            "occurrences": self.occurrences,
            "waived": self.waived,
            "waiver": dict(self.waiver) if self.waiver else None,
            "symptoms": [symptom.to_json() for symptom in self.symptoms],
            "evidence": evidence,
        }


def finding_id(operation: str, check: str, rule: str | None, location: str) -> str:
    """Eight hex digits behind ``F-``; equal for equal operation, check, rule and location."""
    parts = "\n".join((operation, check, rule or "", location))
    digest = hashlib.sha256(parts.encode("utf-8", "backslashreplace")).hexdigest()  # a location may hold any text
    return f"F-{digest[:8]}"


def from_json(data: Mapping[str, Any]) -> Finding:
    """The inverse of ``Finding.to_json``."""
    evidence = data.get("evidence")
    return Finding(
        cls=Class(data["class"]),
        check=data["kind"],
        operation=data["operation"],
        rule=data["rule"],
        location=data["location"],
        summary=data["summary"],
        why=data["why"],
        test=data["test"],
        occurrences=data["occurrences"],
        waived=data["waived"],
        tests=tuple(data.get("tests") or ()),
        waiver=data.get("waiver"),
        symptoms=tuple(_symptom(each) for each in data.get("symptoms") or ()),
        evidence=_evidence(evidence) if evidence else None,
    )


def _evidence(data: Mapping[str, Any]) -> Evidence:
    lists = {name: tuple(data.get(name, ())) for name in ("setup", "after")}
    return Evidence(**{**data, **lists})


def _symptom(data: Mapping[str, Any]) -> Symptom:
    own = {name: data[name] for name in ("id", "operation", "rule", "location", "summary", "test")}
    return Symptom(cls=Class(data["class"]), check=data["kind"], **own)


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """What experiments have shown of a finding: those of the same ``cause`` have one; ``says`` is for people.

    ``places`` are those of the contract that the deviation needs.
    """

    cause: str
    says: str
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotTested:
    """Something that was not tested, and why (a report never lies by omission)."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class LoadResult:
    """One operation under load; latencies in milliseconds, keyed p50, p90, p95, p99, p99.9, max."""

    rate: float
    requests: int
    errors: int
    latency_ms: Mapping[str, float]
    slo: tuple[Mapping[str, Any], ...] = field(default=())  # {"name", "limit", "value", "ok"}
    judged: bool = True  # False: the run cannot tell the target's doing from the generator's
    error_kinds: Mapping[str, int] = field(default_factory=dict)  # how many of the errors were what


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Everything about a run that its events do not say.

    ``started`` and ``finished`` carry a time zone. ``planned`` is how many tests were selected, None when the
    journal's ``planned`` events say it. ``only`` is the selection (``--only``); a selective run does not judge
    waivers that match nothing. ``parts`` are the parts that must give a result (``contract``, ``load``).
    ``operations`` and ``rules`` (id: has a reject side) name what the contract holds, so that what was never
    exercised shows as zero. ``contract_digests`` names the SHA-256 of the documents the contract is made of.
    ``environment`` is free facts for the report (python, platform, cpu ...). ``replay_flags`` follow the command that
    replays a finding, ``load_options`` are what the load part was asked for, None where the run has none.
    """

    command: str
    base_url: str
    contract_version: str
    started: datetime
    finished: datetime
    seed: int
    suite_version: str
    packages: Mapping[str, str] = field(default_factory=dict)
    planned: int | None = None
    only: str | None = None
    parts: frozenset[str] = frozenset()
    operations: tuple[str, ...] = ()
    rules: Mapping[str, bool] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    contract_digests: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    project: str = ""
    cluster: str = ""
    replay_flags: str = ""
    load_options: Mapping[str, Any] | None = None

    def replay(self, finding: Finding) -> str:
        """The command that tries a finding again."""
        return finding.evidence.replay if finding.evidence else f"assay replay {finding.id}{self.replay_flags}"

    @property
    def seconds(self) -> float:
        """How long the run took, in seconds of wall-clock time; never negative."""
        return max((self.finished - self.started).total_seconds(), 0.0)

    @property
    def target(self) -> dict[str, str]:
        """{"base_url", "contract_version"} and, where known, {"project", "cluster"}.

        A user name and password in the address are left out.
        """
        place = {"project": self.project, "cluster": self.cluster}
        return {
            "base_url": without_userinfo(self.base_url),
            "contract_version": self.contract_version,
            **{name: value for name, value in place.items() if value},
        }

    def suite(self) -> dict[str, Any]:
        return {"version": self.suite_version, "packages": dict(sorted(self.packages.items()))}


def without_userinfo(url: str) -> str:
    """The address without ``user:password@``: it may be a secret, and reports are passed on."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no address at all, as "http://[::1"
        return url.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
