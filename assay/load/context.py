"""What scenarios share in one load process: the session with the target, its workloads and their names."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from assay.client.budget import LimitReached, gpus_asked
from assay.client.creation import Pending, is_doubtful
from assay.client.exchange import Answer, NoAnswer, to_wire
from assay.client.gateway import is_of_the_way
from assay.client.patience import BUSY
from assay.client.session import Session
from assay.clock import clock_time
from assay.contract.request import ABSENT, Request
from assay.errors import AssayError, InconclusiveError
from assay.generation.cases import NOWHERE
from assay.generation.values import PLAIN_IMAGE
from assay.load.call import Answered, Level, PreparedCall, Skip
from assay.load.client import RawTransport
from assay.load.intents import Names
from assay.load.measures import BUDGET, STOPPED
from assay.polling import wait_until
from assay.wording import gist

READY_PHASES: Final = frozenset({"Running"})
LEAVING_PHASES: Final = frozenset({"Deleting", "Terminating"})
_POLL: Final = 0.1
_CALM_ANSWERS: Final = 3
_CALM_SECONDS: Final = 1.0
_CREATIONS: Final = 4
"""Creations in a row whose answers are lost on the way, before a workload counts as one that cannot be created."""

_REFUSED_IN_A_ROW: Final = 10
"""Creations under load, all of them alike: what refuses so many refuses them all. At four a second it takes 2.5 s."""
_LOST: Final = NoAnswer("reset", "no usable answer came")


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload of this run that scenarios may use."""

    id: str
    name: str


class ScenarioContext:
    """Everything a scenario may touch. ``part`` is this process's number among the load processes, from 0.

    What is measured goes out by ``transport``, everything else by ``session``, whose transport is the same one.
    """

    def __init__(
        self, session: Session, transport: RawTransport, names: Names, *, part: int = 0, seed: int = 0
    ) -> None:
        self.session = session
        self.contract = session.contract
        self.budget = session.budget
        self.transport = transport
        self.names = names
        self.part = part
        self.seed = seed
        self.workloads: list[Workload] = []
        self.living = 0  # workloads that exist and were not asked to go; budget.live counts those on their way too
        self.closing = False  # set when the clean-up begins: nothing more is created
        self._image = session.settings.image or PLAIN_IMAGE
        self._pending: dict[str, Pending] = {}
        self._discarded: deque[Workload] = deque()
        self._lost: deque[Pending] = deque()
        self._refused, self._refused_since = 0, 0.0  # creations in a row
        self._pods: list[tuple[Workload, str]] = []
        self._creation = session.contract.creation.name
        self._expect = {
            name: frozenset(status for status in operation.responses if 200 <= status < 300)
            for name, operation in session.contract.operations.items()
        }

    def operation(self, name: str) -> str:
        """The operation id, which is the key of every result."""
        return self.contract.operations[name].id

    def call(
        self, request: Request, *, holds: bytes = b"", note: Any = None, levels: tuple[Level, ...] = ()
    ) -> PreparedCall:
        """Turn a request of the contract's vocabulary into a call ready to be sent."""
        wire = to_wire(self.contract, request)
        fields = "".join(f"{name}: {value}\r\n" for name, value in wire.headers)
        body = wire.content or b""
        length = f"Content-Length: {len(body)}\r\n" if request.body is not ABSENT or request.raw else ""
        return PreparedCall(
            operation=self.operation(request.operation),
            method=wire.method,
            line=f"{wire.method} {self.transport.path}{wire.target} HTTP/1.1\r\n".encode("ascii"),
            rest=f"{fields}{length}\r\n".encode("latin-1") + body,
            expect=self._expect[request.operation],
            holds=holds,
            note=note,
            levels=levels,
        )

    # creations ---------------------------------------------------------------------------------------------------

    def creation(self, spec: Any) -> tuple[str, Request] | Skip:
        """A create request under a name whose intent is on disk; Skip when the budget has no room right now."""
        if self.closing:
            return Skip(self.operation(self._creation), STOPPED)
        body = {
            "name": self.names.take(),
            "projectId": self.session.project,
            "clusterId": self.session.cluster,
            "spec": {"image": self._image, **spec},
        }
        name = str(body["name"])
        try:
            self._pending[name] = self.session.begin(name, gpus=gpus_asked(body), noted=True)
        except LimitReached as reached:
            self.names.put_back(name)
            return Skip(self.operation(self._creation), f"{BUDGET}{reached.limit}")
        return name, Request(self._creation, body=body)

    def created(self, name: str, answer: Answered | None) -> Workload | None:
        """Note what became of a creation; returns the workload when there is one.

        Without a usable answer the workload may exist: it is looked for, and its slot stays taken until then.
        """
        outcome = _LOST if answer is None else Answer(answer.status, body=answer.body)
        workload = self._finished(self._pending.pop(name), outcome)
        if isinstance(outcome, Answer):
            self._see_that_creations_pass(outcome)
        return workload

    def _see_that_creations_pass(self, answer: Answer) -> None:
        """Raise InconclusiveError when creations have begun to be refused: figures of refusals measure nothing.

        A failure (5xx) of creations under load is the target's, but when it answers everything nothing is measured
        either; 429 and 503 are limits that it sets.
        """
        if answer.status < 400 or answer.status in BUSY:
            self._refused = 0
            return
        if self._refused == 0:
            self._refused_since = self.session.clock.time()
        self._refused += 1
        if self._refused % _REFUSED_IN_A_ROW == 0:
            everything = self._reads_as(answer.status)
            if answer.status >= 500 and not everything:
                return
            since = clock_time(self._refused_since, self.session.clock.time())
            words = gist(self.session.mask.text(answer.text))
            what = "every request is answered" if everything else "every creation is refused"
            raise InconclusiveError(
                f"since {since} {what} with {answer.status}{f': {words}' if words else ''}",
                hint="`assay doctor` tells what has changed",
            )

    def _reads_as(self, status: int) -> bool:
        """Whether a read is answered with this status, too, though it is not what an unknown workload gets."""
        read = self.session.contract.reading.request({self.session.contract.main_resource: NOWHERE})
        outcome = self.session.send(read)
        return isinstance(outcome, Answer) and outcome.status == status != 404

    def _finished(self, pending: Pending, outcome: Answer | NoAnswer) -> Workload | None:
        workload_id = self.session.finish(pending, outcome)
        if workload_id is None:
            if is_doubtful(outcome):
                self._lost.append(pending)
            return None
        self.living += 1
        return Workload(workload_id, pending.name)

    def left(self) -> None:
        """The target agreed to delete a workload: it no longer counts as living."""
        self.living -= 1

    def next_lost(self) -> Pending | None:
        """A creation whose answer was lost, for ``look_for``."""
        return self._lost.popleft() if self._lost else None

    def look_for(self, pending: Pending) -> bool:
        """Look for a lost creation by its name and discard what is found; False when the target cannot tell."""
        found = self.session.look_for(pending)
        for workload_id in found or ():
            self.living += 1
            self.discard(Workload(workload_id, pending.name))
        return found is not None

    def discard(self, workload: Workload) -> None:
        """Have the workload deleted soon, outside what is measured."""
        self._discarded.append(workload)

    def next_discarded(self) -> Workload | None:
        return self._discarded.popleft() if self._discarded else None

    # the workloads that scenarios share --------------------------------------------------------------------------

    def populate(self, number: int, spec: Any, *, deadline: float) -> list[str]:
        """Create ``number`` workloads and wait until they run; returns notes for the report.

        Raises InconclusiveError when one cannot be created; one that does not run within ``deadline`` seconds is
        used all the same, with a note.
        """
        clock = self.session.clock
        until = clock.monotonic() + deadline
        self.workloads += [self._create_one(spec) for _ in range(number)]
        waiting = list(self.workloads)

        def all_run() -> bool:
            waiting[:] = [workload for workload in waiting if self.phase(workload) not in READY_PHASES]
            return not waiting or self.closing

        wait_until(all_run, within=until - clock.monotonic(), every=_POLL, clock=clock)
        if not waiting:
            return []
        return [
            f"{len(waiting)} of {number} workloads did not run within {deadline:g} s; they were used all the same"
        ]

    def _create_one(self, spec: Any) -> Workload:
        """Create one workload; under a fresh name once more when nobody can tell what became of it.

        Whatever a lost creation made is found and deleted as in ``created``.
        """
        outcome: Answer | NoAnswer = _LOST
        for _ in range(_CREATIONS):
            outcome, workload = self._try_to_create(spec)
            if workload is not None:
                return workload
            if not is_of_the_way(outcome):
                break
        said = outcome.text[:300] if isinstance(outcome, Answer) else ""
        wrong = str(outcome.status) if isinstance(outcome, Answer) else outcome.detail
        raise InconclusiveError(
            "the load part could not create the workloads it needs: "
            f"{self.operation(self._creation)} gave {wrong} {said}".rstrip(),
            hint="`assay doctor` tells whether the target can be tested at all",
        )

    def _try_to_create(self, spec: Any) -> tuple[Answer | NoAnswer, Workload | None]:
        made = self.creation(spec)
        if isinstance(made, Skip):
            if made.reason == STOPPED:
                raise InconclusiveError("the load part was stopped while it made its workloads")
            limit = made.reason.removeprefix(BUDGET)
            raise InconclusiveError(
                f"the load part needs more workloads than the run may have ({limit})",
                hint=f"raise --{limit.replace('_', '-')}, or choose scenarios with a smaller population",
            )
        name, request = made
        outcome: Answer | NoAnswer = _LOST
        try:
            outcome = self.session.send(request, begun=True)
        finally:
            workload = self._finished(self._pending.pop(name), outcome)
        return outcome, workload

    def phase(self, workload: Workload) -> str | None:
        """The workload's actual phase; None when it is gone, "" when nobody knows.

        Gone is what answers 404, or what was deleted and is no longer on its way: records may outlive a deletion.
        """
        request = self.contract.reading.request({self.contract.main_resource: workload.id})
        outcome = self.session.send(request, cleaning=True)
        if isinstance(outcome, Answer) and outcome.status == 404:
            return None
        body = outcome.json() if isinstance(outcome, Answer) and outcome.status == 200 else None
        if not isinstance(body, dict):
            return ""
        phase = str(body.get("actualPhase") or "")
        return None if body.get("deletedAt") and phase not in LEAVING_PHASES else phase

    def wait_until_calm(self, deadline: float) -> bool:
        """Wait until the target answers reads quickly again after it was flooded; False when it does not."""
        clock = self.session.clock
        quick = 0

        def calm() -> bool:
            nonlocal quick
            if not self.workloads:
                return True
            began = clock.monotonic()
            known = self.phase(self.workloads[0]) != ""
            quick = quick + 1 if known and clock.monotonic() - began < _CALM_SECONDS else 0
            return quick >= _CALM_ANSWERS

        return wait_until(calm, within=deadline, every=_POLL, clock=clock)

    def pods(self) -> list[tuple[Workload, str]]:
        """The pods of the population as last seen: (workload, pod id)."""
        return self._pods

    def look_for_pods(self) -> None:
        """Ask the target which pods there are now; they come and go with replicas."""
        found = []
        for workload in self.workloads:
            try:
                listed = self.session.pods(workload.id, cleaning=True)
            except AssayError:
                continue  # the token cannot be renewed: the requests that are measured will tell
            found += [(workload, str(pod["id"])) for pod in listed or () if isinstance(pod.get("id"), str)]
        self._pods = found
