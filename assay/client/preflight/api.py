"""Is it a Run:ai API that answers, and does its clock agree with ours?"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Final

from assay.client.delivery import MAIN
from assay.client.exchange import Answer, NoAnswer, error_message, to_wire
from assay.client.first_words import HTTP2
from assay.client.network import TransportConfig
from assay.client.preflight.base_url import redirected, without_api
from assay.client.preflight.network import judge_tls, offers_http2_alone, other_scheme, speaks_tls
from assay.client.preflight.recognise import (
    is_error_body,
    is_object,
    speaks,
    unknown_workload,
    what_answers,
)
from assay.client.preflight.steps import Step, ok, unusable, usage, warn
from assay.client.preflight.stranger import HTTP1, in_place_of_the_api
from assay.client.session import Session
from assay.client.tokens import Claims, http_date
from assay.errors import EXIT_USAGE

# Verifiers of tokens commonly grant 30 to 60 s.
_NOTEWORTHY: Final = 30.0

_MISSING: Final = frozenset({400, 403, 404, 422})
"""What an API may answer to a workload that cannot exist."""
_NOBODY: Final = "assay-no-such-workload"
_NTP: Final = "set both by NTP (here: timedatectl status)"
_ROOT: Final = "give the root of the control plane, as in https://<company>.run.ai"


class Api:
    """Asks without a token first, since credentials must not be sent to whatever answers at a mistyped address.

    A target that is wrong in places must be tested, not turned away: one documented error among several requests is
    enough. What cannot be told without a token (an API all of whose errors have another shape, a gateway that answers
    callers without one) is told with it, by ``confirm``. With ``any_json`` any JSON object will do: a stand-in for
    the API, whose answers are not judged against the contract, can be measured all the same.
    """

    def __init__(self, session: Session, *, any_json: bool = False) -> None:
        self.session = session
        self._config = TransportConfig.of(session.settings)
        self._any_json = any_json
        self._unsure: Answer | None = None  # what answered, when it may be an API and may be not
        self._target = ""
        self.date: str | None = None

    def check_api(self) -> Iterator[Step]:
        """The step ``api``."""
        asked = unknown_workload(self.session.contract)
        self._target = to_wire(self.session.contract, asked).target
        outcome = self.session.send(asked, auth=None)
        if isinstance(outcome, Answer) and not _is_certain(outcome):
            second = self.session.send(unknown_workload(self.session.contract, "metrics"), auth=None)
            outcome = second if speaks(second) else outcome
        if isinstance(outcome, Answer):
            self.date = outcome.headers.get("date")
        yield self._judge(outcome)

    def confirm(self, session: Session) -> Iterator[Step]:
        """Fails the step ``api`` when even with a token nothing tells that a Run:ai API answers."""
        if self._unsure is None:
            return
        read = session.send(unknown_workload(session.contract), auth=MAIN)
        if speaks(read) or speaks(session.send(unknown_workload(session.contract, "metrics"), auth=MAIN)):
            return
        missing = isinstance(read, Answer) and read.status in _MISSING
        if missing and is_object(read) and is_object(self._unsure) and self._unsure.status == 401:
            return  # JSON that tells callers from strangers: the shape of its errors is for the checks to judge
        if not missing or session.find_by_name(_NOBODY) is None:
            yield self._not_the_api(read)

    def _judge(self, outcome: Answer | NoAnswer) -> Step:
        if isinstance(outcome, Answer) and 300 <= outcome.status < 400:
            return redirected(self.session.base_url, self._target, outcome)
        if isinstance(outcome, NoAnswer) or not is_error_body(outcome):
            return self._judge_stranger(outcome)
        if outcome.status == 503:
            return _unavailable(outcome)
        if outcome.status == 404 and self._is_bare(outcome):
            root = without_api(self.session.base_url)
            todo = f"use --base-url {root}" if root else f"{_ROOT}, without a path"
            where = self.session.base_url
            return usage("api", f"there is no inferences API below {where} (404: {error_message(outcome)})", todo)
        if outcome.status == 401:
            odd = (
                f"; its answers come with {', '.join(outcome.undone)}, which nobody asked for"
                if outcome.undone
                else ""
            )
            return ok("api", f"a Run:ai API answers, and it asks for a token (401){odd}")
        return warn("api", f"an API like Run:ai's answers, but with {outcome.status} where no token should get 401")

    def _judge_stranger(self, outcome: Answer | NoAnswer) -> Step:
        base_url = self.session.base_url
        if base_url.startswith("http://") and speaks_tls(self._config):
            text = f"{base_url} speaks TLS, so plain HTTP gets nowhere"
            return usage("api", text, f"use {other_scheme(self._config)}")
        if isinstance(outcome, NoAnswer):
            return self._judge_silence(outcome)
        if outcome.sealed:
            return unusable(
                "api", what_answers(outcome), "have it answer without that encoding: nothing here can undo it"
            )
        if outcome.status == 503:
            return in_place_of_the_api("api", outcome, self._config) or _unavailable(outcome)
        if self._any_json and is_object(outcome):
            return ok("api", f"what answers is no Run:ai API, but speaks JSON ({outcome.status}): it can be measured")
        if self._may_be_one(outcome):
            self._unsure = outcome
            return warn("api", f"it asks for a token, but not as a Run:ai API does: {what_answers(outcome)}")
        return self._not_the_api(outcome)

    def _judge_silence(self, outcome: NoAnswer) -> Step:
        if HTTP2 in outcome.detail or (self._config.tls and offers_http2_alone(self._config)):
            return unusable("api", f"{self._config.address} {HTTP2}", HTTP1)
        if outcome.kind == "tls":
            return judge_tls(self._config, outcome.detail)
        if outcome.kind == "protocol":
            return unusable("api", f"this is not a Run:ai API: {outcome.detail}", "check host and port")
        todo = "look at the control plane's own health; --request-timeout waits longer"
        return unusable("api", f"it accepts connections, but no answer came: {outcome.detail}", todo)

    def _not_the_api(self, outcome: Answer | NoAnswer) -> Step:
        root = without_api(self.session.base_url)
        stranger = in_place_of_the_api("api", outcome, self._config) if isinstance(outcome, Answer) else None
        if stranger is not None and not (root and stranger.code != EXIT_USAGE):
            return stranger
        text = f"this is not a Run:ai API: {what_answers(outcome)}"
        return usage("api", text, f"use --base-url {root}") if root else unusable("api", text, _ROOT)

    def _may_be_one(self, answer: Answer) -> bool:
        """Whether it may still be an API, with errors of its own, or a gateway that wants a token first."""
        if answer.content_type == "text/html" or answer.status not in {401, *_MISSING}:
            return False
        if answer.status == 401 or is_object(answer):
            return True
        listed = self.session.get("/api/v1/workloads?limit=1", auth=None)
        return isinstance(listed, Answer) and listed.status in {200, 401}

    def _is_bare(self, outcome: Answer) -> bool:
        """True when a path that cannot exist gets the same 404: then the operations do not exist either."""
        nothing = self.session.get(f"/api/v1/{uuid.uuid4()}", auth=None)
        if not isinstance(nothing, Answer) or nothing.status != 404:
            return False
        # Messages may repeat the path; what is left without UUIDs and path separators tells the kind of 404.
        return _shape(error_message(outcome)) == _shape(error_message(nothing))

    def check_clock(self, claims: Claims | None = None) -> Iterator[Step]:
        """The step ``clock``, from the Date field of the answer and the times in a new token.

        What the target's clock is ahead of ours goes to the session's offer: times are asked for and judged by it.
        """
        now = self.session.clock.time()
        skew = _skew(self.date, now)
        if skew is not None and abs(skew) > _NOTEWORTHY:
            again = self._skew_again()
            if again is None or abs(again - skew) > _NOTEWORTHY:
                yield _judge_jumps(skew, again)
                return
        self.session.learn(skew=skew)
        issued = claims.issued if claims else None
        if issued is not None and issued - now > _NOTEWORTHY:
            skew = max(skew or 0.0, issued - now)
        if skew is None:
            yield ok("clock", "the target does not tell its time, so clocks were not compared")
        elif abs(skew) <= _NOTEWORTHY:
            yield ok("clock", f"the clocks agree within {max(1, round(abs(skew)))} s")
        else:
            yield _judge_skew(skew)

    def _skew_again(self) -> float | None:
        """The same from another answer: a Date that jumps about tells nothing."""
        outcome = self.session.send(unknown_workload(self.session.contract), auth=None)
        date = outcome.headers.get("date") if isinstance(outcome, Answer) else None
        return _skew(date, self.session.clock.time())


def _is_certain(answer: Answer) -> bool:
    """Whether a second question would tell no more: the API's own error, a redirect, or a page for people."""
    page = answer.status < 300 and answer.content_type == "text/html"
    return is_error_body(answer) or answer.status == 503 or 300 <= answer.status < 400 or page


def _unavailable(answer: Answer) -> Step:
    todo = "try again in a few minutes; if it stays, look at the control plane's own health"
    return unusable("api", f"the control plane is unavailable (503): {error_message(answer)}", todo)


def _judge_skew(skew: float) -> Step:
    """Whose clock is wrong cannot be known from here, and need not be: the target's is what its times are held to."""
    text = (
        f"the target's clock is {_apart(skew)} this machine's: times are asked for and judged by the target's; "
        "tokens may be refused around their beginning and end"
    )
    return warn("clock", text, _NTP)


def _judge_jumps(skew: float, again: float | None) -> Step:
    then = "tells none" if again is None else f"is {_apart(again)}"
    text = f"the target's clock jumps about: it is {_apart(skew)} this machine's, then {then}: ours is gone by"
    return warn("clock", text, _NTP)


def _apart(skew: float) -> str:
    return f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'}"


def _skew(date: str | None, now: float) -> float | None:
    """Seconds that the target is ahead; None when it does not say."""
    told = http_date(date)
    return None if told is None else told - now


def _shape(message: str) -> str:
    return re.sub(r"(/[\w.-]+)+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", message)
