"""What a session tells the journal of a run, as it happens and once."""

from __future__ import annotations

from typing import Any

import pytest

from assay.client.exchange import NoAnswer
from assay.client.transport import HttpTransport
from assay.contract.request import Request
from assay.errors import ReportError
from tests.client.conftest import Connect, Open
from tests.client.plane import Plane
from tests.client.servers import Reply, error, serving
from tests.client.test_delivery import READ, Sequence
from tests.client.test_session import create, creation, delete


class Log(list[dict[str, Any]]):
    """Keeps the events, each with its kind; ``full`` like a disk that takes no more."""

    full = False

    def write(self, kind: str, /, **event: Any) -> None:
        if self.full:
            raise ReportError("the disk is full")
        self.append({"t": kind, **event})


def test_a_creation_is_told_at_once_and_a_deletion_when_it_is_seen(reach: Open) -> None:
    log = Log()
    target = reach(events=log)
    name = target.name()
    workload = create(target, name)
    created = {"t": "resource", "event": "created", "id": workload, "name": name}
    assert log == [created]
    delete(target, workload)
    assert log == [created]  # agreed to, not seen
    target.send(Request("read", path={"workloadId": workload}))
    assert log == [created, {"t": "resource", "event": "deleted", "id": workload}]
    assert target.sweep().clean
    assert len(log) == 2


def test_what_others_created_is_told_by_who_removes_it(reach: Open) -> None:
    name = (killed := reach()).name()
    workload = create(killed, name)
    log = Log()
    assert reach(events=log).sweep().deleted == (workload,)
    assert log == [
        {"t": "resource", "event": "created", "id": workload, "name": name},
        {"t": "resource", "event": "deleted", "id": workload},
    ]


def test_only_the_last_sweep_tells_what_is_left_behind(reach: Open, plane: Plane) -> None:
    log = Log()
    target = reach(events=log)
    name = target.name()
    workload = create(target, name)
    plane.delete_status = 403
    target.sweep(last=False)
    assert {event["event"] for event in log} == {"created"}
    target.sweep()
    assert log[-1] == {"t": "resource", "event": "left_behind", "id": workload, "name": name}


def test_a_deletion_that_nobody_saw_done_is_told_as_that(reach: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    target = reach(events=log, retry_cap=0.01)
    name = target.name()
    workload = create(target, name)
    delete(target, workload)
    monkeypatch.setattr(HttpTransport, "exchange", lambda *_: NoAnswer("refused", "connection refused"))
    target.sweep()
    assert log[-1] == {"t": "resource", "event": "unconfirmed", "id": workload, "name": name}


def test_a_lost_creation_is_told_and_left_behind_under_its_name(reach: Open, plane: Plane) -> None:
    log = Log()
    target = reach(events=log)
    name = target.name()
    plane.lose_create, plane.lists = True, False
    assert isinstance(target.send(creation(target, name)), NoAnswer)
    assert {"t": "lost", "name": name} in log
    target.sweep(deadline=0.5)
    assert log[-1] == {"t": "resource", "event": "left_behind", "id": name, "name": name}


def test_pauses_are_told(connect: Connect) -> None:
    log = Log()
    with serving(Sequence(error(429, Retry_After="3"), error(503), Reply(200, {}))) as server:
        connect(server.base_url, events=log).send(READ)
    assert log == [
        {"t": "wait", "cause": "429", "seconds": 3.0},
        {"t": "wait", "cause": "503", "seconds": 0.5},
    ]


def test_a_full_journal_keeps_nothing_alive(reach: Open, plane: Plane) -> None:
    log = Log()
    target = reach(events=log)
    create(target)
    log.full = True
    create(target)
    assert target.sweep().clean
    assert plane.workloads == {}
