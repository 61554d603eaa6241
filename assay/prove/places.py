"""Whether a finding names the place of the defect that it was made of."""

from __future__ import annotations

import re

from assay.contract.documents import Contract
from assay.findings.model import Finding
from assay.reference.defects.base import Defect

_OF_RULES = frozenset({"rule-off", "rule-wrong"})


def names_place(contract: Contract, defect: Defect, finding: Finding) -> bool:
    """Whether the finding points at the narrowest place that the defect has: its rule, its field or parameter, or
    else its operation (any, where it shows in several)."""
    steps = defect.id.split("/")
    if defect.family in _OF_RULES:
        rule = "/".join(steps[1:3])
        return finding.rule == rule or f"'{rule}'" in finding.summary
    field = next((_field(step) for step in steps[1:] if "." in step), "")
    if field and defect.family != "crash":  # a crash has no place in the contract: what was sent names it
        return _reaches(field, finding.location)
    if defect.operation is None:
        return True
    operation = contract.operations[defect.operation]
    # What an operation does wrong to a workload is seen by reading it.
    return finding.operation in (operation.id, contract.reading.id) or operation.id in finding.summary


def _field(step: str) -> str:
    """``spec.ports.*.container``, ``query.start``, ``path.workloadId`` as a pointer; empty for ``body`` alone."""
    names = [name for name in step.split(".") if name]
    if names[0] in {"body", "query", "path"}:
        names = names[1:] if names[0] == "body" else names
    return "/".join(names).partition("-")[0]  # "annotations.value-lowered": what is done to it


def _reaches(field: str, location: str) -> bool:
    """Whether one of the two lies within the other: a lost section is a place of each field in it."""
    place = _plain(re.sub(r"^/(response(/\d+)?/)?(body/)?", "", location))
    field = _plain(field)
    return f"{place}/".startswith(f"{field}/") or (bool(place) and f"{field}/".startswith(f"{place}/"))


def _plain(place: str) -> str:
    """A place without the steps that defects leave out."""
    return "/".join(step for step in place.split("/") if step not in {"*", "spec"})
