"""Delivers requests: with a token, within the budget, patient with 429 and 503, never twice by mistake."""

from __future__ import annotations

import re
import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from assay.client.budget import Budget
from assay.client.confirmation import Confirmation, Disturbances, Settle, kind_of
from assay.client.creation import Trace
from assay.client.events import NOWHERE, EventLog, tell
from assay.client.exchange import Answer, NoAnswer, error_message, to_wire
from assay.client.gateway import is_passing
from assay.client.identity import REST, Identity
from assay.client.patience import BUSY, LOST_AFTER, Liveness, Patience
from assay.client.standing import Standing
from assay.client.transport import Field, Transport
from assay.clock import SYSTEM, Clock
from assay.contract.documents import Contract
from assay.contract.request import Request
from assay.errors import AssayError, CredentialsError

_ASK_AGAIN: Final = 5.0
"""Seconds between two looks of the load part whether everything is refused with 401: it sends hundreds a second."""

_SHORT_REST: Final = 1.0
"""Seconds between two renewals that the load part asks for, which cannot tell whether the last one helped."""

MAIN: Final = "main"
OUTSIDER: Final = "outsider"


@dataclass(frozen=True, slots=True)
class _Outgoing:
    operation: str
    method: str
    target: bytes
    fields: list[Field]
    content: bytes | None
    auth: str | None
    cleaning: bool = False  # outside the budget, and tried even when the target is lost
    admitted: bool = False  # its first sending has passed admit()
    counts: bool = True  # whether silence makes the target count as lost
    settle: Settle | None = None  # looks for what this creation made
    trace: Trace | None = None  # what is known of this creation's way


class Delivery:
    """Sends requests to one target; safe to use from several threads. ``Session`` knows what they create.

    ``waits`` counts the pauses taken, by cause: ``429``, ``503``, ``refused``; ``disturbances`` what did not repeat.
    """

    def __init__(
        self,
        transport: Transport,
        contract: Contract,
        budget: Budget,
        *,
        main: Identity | None = None,
        outsider: Identity | None = None,
        patience: Patience | None = None,
        lost_after: int = LOST_AFTER,
        clock: Clock = SYSTEM,
        events: EventLog = NOWHERE,
    ) -> None:
        self.transport = transport
        self.contract = contract
        self.budget = budget
        self.waits: Counter[str] = Counter()
        self.disturbances = Disturbances()
        self.liveness = Liveness(transport.base_url, lost_after, clock)
        self._identities = {MAIN: main, OUTSIDER: outsider}
        self._patience = patience or Patience()
        self._clock = clock
        self._events = events
        self._lock = threading.Lock()
        self._taken: set[str] = set()  # prefixes of the identities whose token the target has taken
        self._standing = Standing(self._refusal_of_everything, clock)
        self._hold_until = 0.0  # a 429 is meant for the client, so every thread waits

    @property
    def has_outsider(self) -> bool:
        return self._identities[OUTSIDER] is not None

    def send(
        self,
        request: Request,
        *,
        auth: str | None = MAIN,
        headers: Mapping[str, str] | None = None,
        cleaning: bool = False,
        admitted: bool = False,
        settle: Settle | None = None,
        trace: Trace | None = None,
    ) -> Answer | NoAnswer:
        """Send one request of the operations table.

        ``auth`` is ``"main"``, ``"outsider"``, None (no Authorization) or the value of the header itself.
        ``headers`` replace fields of the same name. ``cleaning`` marks a request of the clean-up: outside the
        budget, and tried even when the target is lost; ``admitted`` one that passed ``admit`` just now. 429 and
        503 are waited out; after the last pause they are returned as they are. Failures are confirmed by asking
        again; a creation only with ``settle``, which looks for what it made. Raises TargetLostError, LimitReached,
        CredentialsError and ProxyError.
        """
        wire = to_wire(self.contract, request, headers)
        fields = [(_bytes(name), _bytes(value)) for name, value in wire.headers]
        return self._deliver(
            _Outgoing(
                request.operation,
                wire.method,
                wire.target.encode(),
                fields,
                wire.content,
                auth,
                cleaning=cleaning,
                admitted=admitted,
                settle=settle,
                trace=trace,
            )
        )

    def raw(
        self,
        method: str,
        path: str | bytes,
        *,
        headers: Iterable[tuple[str | bytes, str | bytes]] = (),
        content: bytes | None = None,
        auth: str | None = MAIN,
        admitted: bool = False,
        settle: Settle | None = None,
        trace: Trace | None = None,
    ) -> Answer | NoAnswer:
        """Send what no contract knows; ``path`` goes out as it is (below the base URL's own path).

        Silence here does not make the target count as lost, since a server may cut off nonsense. Raises ValueError
        for what HTTP/1.1 cannot carry (a path that is not visible ASCII, a header name that is no token).
        """
        fields = [(_bytes(name), _bytes(value)) for name, value in headers]
        return self._deliver(
            _Outgoing(
                "raw",
                method,
                _bytes(path),
                fields,
                content,
                auth,
                counts=False,
                admitted=admitted,
                settle=settle,
                trace=trace,
            )
        )

    def get(self, target: str, *, auth: str | None = MAIN, cleaning: bool = False) -> Answer | NoAnswer:
        """GET a percent-encoded path (with query) beside the operations of the table."""
        return self._deliver(_Outgoing("auxiliary", "GET", target.encode(), [], None, auth, cleaning=cleaning))

    def admit(self, auth: str | None = MAIN) -> None:
        """Everything that can stop a request before it leaves, so that a creation is noted only if it will be sent.

        Raises TargetLostError, LimitReached and CredentialsError.
        """
        self._authorize(auth)
        self.liveness.check()
        self.budget.request()

    def check(self) -> None:
        """Raises TargetLostError when the target is lost or the run was halted, and the end of the main identity."""
        self.liveness.check()
        if self.ended is not None:
            raise self.ended

    @property
    def ended(self) -> AssayError | None:
        """What has ended the main identity."""
        main = self._identities[MAIN]
        return main.ended if main is not None else None

    def token(self, auth: str = MAIN) -> str:
        """A valid token of ``"main"`` or ``"outsider"``. Raises CredentialsError and TargetLostError."""
        return str(self._authorize(auth)[1]).removeprefix("Bearer ")

    def describe_token(self, auth: str) -> str:
        """The token of an identity in words, free of secrets."""
        identity, _ = self._authorize(auth)
        return identity.described if identity is not None else "the token"

    def renewed(self, refused: str) -> str | None:
        """Another token of the main identity than one that was answered 401 elsewhere, or None: the answer stands.

        Raises CredentialsError when it is the token that has ended, and TargetLostError.
        """
        identity, _ = self._authorize(MAIN)
        if identity is None:
            return None
        self._taken.add(identity.credentials.prefix)
        return self._other_token(identity, refused, Answer(401), _SHORT_REST, every=_ASK_AGAIN)

    def close(self) -> None:
        for identity in self._identities.values():
            if identity is not None:
                identity.close()
        self.transport.close()

    def _deliver(self, call: _Outgoing) -> Answer | NoAnswer:
        identity, authorization = self._authorize(call.auth)
        asked = Confirmation(call.method.upper() != "POST" or call.settle is not None, call.settle)
        attempt, renewed = 1, False
        while True:
            self._may_send(call, attempt)
            outcome = self._exchange(call, authorization)
            if identity is not None and isinstance(outcome, Answer):
                fresh = self._after(identity, str(authorization), outcome, renewed=renewed)
                if fresh is not None:
                    renewed, authorization = True, fresh
                    attempt += 1
                    continue
            outcome = asked.seen(outcome)
            pause = self._pause(call, asked, outcome, attempt)
            if pause is None:
                break
            asked.asked_again(outcome)
            self._wait(outcome, pause, call)
            attempt += 1
        if isinstance(outcome, NoAnswer) and outcome.fault is not None and not call.cleaning:
            raise outcome.fault
        if not call.cleaning:
            self.liveness.note(call.operation, outcome, counts=call.counts)
        self._count(asked, outcome)
        return asked.final(outcome, attempt)

    def _count(self, asked: Confirmation, outcome: Answer | NoAnswer) -> None:
        """Count what one request met before the API answered it; or a gateway's limit, which never let it through."""
        if isinstance(outcome, NoAnswer) or is_passing(outcome):
            return
        met = [*asked.earlier, *asked.limited]
        if outcome.status in BUSY and not outcome.stored and kind_of(outcome) is not None:
            self.disturbances.passed(*met, outcome, in_vain=True)
        else:
            self.disturbances.passed(*met)

    def _pause(self, call: _Outgoing, asked: Confirmation, outcome: Answer | NoAnswer, attempt: int) -> float | None:
        """Seconds to wait before the request is sent again; None: this outcome stands."""
        busy = self._patience.pause(outcome, attempt, self._clock.time())
        pause = asked.pause(outcome, busy, patient=self.liveness.worth_waiting(call.operation))
        return None if pause is None else min(pause, self._patience.cap)

    def _after(self, identity: Identity, used: str, answer: Answer, *, renewed: bool) -> str | None:
        """The Authorization to try once more after an answer, or None: it stands.

        Raises CredentialsError when it is the token that has ended: a 401 is then nobody's answer to the request.
        """
        if answer.status != 401:
            self._taken.add(identity.credentials.prefix)
            if renewed:
                identity.renewal_helped()
            return None
        fresh = self._other_token(identity, used.removeprefix("Bearer "), answer, 0.0 if renewed else REST)
        return None if fresh is None else f"Bearer {fresh}"

    def _other_token(
        self, identity: Identity, refused: str, said: Answer, rest: float, every: float = 0.0
    ) -> str | None:
        """Another token than one that was answered 401, unless one was just had (``rest`` 0): then there is none.

        Where there is none, raises the end of a token that the target takes no longer, for whatever request; it is
        asked about that once in ``every`` seconds.
        """
        fresh = identity.renew_after_401(refused, said, rest) if rest else None
        refusal = self._standing.refusal(refused, every) if fresh is None and self._was_taken(identity) else None
        if refusal is not None:
            raise identity.end(error_message(refusal))
        return fresh

    def _was_taken(self, identity: Identity) -> bool:
        return identity.was_taken or identity.credentials.prefix in self._taken

    def _refusal_of_everything(self, token: str) -> Answer | None:
        """The 401 to a read of a workload that does not exist, when its deletion is answered 401 too; or None.

        Two operations, because one of them may be what refuses everybody.
        """
        answer: Answer | NoAnswer | None = None
        for operation in (self.contract.reading, self.contract.deletion):
            target = re.sub(r"\{[^}]+\}", lambda _: str(uuid.uuid4()), operation.path).encode()
            self.budget.request()
            answer = self.transport.exchange(
                operation.method, target, [(b"Authorization", _bytes(f"Bearer {token}"))]
            )
            if not isinstance(answer, Answer) or answer.status != 401:
                return None
        return answer if isinstance(answer, Answer) else None

    def _exchange(self, call: _Outgoing, authorization: str | None) -> Answer | NoAnswer:
        fields = call.fields
        if authorization is not None:
            fields = [*fields, (b"Authorization", _bytes(authorization))]
        if not call.cleaning:
            self.disturbances.left()
        if call.trace is not None:
            call.trace.leaves()
        outcome = self.transport.exchange(call.method, call.target, fields, call.content)
        if call.trace is not None:
            call.trace.answered(outcome)
        return outcome

    def _authorize(self, auth: str | None) -> tuple[Identity | None, str | None]:
        """The identity behind ``auth`` (None: a value given as it is) and the value of the Authorization header."""
        if auth is None or auth not in self._identities:
            return None, auth
        identity = self._identities[auth]
        if identity is None:
            raise CredentialsError(
                f"the request needs the {auth} identity, which is not set",
                hint=f"set ASSAY_{'OUTSIDER_' if auth == OUTSIDER else ''}TOKEN or the client id and secret",
            )
        return identity, f"Bearer {identity.token()}"

    def _may_send(self, call: _Outgoing, attempt: int) -> None:
        if not call.cleaning and not (call.admitted and attempt == 1):
            self.liveness.check()
            self.budget.request()
        hold = self._hold_until - self._clock.monotonic()
        if hold > 0:
            self._rest(hold, call.cleaning)

    def _wait(self, outcome: Answer | NoAnswer, pause: float, call: _Outgoing) -> None:
        cause = str(outcome.status) if isinstance(outcome, Answer) else outcome.kind
        if cause == "timeout" and not call.cleaning:
            # So that a target that hangs is given up after the first round of timeouts, not after the second.
            self.liveness.note(call.operation, outcome, counts=call.counts)
        with self._lock:
            if not is_passing(outcome):
                self.waits[cause] += 1
            if cause == "429":
                self._hold_until = max(self._hold_until, self._clock.monotonic() + pause)
        tell(self._events, "wait", cause=cause, seconds=round(pause, 3))
        self._rest(pause, call.cleaning)

    def _rest(self, seconds: float, cleaning: bool) -> None:
        if cleaning:
            self._clock.sleep(seconds)
        else:
            self.liveness.rest(seconds)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", errors="surrogatepass")
