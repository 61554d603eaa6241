"""What a check hands back: one deviation, before it becomes a finding with evidence."""

from __future__ import annotations

from dataclasses import dataclass

from assay.findings.model import Class


@dataclass(frozen=True, slots=True)
class Deviation:
    """One way in which an answer differs from the contract.

    ``rule`` is a rule id or schema keyword, ``location`` a templated pointer (``/response/body/createdAt``,
    ``/body/spec/compute/gpuPortionLimit``); neither may hold a value drawn at random.
    """

    cls: Class
    check: str
    rule: str | None
    location: str
    summary: str
    why: str
