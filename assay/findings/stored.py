"""What is read back from a verdict.json: of it, what ``assay replay`` and ``assay waive`` need."""

from __future__ import annotations

from collections.abc import Iterator
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
    evidence: StoredEvidence | None = None
    symptoms: list[StoredFinding] = Field(default_factory=list)


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

    def figures(self) -> dict[str, str]:
        """What was measured, in words, by its name."""
        told = {name: f"{value:g} ms" for name, value in self.latency_ms.items() if value is not None}
        limits = {f"limit {slo.name}": f"{slo.value} (at most {slo.limit})" for slo in self.slo}
        return {
            "rate": f"{self.rate:g}/s",
            "requests": str(self.requests),
            "errors": str(self.errors),
            **told,
            **limits,
        }


class StoredTests(BaseModel):
    """How many tests were planned; None where none of them was."""

    planned: int | None = None


class StoredLeft(BaseModel):
    """A workload that may still be there."""

    id: str
    name: str


class StoredResources(BaseModel):
    """What became of what a run created."""

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

    def finding(self, finding: str) -> StoredFinding | None:
        """The finding or symptom of that id, None when the run has none."""
        return next((each for each in self.observed() if each.id == finding), None)

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
