"""What must hold when several clients act at once. The pool is the scenario's own; every request is judged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from assay.checks import claims, deletion, echo, lifecycle
from assay.checks.exchange import Deviation, Exchange, violation
from assay.checks.target import LiveWorkload, TargetUnderTest
from assay.contract.documents import Contract
from assay.contract.request import Expectation, Json, Outcome

T = TypeVar("T")

_OPEN: Final = Expectation(Outcome.OPEN)
_FIELDS: Final[dict[str, Mapping[str, Json]]] = {
    "command": {"command": "parallel"},
    "args": {"args": "--parallel"},
    "workingDir": {"workingDir": "/parallel"},
    "priorityClass": {"priorityClass": "low"},
    "imagePullPolicy": {"imagePullPolicy": "Never"},
    "servingConfiguration": {"servingConfiguration": {"requestTimeoutSeconds": 77}},
}
_ROUNDS: Final = 6
_READERS: Final = 2
_LOOKS: Final = 4
"""Reads before, and after, an update among requests that leave at one moment."""
_AHEAD: Final = 0.01
"""Seconds by which one update is ahead of the deletion, so that it is under way when the deletion comes."""


def at_once(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """Run the jobs in threads that start together; the results in order."""
    gate = threading.Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        gate.wait(timeout=30)
        return job()

    with ThreadPoolExecutor(len(jobs), thread_name_prefix="at-once") as pool:
        return list(pool.map(run, jobs))


def creations(target: TargetUnderTest, test: str, count: int) -> None:
    """Creations in parallel get distinct ids (the judge sees to that) and each of them exists under its own name."""

    def one() -> list[Exchange]:
        with target.workload(test) as workload:
            seen = lifecycle.read(target, test, workload)
            return [lifecycle.same_metadata(workload.told, seen, "parallel-create")]

    creation = target.contract.creation.request(body=target.body())
    target.state.found.concurrent[test] = (creation,) * count
    target.verify(*(exchange for found in at_once([one] * count) for exchange in found))


def updates(target: TargetUnderTest, test: str, spec: Mapping[str, Json]) -> None:
    """Updates of different fields at the same time lose nothing."""
    with target.workload(test, spec) as workload:
        target.state.found.concurrent[test] = tuple(
            target.contract.updating.request(workload=workload.id, body={"spec": dict(patch)})
            for patch in _FIELDS.values()
        )
        jobs = [lambda patch=patch: lifecycle.patch(target, test, workload, patch) for patch in _FIELDS.values()]
        answered: list[Exchange] = at_once(jobs)
        target.verify(*(exchange for exchange in answered if exchange.status != 409))
        wanted: dict[str, Json] = {}
        for exchange, patch in zip(answered, _FIELDS.values(), strict=True):
            if exchange.accepted:  # 409: the target serialises by refusing, and the client is told
                wanted |= patch
        final = lifecycle.settled(
            target,
            test,
            workload,
            lambda body: not list(echo.differences(wanted, body.get("spec"))),
            after=tuple(exchange for exchange in answered if exchange.accepted),
        )
        lost = list(echo.differences(wanted, final.object().get("spec")))
        target.verify(final.with_deviations(*(_lost(pointer, wanted) for pointer in lost)))


def _lost(pointer: str, wanted: Mapping[str, Json]) -> Deviation:
    return violation(
        "parallel-update-lost",
        f"/response/body{pointer}",
        f"{pointer} is lost when several fields are updated at the same time",
        "Each of these updates was accepted, and none of them names a field of another.",
        claims=claims.comes_back(wanted, pointer),
    )


def update_against_delete(target: TargetUnderTest, test: str) -> None:
    """Updates and a deletion at the same time: any order is lawful, but the workload ends deleted."""
    with target.workload(test) as workload:
        request = target.contract.deletion.request(workload=workload.id)
        setup = (workload.created,)
        change = target.contract.updating.request(workload=workload.id, body={"spec": {"command": "late"}})
        target.state.found.concurrent[test] = (change, request, change)
        late = threading.Event()

        def update() -> Exchange:
            return target.send(change, test=test, expectation=_OPEN, setup=setup)

        def update_late() -> Exchange:
            late.wait(_AHEAD)
            return update()

        def delete() -> Exchange:
            late.wait(_AHEAD)
            return target.send(request, test=test, expectation=_OPEN, setup=setup)

        raced = at_once([update, delete, update_late])
        if raced[1].accepted:  # a second deletion would hide that an update has undone the first
            target.verify(*raced, deletion.await_deletion(target, test, workload, *raced))
        else:
            target.verify(*raced, *deletion.delete_and_wait(target, test, workload, second=True))


def reads_during_writes(target: TargetUnderTest, test: str) -> None:
    """While a workload is updated, reads see one update or another, whole, and never another workload."""
    with target.workload(test, {"image": "registry.example/echo:1.0", "command": "v0", "args": "v0"}) as workload:
        done = threading.Event()
        pair: dict[str, Json] = {"command": "v1", "args": "v1"}
        looks = (target.contract.reading.request(workload=workload.id),) * _LOOKS
        change = target.contract.updating.request(workload=workload.id, body={"spec": pair})
        target.state.found.concurrent[test] = (*looks, change, *looks)

        def write() -> list[Exchange]:
            try:
                pairs = ({"command": f"v{number}", "args": f"v{number}"} for number in range(1, _ROUNDS + 1))
                return [lifecycle.patch(target, test, workload, pair) for pair in pairs]
            finally:
                done.set()

        def watch() -> list[Exchange]:
            seen = []
            for _ in range(_ROUNDS * 2):
                seen.append(_whole(lifecycle.read(target, test, workload), workload, target.contract))
                if done.is_set():
                    break
            return seen

        results = at_once([write, *[watch] * _READERS])
        target.verify(*(exchange for found in results for exchange in found))


def _whole(exchange: Exchange, workload: LiveWorkload, contract: Contract) -> Exchange:
    body = exchange.object()
    spec = body.get("spec")
    found = []
    if exchange.accepted and contract.main_id_of(body) != workload.id:
        found.append(
            (
                "read-other",
                "/response/body/workloadId",
                "a read during updates tells another workload",
                claims.holding("workloadId", workload.id),
            )
        )
    if exchange.accepted and isinstance(spec, Mapping) and spec.get("command") != spec.get("args"):
        found.append(
            (
                "read-torn",
                "/response/body/spec",
                "a read during updates tells half of one and half of another",
                claims.paired("spec/command", "spec/args"),
            )
        )
    return exchange.with_deviations(
        *(
            violation(check, place, summary, "Every update set both fields to the same value.", claims=(claim,))
            for check, place, summary, claim in found
        )
    )
