"""Tells a Run:ai API from everything else that may answer at a URL."""

from __future__ import annotations

import re
import uuid
from typing import Final

from assay.client.delivery import MAIN
from assay.client.exchange import NOT_JSON, Answer, NoAnswer
from assay.client.session import Session
from assay.contract.request import Request
from assay.errors import CredentialsError

_RANGE: Final = (
    ("metricType", "THROUGHPUT"),
    ("start", "2024-01-01T00:00:00Z"),
    ("end", "2024-01-01T01:00:00Z"),
    ("numberOfSamples", "1"),
)
_ASKED: Final = 3
_MISSING: Final = frozenset({400, 403, 404, 422})
"""What an API may answer to a workload that cannot exist."""
_NOBODY: Final = "assay-no-such-workload"


def unknown_workload(operation: str = "read") -> Request:
    """A request for a workload that cannot exist; it changes nothing."""
    query = _RANGE if operation == "metrics" else ()
    return Request(operation, path={"workloadId": str(uuid.uuid4())}, query=query)


def find_problem(session: Session, *, any_json: bool = False) -> str | None:
    """What stands in the way of testing this target at all, in one sentence, or None.

    One documented error body among three different requests is enough, or the list of workloads, or JSON that tells
    callers from strangers: a target that is wrong in places must be tested, not turned away. With ``any_json`` any
    JSON object will do: a stand-in for the API, whose answers are not judged against the contract, can be measured
    all the same. Raises CredentialsError when the token is refused with 401.
    """
    first = session.send(unknown_workload(), auth=MAIN)
    if isinstance(first, Answer) and first.status == 401 and is_error_body(first):
        raise CredentialsError(
            f"{session.base_url} refuses the token: {session.mask.text(error_message(first))}",
            hint="`assay doctor` checks the credentials step by step",
        )
    outcomes = [first]
    for operation, auth in (("metrics", MAIN), ("read", None)):
        if isinstance(outcomes[-1], NoAnswer) or is_error_body(outcomes[-1]):
            break
        outcomes.append(session.send(unknown_workload(operation), auth=auth))
    answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
    if any(is_error_body(answer) or (any_json and _is_object(answer)) for answer in answers):
        return None
    if _knows_callers(outcomes) or _lists_workloads(session, first):
        return None  # a Run:ai API all of whose errors have another shape, which is for the checks to tell
    return f"{session.base_url} cannot be tested: {what_answers(first)}; `assay doctor` tells more"


def _knows_callers(outcomes: list[Answer | NoAnswer]) -> bool:
    """Whether JSON says 401 to a stranger and something else to us, as an API does and a web site does not."""
    known = [outcome.status for outcome in outcomes if isinstance(outcome, Answer) and _is_object(outcome)]
    return len(known) == _ASKED and known[0] in _MISSING and known[-1] == 401


def _lists_workloads(session: Session, first: Answer | NoAnswer) -> bool:
    missing = isinstance(first, Answer) and first.status in _MISSING
    return missing and session.find_by_name(_NOBODY) is not None


def is_error_body(answer: Answer) -> bool:
    """True for the contract's Error: a JSON object with an integer ``code`` and a ``message``."""
    body = answer.json()
    return isinstance(body, dict) and type(body.get("code")) is int and isinstance(body.get("message"), str)


def _is_object(answer: Answer) -> bool:
    return answer.status < 500 and isinstance(answer.json(), dict)


def error_message(answer: Answer) -> str:
    """What the target says, on one line of at most 200 characters."""
    body = answer.json()
    words = body.get("message") if isinstance(body, dict) else None
    text = words if isinstance(words, str) else answer.text
    return " ".join(text.split())[:200] or "(no words)"


def what_answers(outcome: Answer | NoAnswer) -> str:
    """What answered instead of a Run:ai API, as the end of a sentence."""
    if isinstance(outcome, NoAnswer):
        return f"no answer came ({outcome.detail})"
    if 300 <= outcome.status < 400:
        return f"it redirects to {outcome.headers.get('location', 'nowhere')} (give that address as --base-url)"
    if outcome.content_type == "text/html" or outcome.text.lstrip()[:15].lower().startswith(("<!doctype", "<html")):
        title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", outcome.text, re.IGNORECASE | re.DOTALL)
        named = f' titled "{" ".join(title[1].split())[:60]}"' if title else ""
        return f"it answers {outcome.status} with an HTML page{named}: a web site, or a gateway in front of the API"
    if outcome.status >= 500:
        return f"it answers {outcome.status} to everything: {error_message(outcome)}"
    if outcome.json() is NOT_JSON:
        kind = outcome.content_type or "no content type"
        return f"it answers {outcome.status} with {kind} and no JSON, so it is not a Run:ai API"
    return f"it answers {outcome.status} with JSON, but not as a Run:ai API does ({{code, message}})"
