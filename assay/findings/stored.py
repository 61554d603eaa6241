"""What is read back from a verdict.json: of it, what ``assay replay`` and ``assay waive`` need."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from assay.errors import UsageError
from assay.files import checked, read_json

SCHEMA: Final = "assay/verdict/1"


class StoredRequest(BaseModel):
    """The request of a finding, as it was shown."""

    method: str = ""
    url: str = ""
    body: str | None = None


class StoredResponse(BaseModel):
    """Its answer."""

    status: int | None = None
    body: str | None = None


class StoredEvidence(BaseModel):
    """What a finding rests on."""

    request: StoredRequest = StoredRequest()
    response: StoredResponse | None = None


class StoredFinding(BaseModel):
    """One finding, or a symptom, which has no evidence of its own; ``test`` is the test that observed it."""

    id: str
    summary: str
    test: str
    operation: str = ""
    kind: str = ""
    rule: str | None = None
    evidence: StoredEvidence | None = None
    symptoms: list[StoredFinding] = Field(default_factory=list)

    @property
    def ids(self) -> frozenset[str]:
        """Its own id and those of what it explains."""
        return frozenset({self.id, *(symptom.id for symptom in self.symptoms)})


class StoredTarget(BaseModel):
    """The control plane that was tested."""

    base_url: str
    project: str = ""
    cluster: str = ""


class StoredSlo(BaseModel):
    """One limit and what was measured."""

    name: str
    limit: Any = None
    value: Any = None


class StoredLoad(BaseModel):
    """One operation under load."""

    rate: float = 0.0
    requests: int = 0
    errors: int = 0
    latency_ms: dict[str, float | None] = Field(default_factory=dict)
    slo: list[StoredSlo] = Field(default_factory=list)


class StoredLoadOptions(BaseModel):
    """What the load part was asked for."""

    profile: str
    profiles: Path | None = None
    slo: Path | None = None
    scenario: str | None = None
    rate: float | None = Field(default=None, gt=0)
    duration: float | None = Field(default=None, gt=0)
    processes: int = Field(default=1, ge=1, le=64)
    baseline: Path | None = None
    tolerance: float = Field(default=0.1, gt=0)


class StoredTests(BaseModel):
    """How many tests were planned; None where none of them was."""

    planned: int | None = None


class StoredLeft(BaseModel):
    """A workload that may still be there."""

    id: str
    name: str


class StoredLimit(BaseModel):
    """A limit of the run, None: none was set."""

    name: str
    allowed: float | None = None


class StoredResources(BaseModel):
    """What became of what a run created."""

    limits: list[StoredLimit] = Field(default_factory=list)
    left_behind: list[StoredLeft] = Field(default_factory=list)
    unconfirmed: list[StoredLeft] = Field(default_factory=list)


class StoredVerdict(BaseModel):
    """A verdict as a run wrote it."""

    verdict: Literal["pass", "fail", "inconclusive"]
    command: Literal["gate", "certify", "benchmark"]
    target: StoredTarget
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    findings: list[StoredFinding]
    problems: list[str] = Field(default_factory=list)
    tests: StoredTests = StoredTests()
    resources: StoredResources = StoredResources()
    load: dict[str, StoredLoad] = Field(default_factory=dict)
    load_options: StoredLoadOptions | None = None
    notes: list[str] = Field(default_factory=list)

    def finding(self, finding: str) -> StoredFinding | None:
        """The finding or symptom of that id, None when the run has none."""
        return next((each for each in self.observed() if each.id == finding), None)

    def cause(self, finding: str) -> StoredFinding | None:
        """The finding of that id, or that explains the symptom of that id; None when the run has neither."""
        return next((each for each in self.findings if finding in each.ids), None)

    def cause_among(self, ids: Set[str]) -> StoredFinding | None:
        """The first finding that is one of these, or explains one; None when the run has none of them."""
        return next((each for each in self.findings if each.ids & ids), None)

    def limit(self, name: str) -> float | None:
        """What a limit of the run allowed, None where it had none."""
        return next((each.allowed for each in self.resources.limits if each.name == name), None)

    def observed(self) -> Iterator[StoredFinding]:
        """Every finding, each followed by what it explains."""
        for finding in self.findings:
            yield finding
            yield from finding.symptoms


def read_verdict(file: Path, *, called: str | None = None, hint: str | None = None) -> StoredVerdict:
    """The verdict in ``file``; UsageError when it cannot be read, has another schema or is none.

    ``called`` and ``hint`` as for ``read_bytes``.
    """
    document: Any = read_json(file, called=called, hint=hint)
    if isinstance(document, dict) and "findings" in document and document.get("schema") != SCHEMA:
        raise UsageError(
            f"{file} has the schema {str(document.get('schema'))[:80]!r}, and {SCHEMA} is read",
            hint="use the version of assay that wrote it",
        )
    return checked(StoredVerdict, document, file, "the verdict of a run", hint=hint)
