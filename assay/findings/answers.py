"""What a finding's answer says, and the place of the contract that it is about: what relations compare."""

from __future__ import annotations

import re
from typing import Final

from assay.findings.model import Finding
from assay.wording import gist

_TEXT: Final = re.compile(r"(/environmentVariables/\*/value)/.*")


def said(each: Finding) -> tuple[object, str]:
    """Status and words of an answer; unique where there is none, for silence has nothing in common."""
    response = each.evidence.response if each.evidence else None
    if not response:
        return None, each.id
    return response.get("status"), gist(str(response.get("body") or "")) or each.id


def place(each: Finding) -> str:
    """The place of the contract, wherever it was seen: in a request, in an answer of any status."""
    where = re.sub(r"^/response(/\d+)?/body", "/body", each.location)
    return _TEXT.sub(r"\1", where)


def part(each: Finding) -> str:
    """The part of the specification: ``/body/spec/probes`` of everything below it."""
    return "/".join(place(each).split("/")[:4])
