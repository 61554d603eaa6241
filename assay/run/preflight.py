"""Asks the target one harmless question before anything is created: is this a Run:ai API, and may we use it?"""

from __future__ import annotations

from typing import Final

from assay.contract.request import Request, Role
from assay.findings.journal import Journal
from assay.target.exchange import Answer, NoAnswer
from assay.target.reach import Target

# A random version 4 UUID, fixed so that access logs of a target show what asked: nobody's workload.
NOBODY: Final = "a55a1e00-0000-4000-8000-00000000a55a"


def reachable(target: Target, journal: Journal) -> bool:
    """Whether the target answers as an API does. Journals the problem when it does not.

    Raises CredentialsError when the target refuses the credentials, TargetLostError when no token can be had.
    """
    answer = target.client.send(Request(Role.READ, path={"workloadId": NOBODY}))
    problem = _problem(answer)
    if problem is not None:
        journal.write("problem", what=f"{target.client.base_url} {problem}; `assay doctor` looks closer")
    return problem is None


def _problem(answer: Answer | NoAnswer) -> str | None:
    if isinstance(answer, NoAnswer):
        return f"gives no answer: {answer.detail}"
    if answer.status == 401:
        return "refuses our token (401)"
    if answer.status in {429, 503}:
        return f"answers {answer.status} until waiting is given up"
    if "html" in answer.content_type:
        return f"answers {answer.status} with a web page: it is no Run:ai API, or a proxy stands before it"
    return None
