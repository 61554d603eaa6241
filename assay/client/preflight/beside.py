"""What the target offers beside the six operations, and what follows when it does not."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from assay.client.exchange import Answer
from assay.client.preflight.steps import Step, ok, warn
from assay.client.session import Session


def check_beside(session: Session, name: str) -> Iterator[Step]:
    """The steps ``workload list`` and ``pod list``; ``name`` is one that no workload has."""
    if session.find_by_name(name) is None:
        yield warn(
            "workload list",
            "GET /api/v1/workloads does not answer: a creation whose answer got lost cannot be looked for",
            "such workloads will be reported as possibly left behind; delete them by hand",
        )
    else:
        yield ok("workload list", "GET /api/v1/workloads answers, so lost creations can be found and removed")
    if _has_pods(session):
        yield ok("pod list", "GET /api/v1/workloads/{id}/pods answers, so pod metrics can be tested on real pods")
    else:
        yield warn(
            "pod list",
            "GET /api/v1/workloads/{id}/pods does not answer: metrics of existing pods will be listed as not tested",
        )


def _has_pods(session: Session) -> bool:
    """For an unknown workload 404 is right; a target without the list says what it says for any unknown path."""
    workload, stranger = str(uuid.uuid4()), str(uuid.uuid4())
    answer = session.get(f"/api/v1/workloads/{workload}/pods")
    nothing = session.get(f"/api/v1/assay-{stranger}")
    if not isinstance(answer, Answer) or answer.status in {405, 501}:
        return False
    if answer.status != 404 or not isinstance(nothing, Answer):
        return answer.status < 500
    path = f"/api/v1/workloads/{workload}/pods"
    return answer.text.replace(path, "") != nothing.text.replace(f"/api/v1/assay-{stranger}", "")
