"""The target as contract tests see it: send, create, judge, record. No step looks back."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from assay.checks.capabilities import Capabilities
from assay.checks.creation_watch import CreationWatch
from assay.checks.exchange import Exchange
from assay.checks.gpu_watch import GpuWatch
from assay.checks.judge import ResponseJudge, Sending
from assay.checks.recorder import RunRecorder
from assay.checks.run_state import RunState
from assay.checks.sender import Sender
from assay.client.budget import gpus_asked
from assay.client.creation import created_id
from assay.client.exchange import Answer, NoAnswer, Wire
from assay.client.session import Session
from assay.clock import Clock, utc
from assay.contract.documents import Contract
from assay.contract.oracle import Oracle
from assay.contract.request import Expectation, Json, Reason, Request
from assay.contract.rules.base import Spec
from assay.errors import AssayError
from assay.findings.journal import Journal

PLAIN_SPEC: Final[Mapping[str, Json]] = {"image": "registry.example/echo:1.0"}
"""The smallest valid spec: the one mandatory field, no GPU."""


@dataclass(frozen=True, slots=True)
class LiveWorkload:
    """A live workload that this run created."""

    id: str
    name: str
    spec: Mapping[str, Json]
    created: Exchange

    @property
    def told(self) -> Mapping[str, Json]:
        """What its creation answered, but for fields that deviated then: those are told already."""
        wrong = {deviation.location.rpartition("/")[2] for deviation in self.created.deviations}
        return {name: value for name, value in self.created.object().items() if name not in wrong}


class CannotCreateError(AssertionError):
    """A test needed a workload and the target did not create one."""


class TargetUnderTest:
    """Sends requests to one target and judges them. Safe to use from several threads.

    ``session`` reaches the target, ``state`` is what the run remembers of it.
    """

    def __init__(
        self,
        session: Session,
        oracle: Oracle,
        journal: Journal,
        profile: str = "gate",
        state: RunState | None = None,
    ) -> None:
        self.profile = profile
        self.session = session
        self.oracle = oracle
        self.journal = journal
        self.state = RunState() if state is None else state
        self.recorder = RunRecorder(session, journal, self.state)
        judge = ResponseJudge(oracle.contract, session.mask, self.state, session.clock)
        watch = CreationWatch(session, self.recorder, self.body)
        gpu_watch = GpuWatch(session, self.recorder, self.state, self.body, PLAIN_SPEC)
        self._sender = Sender(session, judge, self.recorder, self.state, watch, gpu_watch)
        self._capabilities = Capabilities(session, self._sender, self.recorder, self.state, self.body)
        self._several = threading.Lock()

    @property
    def contract(self) -> Contract:
        return self.oracle.contract

    @property
    def clock(self) -> Clock:
        """What whoever waits for the target waits on."""
        return self.session.clock

    def now(self) -> datetime:
        """The full second that it is on the target, in UTC."""
        return utc(self.session.there).replace(microsecond=0)

    @property
    def project(self) -> str:
        return self.session.project

    @property
    def cluster(self) -> str:
        return self.session.cluster

    # --- what a test asks for -------------------------------------------------------------------------------

    def name(self) -> str:
        """A workload name that no one else has, a DNS label that begins with the run's mark."""
        return self.session.name()

    def body(self, spec: Mapping[str, Json] | None = None, **meta: Json) -> dict[str, Json]:
        """A creation body with a fresh name and the run's project and cluster."""
        plain = {"name": self.name(), "projectId": self.project, "clusterId": self.cluster}
        return {**plain, **meta, "spec": dict(PLAIN_SPEC if spec is None else spec)}

    def affords(self, spec: Mapping[str, Json]) -> bool:
        """Whether the budget lets a workload of this spec ask for the GPU devices it names."""
        return self.allows_gpus(gpus_asked({"spec": dict(spec)}))

    def allows_gpus(self, devices: int) -> bool:
        """Whether the budget, and the target, let a workload ask for that many GPU devices."""
        return self.session.budget.allows_gpus(devices) and (devices == 0 or self._capabilities.gpus())

    def why_no_gpus(self) -> str:
        """Why ``allows_gpus`` says no, and what to do about it."""
        if self.state.gpus_gone:
            return self.state.gpus_gone
        limit = self.session.budget.limits.gpu_devices
        if limit is not None and (limit == 0 or self._capabilities.gpus()):
            return (
                f"to be accepted it must ask for more GPU devices than the {limit} that this run may: "
                "allow more with --max-gpu-devices or max_gpu_devices"
            )
        return "it asks for GPU devices, and the target refuses the plainest requests for one"

    @contextmanager
    def several(self, workloads: int) -> Iterator[None]:
        """For the block, be the one test that holds a slot while it waits for another; so nobody waits in a circle.

        Raises LimitReached when so many workloads may not live at once.
        """
        self.session.budget.check_live(workloads)
        with self._several:
            yield

    def learn(self) -> None:
        """Find out what many tests would otherwise ask at once, when slots for live workloads may be scarce."""
        with suppress(AssayError):
            self.allows_gpus(1)

    # --- requests -------------------------------------------------------------------------------------------

    def expect(self, request: Request, before: Spec | None = None) -> Expectation:
        return self.oracle.expect(request, before)

    def send(
        self,
        request: Request,
        *,
        test: str,
        expectation: Expectation | None = None,
        before: Spec | None = None,
        focus: tuple[Reason, ...] = (),
        also: frozenset[int] = frozenset(),
        auth: str | None = "main",
        setup: tuple[Exchange, ...] = (),
        tells_momentary: bool = True,
    ) -> Exchange:
        """Send anything but a creation (see ``creating``) and judge the answer.

        Without ``expectation`` the oracle states it. Deviations stay in the exchange until ``verify``, but for those
        of failures that did not repeat: they are journaled at once, unless the caller does it (``record_momentary``).
        Raises TargetLostError, AnswerLostError, BudgetExhausted.
        """
        stated = self._stated(request, expectation, before)
        return self._sender.send(request, Sending(test, stated, focus, also, auth, setup, tells_momentary))

    def send_raw(
        self,
        request: Request,
        wire: Wire,
        *,
        test: str,
        expectation: Expectation,
        auth: str | None = "main",
        setup: tuple[Exchange, ...] = (),
    ) -> Exchange:
        """Send ``wire`` byte for byte; judge the answer as one to ``request``, which cannot say it (no creation)."""
        return self._sender.send_raw(request, wire, Sending(test, expectation, auth=auth, setup=setup))

    def raw(self, wire: Wire) -> Answer | NoAnswer:
        """Send ``wire`` byte for byte, and judge nothing."""
        return self._sender.raw(wire)

    def creating(
        self,
        request: Request,
        *,
        test: str,
        expectation: Expectation | None = None,
        focus: tuple[Reason, ...] = (),
        also: frozenset[int] = frozenset(),
        auth: str | None = "main",
    ) -> AbstractContextManager[Exchange]:
        """Send a creation; whatever it created is deleted when the block ends.

        Raises BudgetExhausted before anything is sent.
        """
        stated = self._stated(request, expectation)
        return self._sender.creating(request, Sending(test, stated, focus, also, auth))

    @contextmanager
    def workload(self, test: str, spec: Mapping[str, Json] | None = None, **meta: Json) -> Iterator[LiveWorkload]:
        """A live workload for the block. Fails the test when it cannot be created: nothing else could be judged."""
        body = self.body(spec, **meta)
        with self.creating(self.contract.creation.request(body=body), test=test) as exchange:
            identity = created_id(exchange.answer)
            if identity is None:
                self.verify(exchange)
                raise CannotCreateError(f"the workload of this test was not created: {_outline(exchange)}")
            # What deviates in one answer to a creation deviates in hundreds of them: it fails the first test that
            # meets it, at its end, and hides from no test what that is about.
            self.record(exchange)
            yield LiveWorkload(identity, str(exchange.object().get("name", body["name"])), body["spec"], exchange)
            self.recorder.raise_new(exchange)

    def delete(self, workload_id: str, *, test: str, setup: tuple[Exchange, ...] = ()) -> Exchange:
        """Delete a workload of this run. Already gone (404) is as good: a test may have deleted it itself."""
        return self._sender.delete(workload_id, test=test, setup=setup)

    # --- what comes of it -----------------------------------------------------------------------------------

    def verify(self, *exchanges: Exchange) -> None:
        """Journal gaps and advisories; raise ContractBreachError with the violations, if there are any."""
        self.recorder.verify(*exchanges)

    def record(self, exchange: Exchange) -> None:
        """Journal everything that deviates, violations too, without raising (tear-down must go on)."""
        self.recorder.record(exchange)

    def record_momentary(self, exchange: Exchange) -> None:
        """Journal each failure of the API itself that did not repeat when it was asked about again."""
        self._sender.record_momentary(exchange)

    def not_tested(self, what: str, why: str) -> None:
        self.recorder.not_tested(what, why)

    def _stated(self, request: Request, expectation: Expectation | None, before: Spec | None = None) -> Expectation:
        stated = self.expect(request, before) if expectation is None else expectation
        return self._capabilities.assume(request, stated)


def _outline(exchange: Exchange) -> str:
    answer = exchange.answer
    if isinstance(answer, NoAnswer):
        return f"no answer ({answer.kind})"
    return f"{answer.status} {answer.body[:200].decode('utf-8', 'replace')}"
