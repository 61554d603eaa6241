"""A target on a control plane in this process, conforming or broken on purpose, whose clock moves only when told."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterable
from email.utils import formatdate
from typing import Any

import pytest

from assay.checks.exchange import ContractBreachError
from assay.checks.target import TargetUnderTest
from assay.client.budget import Budget, Limits
from assay.client.credentials import Credentials
from assay.client.evidence import Mask
from assay.client.exchange import Answer, NoAnswer
from assay.client.identities import Identities
from assay.client.layers import load_settings
from assay.client.patience import Patience
from assay.client.session import Session
from assay.client.transport import Field
from assay.clock import VirtualClock
from assay.contract import documents
from assay.findings.journal import Journal
from assay.findings.model import Class
from assay.prove.trial import oracle
from assay.reference import tenant
from assay.reference.app import App
from assay.reference.behaviour import Behaviour

URL = "http://127.0.0.1:1"
PROJECT = next(iter(tenant.PROJECTS))

Tamper = Callable[["InProcess", str, str, Answer], Answer | NoAnswer | None]
"""Sees (transport, method, target, answer); None leaves the answer as it is."""


class InProcess:
    """Hands requests to an ASGI application instead of a socket."""

    def __init__(self, app: App, clock: Callable[[], float], tamper: Tamper | None) -> None:
        self.base_url = URL
        self.app = app
        self.sent: list[tuple[str, str, dict[str, str], bytes]] = []
        self._clock = clock
        self._tamper = tamper
        self._lock = threading.Lock()

    def close(self) -> None:
        """Nothing to close."""

    def exchange(
        self, method: str, target: bytes, headers: Iterable[Field] = (), content: bytes | None = None
    ) -> Answer | NoAnswer:
        fields = [(name.lower(), value) for name, value in headers]
        shown = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}
        self.sent.append((method, target.decode(), shown, content or b""))
        answer = self.ask(method, target, fields, content)
        changed = self._tamper(self, method, target.decode(), answer) if self._tamper else None
        return answer if changed is None else changed

    def ask(self, method: str, target: bytes, headers: list[Field], content: bytes | None) -> Answer:
        """The application's own answer."""
        path, _, query = target.partition(b"?")
        scope = {"type": "http", "method": method, "raw_path": path, "query_string": query, "headers": headers}
        messages = [{"type": "http.request", "body": content or b"", "more_body": False}]
        out: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            out.append(message)

        with self._lock:
            self._run(self.app(scope, receive, send))
        given = {name.decode(): value.decode() for name, value in out[0]["headers"]}
        return Answer(out[0]["status"], {**given, "date": formatdate(self._clock(), usegmt=True)}, out[1]["body"])

    def _run(self, call: Coroutine[Any, Any, None]) -> None:
        """To its end; only a behaviour that waits needs an event loop, which costs more than a call."""
        if self.app.plane.hooks.wait:
            asyncio.run(call)
            return
        try:
            call.send(None)
        except StopIteration:
            return
        raise AssertionError("an application that does not wait has waited")


class SkippedError(AssertionError):
    """A contract test has skipped on a stage: our tests expect it in so many words, and never skip by it."""


class Events(Journal):
    """A journal in memory; its events are what a reader of the file would get."""

    def __init__(self) -> None:
        self._written: list[tuple[str, dict[str, Any]]] = []

    def write(self, kind: str, /, **event: Any) -> None:
        self._written.append((kind, json.loads(json.dumps(event))))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind, in the order in which they were written."""
        return [event for written, event in self._written if written == kind]


class Stage:
    """Everything a contract test needs. ``run`` tells which checks found violations."""

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        tamper: Tamper | None = None,
        *,
        outsider: bool = True,
    ) -> None:
        self.clock = VirtualClock()
        contract = documents.load()
        self.plane = (behaviour or Behaviour()).build(contract, lambda: self.now, seed=1)
        self.transport = InProcess(App(self.plane), lambda: self.now, tamper)
        main, other = (
            Credentials(token=_secret(self.plane.identity.issue(client)))
            for client in self.plane.identity.clients.values()
        )
        mask, patience = Mask(), Patience(cap=0.0, tries=1)
        budget = Budget(Limits(gpu_devices=None), self.clock)
        settings = load_settings({"base_url": URL, "project": PROJECT, "cluster": tenant.CLUSTER_ID}, env={})
        identities = Identities(settings, self.transport, mask, patience, self.clock)
        session = Session(
            settings,
            contract,
            self.transport,
            main=identities.make(main),
            outsider=identities.make(other) if outsider else None,
            budget=budget,
            mask=mask,
            patience=patience,
            lost_after=10_000,
            run_id="run-1",
            mark="assay-t",
            clock=self.clock,
        )
        self.journal = Events()
        self.target = TargetUnderTest(session, oracle(contract), self.journal)

    @property
    def now(self) -> float:
        """The moment, in seconds since 1970."""
        return self.clock.now

    def run(self, function: Callable[..., None], *arguments: object) -> set[str]:
        """Run a contract test; the checks of all violations, raised or journaled. SkippedError when it skips."""
        found: set[str] = set()
        try:
            function(self.target, "test", *arguments)
        except pytest.skip.Exception as skipped:
            raise SkippedError(str(skipped)) from skipped
        except ContractBreachError as breach:
            found = {finding.check for finding in breach.findings}
        return found | self.journaled(Class.VIOLATION)

    def journaled(self, cls: Class) -> set[str]:
        """The checks of all journaled findings of a class."""
        return {str(event["kind"]) for event in self.journal.of("finding") if event["class"] == cls.value}

    def findings(self) -> list[dict[str, Any]]:
        return self.journal.of("finding")

    def live(self) -> list[str]:
        """Names of the workloads that nobody has deleted."""
        return [workload.name for workload in self.plane.store.live(self.plane.now()) if workload.deleted is None]


@pytest.fixture
def stage() -> Callable[..., Stage]:
    """Makes a stage; whoever waits waits on its clock."""

    def make(behaviour: Behaviour | None = None, tamper: Tamper | None = None, **more: Any) -> Stage:
        return Stage(behaviour, tamper, **more)

    return make


def _secret(text: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(text)
