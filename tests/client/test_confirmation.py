"""What may be of the moment is asked about again, where that is safe; what does not repeat is only counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat

import pytest

from assay.client.exchange import Answer, NoAnswer
from assay.client.ledger import MemoryLedger
from assay.client.session import Session
from assay.client.transport import HttpTransport
from assay.clock import VirtualClock
from assay.contract.request import Request
from tests.client.conftest import Connect
from tests.client.pages import NGINX_502, stock
from tests.client.plane import CLUSTER, PROJECT, Plane
from tests.client.servers import Reply, Script, Seen, Server, error, serving

PAGE = Reply(502, raw=stock("502 Bad Gateway").encode(), headers={"Content-Type": "text/html", "Server": "nginx"})
CUT = Reply(hang_up=True)
NOBODY = {"workloadId": "71f69d83-ba66-4822-adf5-55ce55efd210"}
READ, UPDATE = Request("read", path=NOBODY), Request("update", path=NOBODY, body={})
BODY = {"projectId": PROJECT, "clusterId": CLUSTER, "spec": {"image": "x"}}

Chosen = Callable[[Seen], bool]


class Between:
    """Stands between a client and a plane, and spoils answers: the ``numbers``-th (from 1) of the ``chosen`` ones.

    ``reached``: the request gets to the plane all the same.
    """

    def __init__(
        self, plane: Script, spoilt: Reply, *numbers: int, chosen: Chosen = lambda _: True, reached: bool = True
    ) -> None:
        self.plane, self.spoilt, self.numbers, self.chosen, self.reached = plane, spoilt, numbers, chosen, reached
        self.count = 0
        self._lock = threading.Lock()

    def __call__(self, seen: Seen) -> Reply:
        if not self.chosen(seen):
            return self.plane(seen)
        with self._lock:
            self.count += 1
            hit = not self.numbers or self.count in self.numbers
        if not hit:
            return self.plane(seen)
        if self.reached:
            self.plane(seen)
        return self.spoilt


def creates(seen: Seen) -> bool:
    return seen.method == "POST" and seen.path.endswith("/inferences")


def deletes(seen: Seen) -> bool:
    return seen.method == "DELETE"


class Open(Plane):
    """A plane that takes any token, for sessions with a fixed one."""

    def caller(self, seen: Seen) -> str | None:  # noqa: ARG002 - overrides
        return "researcher"


@contextmanager
def reached(connect: Connect, script: Script) -> Iterator[tuple[Session, Server]]:
    with serving(script) as server:
        ledger = MemoryLedger()
        ledger.append([{"e": "run", "mark": "run"}])
        yield connect(server.base_url, clock=VirtualClock(), timeout=0.5, ledger=ledger), server


def creation(session: Session, **more: object) -> Request:
    return Request("create", body={"name": session.name(), **BODY, **more})


@pytest.mark.parametrize("request_", [READ, UPDATE], ids=["read", "update"])
@pytest.mark.parametrize(
    ("spoilt", "kind"),
    [(PAGE, "502 by nginx"), (CUT, "broken connection"), (Reply(504), "504 by a gateway"), (error(502), "502")],
)
def test_what_does_not_repeat_is_only_counted(connect: Connect, request_: Request, spoilt: Reply, kind: str) -> None:
    with reached(connect, Between(lambda _: Reply(200, {}), spoilt, 1, 2, 3)) as (session, _):
        outcome = session.send(request_)
        session.send(request_)
    assert isinstance(outcome, Answer)
    assert (outcome.status, outcome.attempts, len(outcome.earlier)) == (200, 4, 3)
    assert session.disturbances.to_json() == {"requests": 5, "kinds": {kind: 3}, "repeated": 1, "in_vain": 0}


@pytest.mark.parametrize("spoilt", [PAGE, CUT])
def test_what_repeats_stands_and_is_not_counted(connect: Connect, spoilt: Reply) -> None:
    with reached(connect, lambda _: spoilt) as (session, _):
        outcome = session.send(UPDATE)
    assert outcome.attempts == 4
    assert session.disturbances.to_json() == {"requests": 4, "kinds": {}, "repeated": 0, "in_vain": 0}


LIMITED = {status: Reply(status, raw=stock("limit").encode(), headers=PAGE.headers) for status in (429, 503)}


@pytest.mark.parametrize("status", [429, 503])
def test_a_gateway_that_limits_the_rate_is_waited_out_and_counted(connect: Connect, status: int) -> None:
    with reached(connect, Between(lambda _: Reply(200, {}), LIMITED[status], 1, 2)) as (session, _):
        outcome = session.send(READ)
    assert isinstance(outcome, Answer)
    assert (outcome.status, outcome.attempts) == (200, 3)
    kinds = {f"{status} by nginx": 2}
    assert session.disturbances.to_json() == {"requests": 3, "kinds": kinds, "repeated": 1, "in_vain": 0}


@pytest.mark.parametrize("status", [429, 503])
def test_a_request_that_a_limit_refuses_to_the_end_is_counted_with_all_its_refusals(
    connect: Connect, status: int
) -> None:
    with reached(connect, lambda _: LIMITED[status]) as (session, _):
        assert session.send(READ).attempts == 5
    kinds = {f"{status} by nginx": 5}
    assert session.disturbances.to_json() == {"requests": 5, "kinds": kinds, "repeated": 1, "in_vain": 1}


@pytest.mark.parametrize("status", [429, 503])
def test_an_api_that_asks_to_wait_disturbs_nobody(connect: Connect, status: int) -> None:
    with reached(connect, Between(lambda _: Reply(200, {}), error(status), 1, 2)) as (session, _):
        assert session.send(READ).attempts == 3
    assert session.disturbances.kinds == {}


def test_a_target_that_went_away_has_not_been_disturbed(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last connection breaks, and whoever asks again meets nobody."""
    outcomes = chain([NoAnswer("reset", "cut off")], repeat(NoAnswer("refused", "connection refused")))
    with reached(connect, lambda _: CUT) as (session, _):
        monkeypatch.setattr(HttpTransport, "exchange", lambda *_: next(outcomes))
        assert session.send(READ).attempts == 5
        assert session.disturbances.kinds == {}


def test_what_fails_again_and_again_is_asked_about_once_without_a_pause(connect: Connect) -> None:
    with reached(connect, lambda _: PAGE) as (session, _):
        for _ in range(3):
            session.send(READ)
        now = session.clock.monotonic()
        assert session.send(READ).attempts == 2
        assert session.clock.monotonic() == now


def test_a_timeout_is_asked_about_once(connect: Connect) -> None:
    done = threading.Event()

    def slow(_: Seen) -> Reply:
        done.wait(5)
        return Reply(200, {})

    with reached(connect, slow) as (session, server):
        outcome = session.send(READ)
        done.set()
    assert isinstance(outcome, NoAnswer)
    assert (outcome.kind, outcome.attempts, len(server.seen)) == ("timeout", 2, 2)


def test_a_failure_of_the_api_itself_has_happened_though_it_does_not_repeat(connect: Connect) -> None:
    with reached(connect, Between(lambda _: Reply(200, {}), error(500), 1)) as (session, _):
        outcome = session.send(READ)
    assert isinstance(outcome, Answer)
    assert [getattr(one, "status", None) for one in (outcome, *outcome.earlier)] == [200, 500]
    assert session.disturbances.kinds == {}


@pytest.mark.parametrize("spoilt", [PAGE, CUT, error(500)])
def test_a_deletion_whose_answer_was_lost_has_been_agreed_to(connect: Connect, spoilt: Reply) -> None:
    plane = Open()
    with reached(connect, Between(plane, spoilt, 1, chosen=deletes)) as (session, _):
        created = session.send(creation(session))
        assert isinstance(created, Answer)
        (workload,) = plane.workloads
        outcome = session.send(Request("delete", path={"workloadId": workload}))
        assert isinstance(outcome, Answer)
        assert (outcome.status, outcome.gone) == (404, True)
        assert (session.budget.live, session.ledger.live()[workload].delete_taken) == (0, True)
        # A second one has nothing lost before it.
        second = session.send(Request("delete", path={"workloadId": workload}))
        assert isinstance(second, Answer)
        assert (second.status, second.gone) == (404, False)


@pytest.mark.parametrize("spoilt", [PAGE, CUT, error(503), error(500)])
def test_a_creation_that_did_not_happen_is_sent_again(connect: Connect, spoilt: Reply) -> None:
    plane = Open()
    with reached(connect, Between(plane, spoilt, 1, chosen=creates, reached=False)) as (session, server):
        outcome = session.send(creation(session))
        assert isinstance(outcome, Answer)
        assert (outcome.status, outcome.stored) == (202, False)
        assert server.count("POST", "/api/v1/workloads/inferences") == 2
        assert len(plane.workloads) == 1
        assert session.sweep(5).clean
        assert plane.workloads == {}


@pytest.mark.parametrize("spoilt", [PAGE, CUT, error(503), error(500), error(502)])
@pytest.mark.parametrize("prefix", [False, True])
def test_a_creation_that_happened_is_found_and_not_sent_again(connect: Connect, spoilt: Reply, prefix: bool) -> None:
    plane = Open()
    with reached(connect, Between(plane, spoilt, 2, chosen=creates)) as (session, server):
        request = creation(session, useGivenNameAsPrefix=prefix)
        session.send(request)
        sibling = set(plane.workloads)
        outcome = session.send(request if prefix else creation(session))
        assert outcome.stored is True
        assert server.count("POST", "/api/v1/workloads/inferences") == 2
        assert set(plane.workloads) == sibling  # found by its name and deleted; what was there before stays
        assert session.budget.live == 1
        assert session.sweep(5).clean


def test_a_refusal_of_the_second_sending_tells_of_the_first(connect: Connect) -> None:
    """The workload shows late, so the creation was sent again, and its name was in use."""
    plane = Open()
    hidden = iter([True])

    def late(seen: Seen) -> Reply:
        if creates(seen) and plane.workloads:
            return error(409, "name already in use")
        if seen.path.startswith("/api/v1/workloads?") and next(hidden, False):
            return Reply(200, {"workloads": []})
        return plane(seen)

    with reached(connect, Between(late, error(503), 1, chosen=creates)) as (session, _):
        outcome = session.send(creation(session))
    assert isinstance(outcome, Answer)
    assert (outcome.status, outcome.stored) == (503, True)
    assert plane.workloads == {}


@pytest.mark.parametrize("spoilt", [PAGE, CUT])
def test_without_a_list_a_creation_is_not_sent_again(connect: Connect, spoilt: Reply) -> None:
    plane = Open(lists=False)
    with reached(connect, Between(plane, spoilt, chosen=creates)) as (session, server):
        outcome = session.send(creation(session))
        assert outcome.stored is None
        assert server.count("POST", "/api/v1/workloads/inferences") == 1
        assert len(session.ledger.unresolved()) == 1


@pytest.mark.parametrize("name", [None, "", 7, "a" * 5_000, "half a \ud83d", "nul\0"])
@pytest.mark.parametrize("spoilt", [PAGE, CUT])
def test_a_body_without_a_readable_name_is_never_left_behind(connect: Connect, name: object, spoilt: Reply) -> None:
    with reached(connect, Between(Open(), spoilt, chosen=creates, reached=False)) as (session, _):
        outcome = session.send(Request("create", body={**BODY, "name": name}))
        assert outcome.attempts == 4
        assert session.ledger.unresolved() == {}
        # Nor when this process ended before it could say what became of it.
        session.ledger.intend("#1-1")
        assert session.sweep(1).clean


def test_a_name_that_others_may_give_is_no_strangers_when_nothing_has_it(connect: Connect) -> None:
    with reached(connect, Between(Open(), PAGE, 1, chosen=creates, reached=False)) as (session, _):
        outcome = session.send(creation(session, name="shared"))
        assert isinstance(outcome, Answer)
        assert (outcome.status, outcome.stored) == (202, False)


def test_the_page_of_these_tests_is_a_gateways() -> None:
    assert PAGE.raw is not None
    assert NGINX_502.status == PAGE.status
