"""What does the target offer beside its operations, and what does it let us do there?"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from assay.client.exchange import Answer
from assay.client.preflight.readiness import check_metrics
from assay.client.preflight.steps import Step, ok, warn
from assay.client.session import Session


def check_capabilities(
    session: Session, workload: str | None = None, *, patience: float | None = None
) -> Iterator[Step]:
    """The steps ``workload list``, ``pod list`` and ``metrics``; none of them changes anything.

    ``workload`` is the id of one of ours, whose metrics are waited for ``patience`` seconds (None: not at all).
    """
    if session.find_by_name(session.name("nobody")) is None:
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
    yield from check_metrics(session, workload, patience)


def _has_pods(session: Session) -> bool:
    """For an unknown workload 404 is right; a target without the list says what it says for any unknown path."""
    workload, stranger = str(uuid.uuid4()), str(uuid.uuid4())
    answer = session.get(f"/api/v1/workloads/{workload}/pods")
    if not isinstance(answer, Answer) or answer.status in {405, 501}:
        return False
    if answer.status != 404:
        return answer.status < 500
    nothing = session.get(f"/api/v1/assay-{stranger}")
    if not isinstance(nothing, Answer):
        return True
    path = f"/api/v1/workloads/{workload}/pods"
    return answer.text.replace(path, "") != nothing.text.replace(f"/api/v1/assay-{stranger}", "")
