"""One control plane, one target on it, and what the target finds: everything in memory.

Requests reach the control plane in this process instead of by a socket: the same bytes, ten times as fast.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable
from concurrent.futures import TimeoutError as FutureTimeout
from email.utils import formatdate
from functools import cache
from typing import Any, Final

from assay.checks.target import TargetUnderTest
from assay.client.budget import Budget, Limits
from assay.client.evidence import Mask
from assay.client.exchange import Answer, NoAnswer
from assay.client.identities import Identities
from assay.client.layers import load_settings
from assay.client.ledger import MemoryLedger
from assay.client.patience import Patience
from assay.client.session import Session
from assay.client.settings import Settings
from assay.client.transport import Field
from assay.clock import Clock, SkippingClock
from assay.contract.documents import Contract
from assay.contract.oracle import Oracle
from assay.findings.journal import Journal
from assay.findings.record import Record
from assay.reference import tenant
from assay.reference.app import App
from assay.reference.behaviour import Behaviour
from assay.run.plan import plan

URL: Final = "http://127.0.0.1:1"
"""What stands for the base URL; nothing is ever sent there."""


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """The event loop of this process's planes, in a thread of its own, so that calls of several threads interleave
    exactly as in a served plane: wherever a handler waits, and nowhere else."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="control-plane", daemon=True).start()
    return loop


def _is_running(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this thread is the one that runs ``loop``."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


class InProcess:
    """A ``Transport`` without a network. Safe to use from several threads."""

    def __init__(self, app: App, clock: Clock, timeout: float) -> None:
        self.base_url = URL
        self.timeout = timeout
        self._app = app
        self._clock = clock
        self._atomic = threading.Lock()
        self._waits = app.plane.hooks.wait

    def exchange(
        self, method: str, target: bytes, headers: Iterable[Field] = (), content: bytes | None = None
    ) -> Answer | NoAnswer:
        """One call of the application. What leaves the application unanswered counts as a closed connection."""
        fields = [(name.lower(), value.strip()) for name, value in headers]
        if content is not None and not any(name == b"content-length" for name, _ in fields):
            fields.append((b"content-length", str(len(content)).encode()))
        began = self._clock.time()
        call = self._call(method, target, fields, content or b"")
        try:
            messages = self._on_the_loop(call) if self._waits else self._at_once(call)
        except FutureTimeout:
            return NoAnswer("timeout", "time ran out while waiting for the answer", self.timeout)
        if len(messages) < 2:
            return NoAnswer("reset", "the connection was closed without an answer", self._clock.time() - began)
        return self._answer(method, messages, began)

    def close(self) -> None:
        """Nothing to close."""

    def _on_the_loop(self, call: Coroutine[Any, Any, list[Any]]) -> list[Any]:
        if _is_running(_loop()):
            # A fixture that nobody holds any more is collected, on whatever thread, and its end deletes a workload.
            # On the loop's own thread the answer would be waited for by whoever gives it: 120 s a call, seen once.
            call.close()
            return []
        future = asyncio.run_coroutine_threadsafe(call, _loop())
        try:
            return future.result(self.timeout)
        except FutureTimeout:
            future.cancel()
            raise

    def _at_once(self, call: Coroutine[Any, Any, list[Any]]) -> list[Any]:
        """Run a call that never waits to its end; two switches of thread for each call would double its time."""
        with self._atomic:
            try:
                call.send(None)
            except StopIteration as ended:
                messages: list[Any] = ended.value
                return messages
        raise RuntimeError("an operation waited although it is no coroutine function")

    async def _call(self, method: str, target: bytes, headers: list[Field], content: bytes) -> list[Any]:
        path, _, query = target.partition(b"?")
        scope = {"type": "http", "method": method, "raw_path": path, "query_string": query, "headers": headers}
        waiting = [{"type": "http.request", "body": content, "more_body": False}]
        out: list[Any] = []

        async def receive() -> Any:
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            out.append(message)

        await self._app(scope, receive, send)
        return out

    def _answer(self, method: str, messages: list[Any], began: float) -> Answer:
        start, finish = messages[:2]
        given: dict[str, str] = {}
        for name, value in start["headers"]:
            given[name.decode("latin-1")] = value.decode("latin-1")
        now = self._clock.time()
        given["date"] = formatdate(now, usegmt=True)
        body = b"" if method == "HEAD" else finish["body"]
        return Answer(start["status"], given, body, now - began)


# Longer than any answer of a control plane in this process takes on a crowded machine: with a load of 10, and at the
# lowest priority, one in 10,000 took more than 10 s, and a defect must not count as caught for that.
_TIMEOUT: Final = 120.0
_MAIN, _OUTSIDER = tenant.CLIENT_PROJECTS


class Notebook(Journal):
    """A journal in memory: counts exchanges, keeps the first finding of each id, and adds all up in ``record``."""

    def __init__(self) -> None:
        self.requests = 0
        self.findings: dict[str, dict[str, Any]] = {}
        self.record = Record()
        self.lost: str | None = None  # why no further test makes sense

    def write(self, kind: str, /, **event: Any) -> None:
        if kind == "exchange":
            self.requests += 1
        elif kind == "finding":
            self.findings.setdefault(event["id"], event)
        elif kind != "diagnosis":
            return
        self.record.add({"t": kind, **event})


class Bench:
    """A target on a control plane of the given behaviour. ``notebook`` holds what was found."""

    def __init__(
        self,
        contract: Contract,
        behaviour: Behaviour,
        oracle: Oracle | None = None,
        *,
        profile: str = "gate",
        seed: int = 1,
    ) -> None:
        self.clock = SkippingClock()
        self.plane = behaviour.build(contract, self.clock.time, seed=seed)
        self.notebook = Notebook()
        settings = self._settings(seed)
        transport = InProcess(App(self.plane), self.clock, _TIMEOUT)
        # No limit of live workloads: nobody else's GPUs are at stake, and a defect that keeps workloads alive would
        # make every later creation wait for a slot.
        requests = plan(profile, ()).defaults_for(contract)["max_requests"]
        budget = Budget(Limits(live=None, requests=requests, gpu_devices=None), self.clock)
        self.target = TargetUnderTest(
            self._session(transport, contract, settings, budget), oracle or Oracle(contract), self.notebook, profile
        )

    def _settings(self, seed: int) -> Settings:
        clients = self.plane.identity.clients
        return load_settings({"seed": seed}, env={}).with_embedded(
            URL,
            next(iter(tenant.PROJECTS)),
            tenant.CLUSTER_ID,
            client_id=_MAIN,
            client_secret=clients[_MAIN].secret,
            outsider_client_id=_OUTSIDER,
            outsider_client_secret=clients[_OUTSIDER].secret,
        )

    def _session(self, transport: InProcess, contract: Contract, settings: Settings, budget: Budget) -> Session:
        mask, patience = Mask(), Patience(cap=settings.retry_cap)
        main, outsider = Identities(settings, transport, mask, patience, self.clock).both()
        # The ledger is in memory: the workloads end with the control plane they live in.
        return Session(
            settings,
            contract,
            transport,
            main=main,
            outsider=outsider,
            budget=budget,
            ledger=MemoryLedger(),
            mask=mask,
            patience=patience,
            run_id="prove",
            mark="assay-prove",
            clock=self.clock,
            events=self.notebook,
        )
