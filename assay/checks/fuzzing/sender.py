"""Sends the cases of one operation through the probe and judges each answer with both sets of checks."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

from assay.checks.exchange import Exchange
from assay.checks.fuzzing.fitting import Fitter, Ids, carries_a_project, moment
from assay.checks.fuzzing.mending import mend
from assay.checks.fuzzing.source import is_valid
from assay.checks.fuzzing.translate import AnyCase, to_request, to_response
from assay.checks.fuzzing.treatment import deviations
from assay.checks.probe import PLAIN_SPEC, Probe, Workload
from assay.client.exchange import Answer
from assay.contract.oracle import Existing
from assay.contract.request import Expectation, Json, Outcome, Reason, Request, Source
from assay.contract.rules.base import Spec

# What is lawful beside the documented success although the request alone does not show it: metrics of a workload or
# pod that is not ready, an update while the workload is being created.
ALSO: Final = {
    "metrics": frozenset({404}),
    "pod_metrics": frozenset({404}),
    "update": frozenset({409}),
}
# Retention is not in the contract; every control plane that serves metrics keeps those of the last day.
_RETAINED: Final = timedelta(days=1)
# Pods follow a creation within seconds; the embedded control plane shows the first after 0.2 s.
POD_PATIENCE: Final = 10.0
_POD_INTERVAL: Final = 0.2


@dataclass(frozen=True, slots=True)
class Trial:
    """One case and how it is fitted.

    ``known`` uses ids that exist, ``recent`` asks for metrics of the last minutes, ``mended`` drops what the oracle
    objects to from a schema-valid body (one that is meant to break the schema stays as it is). ``body`` replaces the
    case's body.
    """

    case: AnyCase
    known: bool = True
    mended: bool = False
    recent: bool = True
    body: Json = None


class Tally:
    """Requests and successes per operation."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.reached: Counter[str] = Counter()

    def add(self, exchange: Exchange) -> None:
        self.requests[exchange.request.operation] += 1
        self.reached[exchange.request.operation] += exchange.accepted


class Sender:
    """Sends trials of one operation; keeps one live workload of its own for those that need one.

    A context manager: the workload is deleted at the end. For use in one thread.
    """

    def __init__(self, probe: Probe, test: str, role: str, tally: Tally) -> None:
        self.probe = probe
        self.test = test
        self.operation = role
        self._tally = tally
        self.fitter = Fitter(
            probe.project, probe.cluster, probe.name, frugal=probe.session.budget.limits.gpu_devices is not None
        )
        self._stack = ExitStack()
        self._workload: Workload | None = None
        self._pod: str | None = None
        self._pod_looked_for = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def try_out(self, trial: Trial) -> None:
        """Send one trial. Raises ContractBreachError with the violations of its answer."""
        request = self.request(trial)
        if carries_a_project(request):
            return
        if self.operation == "create":
            stated = self._expect(request, None)
            with self.probe.creating(request, test=self.test, expectation=stated) as exchange:
                self._verify(trial.case, exchange)
        else:
            self._verify(trial.case, self._send(request))

    def request(self, trial: Trial) -> Request:
        """The request that a trial becomes; creates the live workload when it needs one."""
        request = to_request(trial.case, self.operation)
        if trial.body is not None:
            request = replace(request, body=trial.body, raw=None)
        needs = self.operation != "create" and (trial.known or self.operation == "update")
        live = self.live() if needs else None
        ids = Ids(
            self.probe.project,
            self.probe.cluster,
            live.id if live else None,
            self._a_pod(live) if live and self.operation == "pod_metrics" else None,
        )
        request = self.fitter.fit(request, ids, known=trial.known, recent=trial.recent)
        if trial.mended and is_valid(trial.case):
            request = mend(self.probe.oracle, request, PLAIN_SPEC, live.spec if live else None)
        return request

    def live(self) -> Workload:
        """The live workload, with the spec it was created with."""
        if self._workload is None:
            self._workload = self._stack.enter_context(self.probe.workload(self.test))
            self._pod_looked_for = False
        return self._workload

    def _send(self, request: Request) -> Exchange:
        live = self._workload
        if live is not None and request.path.get("workloadId") != live.id:
            live = None
        exchange = self.probe.send(
            request,
            test=self.test,
            expectation=self._expect(request, live),
            also=ALSO.get(self.operation, frozenset()),
            setup=(live.created,) if live else (),
        )
        if live is not None and exchange.accepted and self.operation in {"update", "delete"}:
            # Its spec is no longer the known one, or it is going: the next trial gets a fresh workload.
            self._stack.close()
            self._workload = None
        return exchange

    def _expect(self, request: Request, live: Workload | None) -> Expectation:
        existing = Existing.of(
            workload=[live.id] if live else [], project=[self.probe.project], cluster=[self.probe.cluster]
        )
        return expect(self.probe, request, live.spec if live else None, existing)

    def _verify(self, case: AnyCase, exchange: Exchange) -> None:
        self._tally.add(exchange)
        self.probe.verify(judged(case, exchange, self.probe.oracle.contract.operations[self.operation].id))

    def _a_pod(self, live: Workload) -> str | None:
        """The id of a pod of the live workload; looked for once, and reported when there is none."""
        if not self._pod_looked_for:
            self._pod = find_pod(self.probe, live.id)
            self._pod_looked_for = True
            if self._pod is None:
                self.probe.not_tested(
                    f"{self.test}: metrics of a pod that exists",
                    f"the target has no list of pods, or showed none within {POD_PATIENCE:g} s",
                )
        return self._pod


def expect(probe: Probe, request: Request, before: Spec | None, existing: Existing) -> Expectation:
    """The oracle's expectation, opened for metrics of times that a target need not have kept."""
    stated = probe.oracle.expect(request, before, existing)
    if stated.outcome is Outcome.ACCEPT and request.operation in {"metrics", "pod_metrics"}:
        given = dict(request.query)
        now = datetime.now(UTC)
        for name in ("start", "end"):
            when = moment(given.get(name, ""))
            if when is None or abs(now - when) > _RETAINED:
                why = "the contract does not say how far back or ahead metrics can be asked for"
                return Expectation(Outcome.OPEN, (Reason(Source.SILENCE, "distant-range", f"/query/{name}", why),))
    return stated


def judged(case: AnyCase, exchange: Exchange, operation: str) -> Exchange:
    """The exchange with what Schemathesis's own checks find in its answer beyond ours."""
    if not isinstance(exchange.answer, Answer):
        return exchange
    known = frozenset(deviation.check for deviation in exchange.deviations)
    found = deviations(case, to_response(exchange.answer, case), known, operation)
    return exchange.with_deviations(*found)


def find_pod(probe: Probe, workload_id: str) -> str | None:
    """The id of a pod of the workload, waiting for it at most POD_PATIENCE seconds; None when there is none."""
    deadline = time.monotonic() + POD_PATIENCE
    while (pods := probe.session.pods(workload_id)) is not None:
        named = [str(pod["id"]) for pod in pods if isinstance(pod.get("id"), str)]
        if named:
            return named[0]
        if time.monotonic() > deadline:
            return None
        time.sleep(_POD_INTERVAL)
    return None
