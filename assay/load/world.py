"""What scenarios share in one load process: the target, its workloads, names, budget and ledger."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from assay.client.budget import Budget, LimitReached
from assay.client.exchange import to_wire
from assay.contract.documents import Contract
from assay.contract.request import ABSENT, Request
from assay.errors import InconclusiveError
from assay.load.client import Answer, Client, Failure
from assay.load.measures import BUDGET, STOPPED
from assay.load.names import Names
from assay.load.scenario import Answered, Call, Level, Skip

READY_PHASES: Final = frozenset({"Running"})
LEAVING_PHASES: Final = frozenset({"Deleting", "Terminating"})
_POLL: Final = 0.1
_CALM_ANSWERS: Final = 3
_CALM_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload of this run that scenarios may use."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where workloads are created."""

    project: str
    cluster: str
    image: str


class World:
    """Everything a scenario may touch. ``part`` is this process's number among the load processes, from 0."""

    def __init__(
        self,
        contract: Contract,
        place: Place,
        client: Client,
        budget: Budget,
        names: Names,
        *,
        part: int = 0,
        seed: int = 0,
    ) -> None:
        self.contract = contract
        self.place = place
        self.client = client
        self.budget = budget
        self.names = names
        self.part = part
        self.seed = seed
        self.workloads: list[Workload] = []
        self.living = 0  # workloads that exist and were not asked to go; budget.live counts those on their way too
        self.closing = False  # set when the clean-up begins: nothing more is created
        self._doomed: deque[Workload] = deque()
        self._lost: deque[str] = deque()
        self._pods: list[tuple[Workload, str]] = []
        self._expect = {
            role: frozenset(status for status in operation.responses if 200 <= status < 300)
            for role, operation in contract.operations.items()
        }

    def operation(self, role: str) -> str:
        """The operation id, which is the key of every result."""
        return self.contract.operations[role].id

    def call(self, request: Request, *, holds: bytes = b"", note: Any = None, levels: tuple[Level, ...] = ()) -> Call:
        """Turn a request of the contract's vocabulary into a call ready to be sent."""
        wire = to_wire(self.contract, request)
        fields = "".join(f"{name}: {value}\r\n" for name, value in wire.headers)
        body = wire.content or b""
        length = f"Content-Length: {len(body)}\r\n" if request.body is not ABSENT or request.raw else ""
        return Call(
            operation=self.operation(request.operation),
            method=wire.method,
            line=f"{wire.method} {self.client.path}{wire.target} HTTP/1.1\r\n".encode("ascii"),
            rest=f"{fields}{length}\r\n".encode("latin-1") + body,
            expect=self._expect[request.operation],
            holds=holds,
            note=note,
            levels=levels,
        )

    def creation(self, spec: Any) -> tuple[str, Request] | Skip:
        """A create request under a name whose intent is on disk; Skip when the budget has no room right now."""
        if self.closing:
            return Skip(self.operation("create"), STOPPED)
        try:
            self.budget.take(patience=0.0)
        except LimitReached as reached:
            return Skip(self.operation("create"), f"{BUDGET}{reached.limit}")
        name = self.names.take()
        body = {
            "name": name,
            "projectId": self.place.project,
            "clusterId": self.place.cluster,
            "spec": {"image": self.place.image, **spec},
        }
        return name, Request("create", body=body)

    def created(self, name: str, answer: Answered | None) -> Workload | None:
        """Note in the ledger what became of a creation; returns the workload when there is one.

        Without a usable answer the workload may exist: its name stays in the ledger and its slot stays taken.
        """
        identifier = _identifier(answer) if answer is not None and 200 <= answer.status < 300 else None
        if identifier is not None:
            self.names.ledger.created(name, identifier)
            self.living += 1
            return Workload(identifier, name)
        if answer is not None and 400 <= answer.status < 500:
            self.names.ledger.refused(name)
            self.budget.give_back()
        else:
            self.names.ledger.lost(name)
            self._lost.append(name)
        return None

    def next_lost(self) -> str | None:
        """The name of a creation whose answer was lost, for ``look_for``."""
        return self._lost.popleft() if self._lost else None

    def look_for(self, name: str) -> bool:
        """Look for a lost creation by its unique name; False when the target cannot tell.

        What is found is discarded; if there is none, its slot is free again.
        """
        query = f"filterBy={quote(f'name=={name}', safe='=')}&limit=10"
        try:
            answer = self.client.send(f"GET {self.client.path}/api/v1/workloads?{query} HTTP/1.1\r\n".encode())
        except Failure:
            return False
        listed = _object(answer.body).get("workloads")
        if answer.status != 200 or not isinstance(listed, list):
            return False
        # Checked here again: a target that ignores the filter must not make us touch a stranger's workload.
        own = [entry for entry in listed if isinstance(entry, dict) and entry.get("name") == name]
        ids = [entry["id"] for entry in own if isinstance(entry.get("id"), str) and not entry.get("deletedAt")]
        self.names.ledger.searched(name)
        for identifier in ids:
            self.names.ledger.created(name, identifier)
            self.living += 1
            self.discard(Workload(identifier, name))
        if not ids:
            self.budget.give_back()
        return True

    def discard(self, workload: Workload) -> None:
        """Have the workload deleted soon, outside what is measured."""
        self._doomed.append(workload)

    def next_doomed(self) -> Workload | None:
        return self._doomed.popleft() if self._doomed else None

    def populate(
        self, number: int, spec: Any, *, deadline: float, sleep: Callable[[float], None] = time.sleep
    ) -> list[str]:
        """Create ``number`` workloads and wait until they run; returns notes for the report.

        Raises InconclusiveError when one cannot be created; one that does not run within ``deadline`` seconds is
        used all the same, with a note.
        """
        until = time.monotonic() + deadline
        for _ in range(number):
            self.workloads.append(self._create_one(spec))
        waiting = list(self.workloads)
        while waiting and time.monotonic() < until and not self.closing:
            waiting = [workload for workload in waiting if self.phase(workload) not in READY_PHASES]
            if waiting:
                sleep(_POLL)
        if not waiting:
            return []
        return [
            f"{len(waiting)} of {number} workloads did not run within {deadline:g} s; they were used all the same"
        ]

    def _create_one(self, spec: Any) -> Workload:
        made = self.creation(spec)
        if isinstance(made, Skip):
            if made.reason == STOPPED:
                raise InconclusiveError("the load part was stopped while it made its workloads")
            raise InconclusiveError(
                "the load part needs more live workloads than the run may have",
                hint="raise --max-live, or choose scenarios with a smaller population",
            )
        name, request = made
        call = self.call(request)
        answer: Answer | None = None
        try:
            answer = self.client.send(call.line, call.rest)
            wrong = call.wrong_with(answer)
        except Failure as failure:
            wrong = str(failure)
        workload = self.created(name, answer)
        if workload is None or wrong:
            said = answer.body[:300].decode("utf-8", "replace") if answer is not None else ""
            raise InconclusiveError(
                "the load part could not create the workloads it needs: "
                f"{call.operation} gave {wrong or 'no id'} {said}".rstrip(),
                hint="`assay doctor` tells whether the target can be tested at all",
            )
        return workload

    def phase(self, workload: Workload) -> str | None:
        """The workload's actual phase; None when it is gone, "" when nobody knows.

        Gone is what answers 404, or what was deleted and is no longer on its way: records may outlive a deletion.
        """
        call = self.call(Request("read", path={"workloadId": workload.id}))
        try:
            answer = self.client.send(call.line, call.rest)
        except Failure:
            return ""
        if answer.status == 404:
            return None
        body = _object(answer.body)
        if answer.status != 200 or not body:
            return ""
        phase = str(body.get("actualPhase") or "")
        return None if body.get("deletedAt") and phase not in LEAVING_PHASES else phase

    def wait_until_calm(self, deadline: float, sleep: Callable[[float], None] = time.sleep) -> bool:
        """Wait until the target answers reads quickly again after it was flooded; False when it does not."""
        until = time.monotonic() + deadline
        quick = 0
        while quick < _CALM_ANSWERS and self.workloads:
            began = time.monotonic()
            known = self.phase(self.workloads[0]) != ""
            quick = quick + 1 if known and time.monotonic() - began < _CALM_SECONDS else 0
            if time.monotonic() > until:
                return False
            sleep(_POLL)
        return True

    def pods(self) -> list[tuple[Workload, str]]:
        """The pods of the population as last seen: (workload, pod id)."""
        return self._pods

    def look_for_pods(self) -> None:
        """Ask the target which pods there are now; they come and go with replicas."""
        found = []
        for workload in self.workloads:
            path = f"/api/v1/workloads/{quote(workload.id, safe='')}/pods"
            try:
                answer = self.client.send(f"GET {self.client.path}{path} HTTP/1.1\r\n".encode())
            except Failure:
                continue
            if answer.status == 200:
                listed = _object(answer.body).get("pods")
                found += [(workload, pod["id"]) for pod in listed or () if isinstance(pod.get("id"), str)]
        self._pods = found

    def delete(self, workload: Workload) -> bool:
        """Ask for the deletion once; True when the target took it (or the workload is already gone)."""
        self.names.ledger.delete_sent(workload.id)
        call = self.call(Request("delete", path={"workloadId": workload.id}))
        try:
            status = self.client.send(call.line, call.rest).status
        except Failure:
            return False
        taken = status in (200, 202, 204, 404)
        if taken:
            self.living -= 1
            self.names.ledger.delete_taken(workload.id)
        return taken

    def gone(self, workload: Workload) -> None:
        """The workload is no more: its slot is free."""
        self.names.ledger.gone(workload.id)
        self.budget.give_back()


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _identifier(answer: Answered) -> str | None:
    value = _object(answer.body).get("workloadId")
    return value if isinstance(value, str) and value else None
