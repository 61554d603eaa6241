"""Sends requests to the target: with a token, within the budget, patient with 429 and 503, never twice by mistake."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from assay.client import evidence, neighbours
from assay.client.budget import Budget
from assay.client.curl import NOTHING_NAMED, Named
from assay.client.exchange import Answer, NoAnswer
from assay.client.identity import Identity
from assay.client.liveness import LOST_AFTER, Liveness
from assay.client.masking import Mask
from assay.client.patience import Patience
from assay.client.transport import Field, Transport
from assay.client.wire import Wire, to_wire
from assay.contract.documents import Contract
from assay.contract.request import Json, Request
from assay.errors import CredentialsError

MAIN: Final = "main"
OUTSIDER: Final = "outsider"


@dataclass(frozen=True, slots=True)
class _Call:
    operation: str
    method: str
    target: bytes
    fields: list[Field]
    content: bytes | None
    auth: str | None
    cleaning: bool = False  # outside the budget, and tried even when the target is lost
    admitted: bool = False  # its first sending has passed admit()
    counts: bool = True  # whether silence makes the target count as lost


class Client:
    """Six operations and their neighbours on one target; safe to use from several threads.

    ``waits`` counts the pauses taken, by cause: ``429``, ``503``, ``refused``.
    """

    def __init__(
        self,
        transport: Transport,
        contract: Contract,
        *,
        main: Identity | None = None,
        outsider: Identity | None = None,
        budget: Budget | None = None,
        mask: Mask | None = None,
        patience: Patience | None = None,
        lost_after: int = LOST_AFTER,
        insecure: bool = False,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.transport = transport
        self.contract = contract
        self.budget = budget
        self.mask = mask or Mask()
        self.waits: Counter[str] = Counter()
        self.insecure = insecure
        self._identities = {MAIN: main, OUTSIDER: outsider}
        self._patience = patience or Patience()
        self._liveness = Liveness(transport.base_url, lost_after)
        self._sleep = sleep
        self._lock = threading.Lock()
        self._hold_until = 0.0  # a 429 is meant for the client, so every thread waits

    @property
    def base_url(self) -> str:
        return self.transport.base_url

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
    ) -> Answer | NoAnswer:
        """Send one request to one of the six operations.

        ``auth`` is ``"main"``, ``"outsider"``, None (no Authorization) or the value of the header itself.
        ``headers`` replace fields of the same name. ``cleaning`` marks a request of the clean-up: outside the
        budget, and tried even when the target is lost; ``admitted`` one that passed ``admit`` just now. 429 and
        503 are waited out; after the last pause they are returned as they are. A lost answer is never asked for
        again. Raises TargetLostError, LimitReached and CredentialsError.
        """
        wire = to_wire(self.contract, request, headers)
        fields = [(_bytes(name), _bytes(value)) for name, value in wire.headers]
        return self._deliver(
            _Call(
                request.operation,
                wire.method,
                wire.target.encode(),
                fields,
                wire.content,
                auth,
                cleaning=cleaning,
                admitted=admitted,
            )
        )

    def halt(self, why: str) -> None:
        """Every further request but those of the clean-up raises TargetLostError: the run is being ended."""
        self._liveness.halt(why)

    def admit(self, auth: str | None = MAIN) -> None:
        """Everything that can stop a request before it leaves, so that a creation is noted only if it will be sent.

        Raises TargetLostError, LimitReached and CredentialsError.
        """
        self._authorize(auth)
        self._liveness.check()
        if self.budget is not None:
            self.budget.request()

    def raw(
        self,
        method: str,
        path: str | bytes,
        *,
        headers: Iterable[tuple[str | bytes, str | bytes]] = (),
        content: bytes | None = None,
        auth: str | None = MAIN,
        admitted: bool = False,
    ) -> Answer | NoAnswer:
        """Send what no contract knows; ``path`` goes out as it is (below the base URL's own path).

        Silence here does not make the target count as lost, since a server may cut off nonsense. Raises ValueError
        for what HTTP/1.1 cannot carry (a path that is not visible ASCII, a header name that is no token).
        """
        fields = [(_bytes(name), _bytes(value)) for name, value in headers]
        return self._deliver(
            _Call("raw", method, _bytes(path), fields, content, auth, counts=False, admitted=admitted)
        )

    def bearer(self, auth: str) -> str:
        """The token of ``"main"`` or ``"outsider"``. Raises CredentialsError and TargetLostError."""
        _, value = self._authorize(auth)
        return str(value).removeprefix("Bearer ")

    def get(self, target: str, *, auth: str | None = MAIN, cleaning: bool = False) -> Answer | NoAnswer:
        """GET a percent-encoded path (with query) beside the six operations."""
        return self._deliver(_Call("neighbour", "GET", target.encode(), [], None, auth, cleaning=cleaning))

    def find_by_name(
        self, name: str, *, prefix: bool = False, auth: str = MAIN, cleaning: bool = False
    ) -> list[dict[str, Json]] | None:
        """Live workloads of this exact name (``prefix``: whose name begins so); None: the target lacks the list."""
        return neighbours.find_by_name(
            lambda target: self.get(target, auth=auth, cleaning=cleaning), name, prefix=prefix
        )

    def pods(self, workload_id: str) -> list[dict[str, Json]] | None:
        """The pods of a workload; None when the target has no such list or does not know the workload."""
        return neighbours.pods(self.get, workload_id)

    def token(self, auth: str = MAIN) -> str:
        """A valid token of an identity, for checks that must alter one. Raises CredentialsError, TargetLostError."""
        return str(self._authorize(auth)[1]).removeprefix("Bearer ")

    def curl(
        self,
        request: Request | Wire,
        *,
        auth: str | None = MAIN,
        shell: str | None = None,
        named: Named = NOTHING_NAMED,
    ) -> str:
        """A curl line that works as pasted with ``$ASSAY_TOKEN`` (``$ASSAY_OUTSIDER_TOKEN``) set.

        ``shell`` spells an Authorization header made from a token, as a word for inside double quotes, for example
        ``Bearer ${ASSAY_TOKEN%?}x``; without it an explicit header value is written out, its secrets masked.
        Texts of ``named`` are replaced by their shell variables.
        """
        return evidence.curl(self, self._wire(request), auth, shell, named)

    def describe(self, request: Request | Wire, *, auth: str | None = MAIN) -> dict[str, Any]:
        """A request as evidence: {"method", "url", "headers", "body"}, masked, the body cut to 4,000 characters."""
        return evidence.request(self, self._wire(request), auth)

    def describe_answer(self, answer: Answer | NoAnswer) -> dict[str, Any] | None:
        """An answer as evidence: {"status", "headers", "body"}, masked and cut; None when no answer came."""
        return None if isinstance(answer, NoAnswer) else evidence.answer(self, answer)

    def check(self) -> None:
        """TargetLostError when the target is lost or the run was halted."""
        self._liveness.check()

    def forgive(self) -> None:
        """Forget that the target was lost; the clean-up does so before it tries once more."""
        self._liveness.forgive()

    def close(self) -> None:
        self.transport.close()

    def _wire(self, request: Request | Wire) -> Wire:
        return request if isinstance(request, Wire) else to_wire(self.contract, request)

    def _deliver(self, call: _Call) -> Answer | NoAnswer:
        identity, authorization = self._authorize(call.auth)
        attempt = 1
        while True:
            self._may_send(call, attempt)
            outcome = self._exchange(call, authorization)
            if identity is not None and isinstance(outcome, Answer) and outcome.status == 401:
                fresh = identity.renew_after_401(str(authorization).removeprefix("Bearer "))
                if fresh is not None:
                    identity, authorization = None, f"Bearer {fresh}"
                    attempt += 1
                    continue
            pause = self._patience.pause(outcome, attempt)
            if pause is None or not self._liveness.worth_waiting(call.operation):
                break
            self._wait(outcome, pause, call.cleaning)
            attempt += 1
        if not call.cleaning:
            self._liveness.note(call.operation, outcome, counts=call.counts)
        return outcome if attempt == 1 else dataclasses.replace(outcome, attempts=attempt)

    def _exchange(self, call: _Call, authorization: str | None) -> Answer | NoAnswer:
        fields = call.fields
        if authorization is not None:
            fields = [*fields, (b"Authorization", _bytes(authorization))]
        return self.transport.exchange(call.method, call.target, fields, call.content)

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

    def _may_send(self, call: _Call, attempt: int) -> None:
        if not call.cleaning and not (call.admitted and attempt == 1):
            self._liveness.check()
            if self.budget is not None:
                self.budget.request()
        hold = self._hold_until - time.monotonic()
        if hold > 0:
            self._rest(hold, call.cleaning)

    def _wait(self, outcome: Answer | NoAnswer, pause: float, cleaning: bool) -> None:
        cause = str(outcome.status) if isinstance(outcome, Answer) else outcome.kind
        with self._lock:
            self.waits[cause] += 1
            if cause == "429":
                self._hold_until = max(self._hold_until, time.monotonic() + pause)
        self._rest(pause, cleaning)

    def _rest(self, seconds: float, cleaning: bool) -> None:
        if self._sleep is not None:
            self._sleep(seconds)
        elif cleaning:
            time.sleep(seconds)
        else:
            self._liveness.rest(seconds)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", errors="surrogatepass")
