"""Is it a Run:ai API that answers, does its clock agree with ours, and what does it offer beside its operations?"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Final

from assay.client.exchange import Answer, NoAnswer
from assay.client.identity import Claims
from assay.client.network import TransportConfig
from assay.client.preflight.network import other_scheme, speaks_tls
from assay.client.preflight.recognise import error_message, is_error_body, unknown_workload, what_answers
from assay.client.preflight.steps import Step, ok, unusable, usage, warn
from assay.client.session import Session

# Verifiers of tokens commonly grant 30 to 60 s; from 5 minutes on Kerberos-like limits and our own time ranges for
# metrics break.
_NOTEWORTHY: Final = 30.0
_TOO_MUCH: Final = 300.0


class Api:
    """Asks without a token first, since credentials must not be sent to whatever answers at a mistyped address."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._config = TransportConfig.of(session.settings)
        self.date: str | None = None

    def check_api(self) -> Iterator[Step]:
        """The step ``api``."""
        outcome = self.session.send(unknown_workload(), auth=None)
        if not _speaks(outcome):
            second = self.session.send(unknown_workload("metrics"), auth=None)
            outcome = second if _speaks(second) else outcome
        if isinstance(outcome, Answer):
            self.date = outcome.headers.get("date")
        yield self._judge(outcome)

    def _judge(self, outcome: Answer | NoAnswer) -> Step:
        base_url = self.session.base_url
        if base_url.startswith("http://") and not _speaks(outcome) and speaks_tls(self._config):
            text = f"{base_url} speaks TLS, so plain HTTP gets nowhere"
            return usage("api", text, f"use {other_scheme(self._config)}")
        if isinstance(outcome, NoAnswer):
            todo = "look at the control plane's own health; --request-timeout waits longer"
            return unusable("api", f"it accepts connections, but no answer came: {outcome.detail}", todo)
        if outcome.status == 503:
            todo = "try again in a few minutes; if it stays, look at the control plane's own health"
            return unusable("api", f"the control plane is unavailable (503): {error_message(outcome)}", todo)
        if not is_error_body(outcome):
            todo = "give the root of the control plane, as in https://<company>.run.ai, without /api/v1"
            return unusable("api", f"this is not a Run:ai API: {what_answers(outcome)}", todo)
        if outcome.status == 404 and self._is_bare(outcome):
            todo = "give the root of the control plane, as in https://<company>.run.ai, without a path"
            return usage("api", f"there is no inferences API below {base_url} (404: {error_message(outcome)})", todo)
        if outcome.status == 401:
            return ok("api", "a Run:ai API answers, and it asks for a token (401)")
        return warn("api", f"an API like Run:ai's answers, but with {outcome.status} where no token should get 401")

    def _is_bare(self, outcome: Answer) -> bool:
        """True when a path that cannot exist gets the same 404: then the operations do not exist either."""
        nothing = self.session.get(f"/api/v1/{uuid.uuid4()}", auth=None)
        if not isinstance(nothing, Answer) or nothing.status != 404:
            return False
        # Messages may repeat the path; what is left without UUIDs and path separators tells the kind of 404.
        return _shape(error_message(outcome)) == _shape(error_message(nothing))

    def check_clock(self, claims: Claims | None = None) -> Iterator[Step]:
        """The step ``clock``, from the Date field of the answer and the times in a new token."""
        now = self.session.clock.time()
        skew = _skew(self.date, now)
        issued = claims.issued if claims else None
        if issued is not None and issued - now > _NOTEWORTHY:
            skew = max(skew or 0.0, issued - now)
        if skew is None:
            yield ok("clock", "the target does not tell its time, so clocks were not compared")
        elif abs(skew) <= _NOTEWORTHY:
            yield ok("clock", f"the clocks agree within {max(1, round(abs(skew)))} s")
        else:
            yield _judge_skew(skew)


def check_auxiliary(session: Session, name: str) -> Iterator[Step]:
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


def _judge_skew(skew: float) -> Step:
    way = "ahead of" if skew > 0 else "behind"
    text = f"the target's clock is {abs(skew):.0f} s {way} this machine's"
    todo = "set both by NTP (here: timedatectl status)"
    if abs(skew) > _TOO_MUCH:
        return unusable("clock", f"{text}: tokens and time ranges of metrics would be misjudged", todo)
    return warn("clock", f"{text}; tokens may be refused around their beginning and end", todo)


def _skew(date: str | None, now: float) -> float | None:
    """Seconds that the target is ahead; None when it does not say."""
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp() - now
    except (ValueError, TypeError):
        return None


def _shape(message: str) -> str:
    return re.sub(r"(/[\w.-]+)+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", message)


def _speaks(outcome: Answer | NoAnswer) -> bool:
    return isinstance(outcome, Answer) and is_error_body(outcome)
