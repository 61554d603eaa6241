"""What does the target offer beside its operations, and what does it let us do there?"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Final

from assay.client.auxiliary import find_by_name
from assay.client.exchange import Answer, NoAnswer
from assay.client.preflight.readiness import check_metrics
from assay.client.preflight.steps import Step, ok, warn
from assay.client.session import Session

_ABSENT: Final = frozenset({404, 405, 410, 501})
"""What a path that does not exist is answered."""


def check_capabilities(
    session: Session, workload: str | None = None, *, patience: float | None = None
) -> Iterator[Step]:
    """The steps ``workload list``, ``pod list`` and ``metrics``; none of them changes anything.

    ``workload`` is the id of one of ours, whose metrics are waited for ``patience`` seconds (None: not at all).
    """
    listed = _lists(session)
    session.learn(workload_list=listed)
    if not listed:
        yield warn(
            "workload list",
            "GET /api/v1/workloads does not answer: a creation whose answer got lost cannot be looked for",
            "such workloads will be reported as possibly left behind; delete them by hand",
        )
    else:
        yield ok("workload list", "GET /api/v1/workloads answers, so lost creations can be found and removed")
    has_pods = _has_pods(session)
    session.learn(pod_list=has_pods)
    if has_pods:
        yield ok("pod list", "GET /api/v1/workloads/{id}/pods answers, so pod metrics can be tested on real pods")
    else:
        yield warn(
            "pod list",
            "GET /api/v1/workloads/{id}/pods does not answer: metrics of existing pods will be listed as not tested",
        )
    yield from check_metrics(session, workload, patience)


def _lists(session: Session) -> bool | None:
    """Whether workloads can be looked for by name; None: not now, but perhaps later."""
    heard: list[Answer | NoAnswer] = []

    def get(target: str) -> Answer | NoAnswer:
        heard.append(session.get(target))
        return heard[0]

    if find_by_name(get, session.name("nobody")) is not None:
        return True
    return False if isinstance(heard[0], Answer) and heard[0].status in _ABSENT else None


def _has_pods(session: Session) -> bool | None:
    """For an unknown workload 404 is right; a target without the list says what it says for any unknown path.

    None: not now, but perhaps later.
    """
    workload, stranger = str(uuid.uuid4()), str(uuid.uuid4())
    answer = session.get(f"/api/v1/workloads/{workload}/pods")
    if not isinstance(answer, Answer) or (answer.status >= 500 and answer.status not in _ABSENT):
        return None
    if answer.status != 404:
        return answer.status not in _ABSENT
    nothing = session.get(f"/api/v1/assay-{stranger}")
    if not isinstance(nothing, Answer):
        return True
    path = f"/api/v1/workloads/{workload}/pods"
    return answer.text.replace(path, "") != nothing.text.replace(f"/api/v1/assay-{stranger}", "")
