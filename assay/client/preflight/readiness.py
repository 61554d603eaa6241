"""Are metrics served, and does a new workload have them in time for the checks that need them?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from assay.client.exchange import Answer, NoAnswer, error_message
from assay.client.preflight.recognise import unknown_workload
from assay.client.preflight.steps import Step, ok, usage, warn
from assay.client.session import Session
from assay.client.tokens import http_date
from assay.contract.request import Json, Request
from assay.polling import wait_until

# Seconds until a workload must be Running. The embedded control plane takes 0.8 s; a cluster that has the image
# takes 10 to 60 s, one that must pull it minutes, for which only a certification has the time.
READY_WITHIN: Final[Mapping[str, float]] = {"gate": 15.0, "certify": 300.0}

BRIEFLY: Final = 3.0
"""Seconds that a run looks before it begins: three times what the embedded control plane takes. On a cluster that is
slower the checks wait for their own workload beside others, so that waiting here would only make the run longer."""

ENDED: Final = frozenset({"Failed", "Completed", "Stopped", "Deleting", "Terminating"})
"""Phases in which a workload serves no more."""

_POLL: Final = 0.8
_IMAGE: Final = "set `image` in assay.toml to one that starts there and serves"


def check_metrics(session: Session, workload: str | None, patience: float | None) -> Iterator[Step]:
    """The step ``metrics``: whether they are served, and whether ``workload``, one of ours, has them in time.

    They are waited for ``patience`` seconds, and not at all where it or the workload is None. A cluster without
    monitoring may answer 503 to every metrics call. What the values are is for a run to see.
    """
    look: _Look | None = None
    if workload is not None and patience is not None:
        look = _Look(session, workload)
        wait_until(look, within=patience, every=_POLL, clock=session.clock)
    asked = look.answer if look is not None else None
    answer = asked or session.send(unknown_workload(session.contract, "metrics", workload))
    yield _refused(session, answer, ours=workload is not None) or _served(answer, look, patience)


def _served(answer: Answer | NoAnswer, look: _Look | None, patience: float | None) -> Step:
    if look is not None and not look.is_ready:
        within = READY_WITHIN["gate"]
        loss = f"a gate waits {within:g} s for them, then what needs them is listed as not tested"
        return warn("metrics", f"not ready within {patience:g} s ({look.seen}): {loss}", _IMAGE)
    status = answer.status if isinstance(answer, Answer) else "no answer"
    return ok("metrics", f"{f'ready after {look.seconds:.1f} s' if look else 'metrics are served'} (now: {status})")


def _refused(session: Session, answer: Answer | NoAnswer, *, ours: bool) -> Step | None:
    """The step when metrics are not served at all, or not to us."""
    if isinstance(answer, NoAnswer):
        return warn("metrics", f"metrics are not served ({answer.detail}): a run will list or report them")
    said = f"{answer.status}: {session.mask.text(error_message(answer))}"
    if ours and answer.status == 403:
        todo = "have the application granted a role that may read metrics"
        return usage("metrics", f"these credentials may not read metrics of their own workload ({said})", todo)
    if answer.status >= 500:
        return warn("metrics", f"metrics are not served ({said}): a run will list or report them")
    return None


def is_running(phase: Json) -> bool:
    """Whether the phase is Running, in letters of any case: its spelling is judged elsewhere and hides no metrics."""
    return isinstance(phase, str) and phase.casefold() == "running"


class _Look:
    """Looks again and again whether a workload serves and has metrics; ``answer`` is the last one to a question."""

    def __init__(self, session: Session, workload: str) -> None:
        self._session = session
        self._workload = workload
        self._began = session.clock.monotonic()
        self.seconds = 0.0
        self._phase: Json = None
        self.answer: Answer | NoAnswer | None = None

    def __call__(self) -> bool:
        """Whether nothing is left to wait for: they are there, are refused, or never will be."""
        contract = self._session.contract
        read = self._session.send(contract.reading.request({contract.main_resource: self._workload}))
        body = read.json() if isinstance(read, Answer) else None
        self._phase = body.get("actualPhase") if isinstance(body, dict) else None
        if self._phase in ENDED:
            return True
        if not (self._phase is None or is_running(self._phase)) or not isinstance(read, Answer):
            return False
        self.answer = self._session.send(self._question(read))
        self.seconds = self._session.clock.monotonic() - self._began
        return not isinstance(self.answer, Answer) or self.answer.status in {403, *range(500, 600)} or self.is_ready

    @property
    def is_ready(self) -> bool:
        """What collects metrics may lag behind the phase; without a phase only samples show that it serves."""
        if not isinstance(self.answer, Answer) or self.answer.status == 404:
            return False
        return is_running(self._phase) or _has_samples(self.answer.json())

    def _question(self, read: Answer) -> Request:
        """The last minute, by the target's clock."""
        now = http_date(read.headers.get("date")) or self._session.clock.time()
        end = datetime.fromtimestamp(now, UTC)
        query = (
            ("metricType", "THROUGHPUT,LATENCY"),
            *(
                (name, f"{at:%Y-%m-%dT%H:%M:%SZ}")
                for name, at in (("start", end - timedelta(minutes=1)), ("end", end))
            ),
        )
        return self._session.contract.operations["metrics"].request(workload=self._workload, query=query)

    @property
    def seen(self) -> str:
        """How the workload was seen last."""
        if self._phase is None:
            return "the plain workload shows neither a phase nor samples"
        found = ", and its metrics are not found" if is_running(self._phase) else ""
        return f"the plain workload is {self._phase}{found}"


def _has_samples(body: object) -> bool:
    found = body.get("measurements") if isinstance(body, dict) else None
    return isinstance(found, list) and any(isinstance(one, dict) and one.get("values") for one in found)
