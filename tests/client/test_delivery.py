"""How a session delivers: tokens, patience, silence, auxiliary endpoints, evidence."""

from __future__ import annotations

import socket
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from assay.client.budget import Budget, LimitReached, Limits
from assay.client.exchange import Answer, NoAnswer
from assay.client.patience import Patience
from assay.clock import VirtualClock
from assay.contract.request import Request
from assay.errors import CredentialsError, TargetLostError
from tests.client.conftest import Connect
from tests.client.servers import Reply, Seen, always, error, free_port, raw_serving, serving

READ = Request("read", path={"workloadId": "71f69d83-ba66-4822-adf5-55ce55efd210"})
CREATE = Request("create", body={"name": "n"})


def status(outcome: Answer | NoAnswer) -> int:
    assert isinstance(outcome, Answer), outcome
    return outcome.status


class Sequence:
    """A script that gives these replies in turn, the last for ever."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)

    def __call__(self, _: Seen) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def test_auth_is_main_none_or_the_value_itself(connect: Connect) -> None:
    with serving(always(Reply(200, {}))) as server:
        session = connect(server.base_url)
        for auth in ("main", None, "Basic x", "Bearer ä"):
            session.send(READ, auth=auth)
    sent = [seen.headers.get("authorization") for seen in server.seen]
    assert sent[:3] == ["Bearer token-of-the-tests", None, "Basic x"]
    assert sent[3] is not None
    assert sent[3].encode("latin-1") == "Bearer ä".encode()


def test_an_identity_that_is_not_set_is_a_clear_error(connect: Connect) -> None:
    session = connect("http://127.0.0.1:1")
    assert not session.has_outsider
    with pytest.raises(CredentialsError, match="needs the outsider identity, which is not set"):
        session.send(READ, auth="outsider")


@pytest.mark.parametrize("code", [429, 503])
def test_429_and_503_are_waited_out_and_counted(connect: Connect, code: int) -> None:
    clock = VirtualClock()
    with serving(Sequence(error(code, Retry_After="7"), error(code), Reply(200, {}))) as server:
        session = connect(server.base_url, clock=clock)
        outcome = session.send(READ)
    assert status(outcome) == 200
    assert outcome.attempts == 3
    assert session.waits == {str(code): 2}
    assert 7.0 <= clock.now - VirtualClock().now < 9.0


def test_a_429_holds_back_every_thread(connect: Connect) -> None:
    with serving(Sequence(error(429, Retry_After="1"), Reply(200, {}))) as server:
        clock = VirtualClock()
        session = connect(server.base_url, clock=clock, patience=Patience(cap=0.3))
        session.send(READ)
        assert clock.now - VirtualClock().now == pytest.approx(0.3)


def test_waiting_ends_and_the_last_503_is_returned(connect: Connect) -> None:
    with serving(always(error(503))) as server:
        session = connect(server.base_url, patience=Patience(tries=2))
        assert status(session.send(READ)) == 503
    assert len(server.seen) == 3


def test_an_operation_that_is_always_busy_is_not_waited_for_for_ever(connect: Connect) -> None:
    def script(seen: Seen) -> Reply:
        return error(503) if seen.method == "PATCH" else Reply(200, {})

    patch = Request("update", path=READ.path, body={})
    with serving(script) as server:
        session = connect(server.base_url, patience=Patience(tries=1))
        assert [status(session.send(patch)) for _ in range(8)] == [503] * 8
        assert status(session.send(READ)) == 200
    assert server.count("PATCH") == 3 * 2 + 5


def test_a_creation_that_another_hand_has_begun_is_never_sent_again(connect: Connect) -> None:
    with serving(always(Reply(hang_up=True))) as server:
        session = connect(server.base_url)
        outcome = session.send(CREATE, begun=True)
    assert isinstance(outcome, NoAnswer)
    assert (outcome.kind, len(server.seen)) == ("reset", 1)


def test_a_refused_connection_is_waited_out(connect: Connect) -> None:
    session = connect(f"http://127.0.0.1:{free_port()}", patience=Patience(tries=3))
    outcome = session.send(CREATE)
    assert isinstance(outcome, NoAnswer)
    assert (outcome.kind, outcome.attempts, session.waits["refused"]) == ("refused", 4, 3)


def test_the_target_is_lost_after_silence_and_found_again_by_the_clean_up(connect: Connect) -> None:
    with serving(always(Reply(hang_up=True))) as server:
        session = connect(server.base_url, lost_after=3)
        for _ in range(3):
            assert isinstance(session.send(CREATE), NoAnswer)
        sent = len(server.seen)
        with pytest.raises(TargetLostError, match="is lost: 3 requests in a row without a usable answer"):
            session.send(CREATE)
        assert len(server.seen) == sent
        assert isinstance(session.send(READ, cleaning=True), NoAnswer)
        session.forgive()
        assert isinstance(session.send(CREATE), NoAnswer)


def test_one_answer_in_between_ends_the_silence(connect: Connect) -> None:
    cut = Reply(hang_up=True)
    with serving(Sequence(cut, cut, Reply(200, {}), cut, cut, Reply(200, {}))) as server:
        session = connect(server.base_url, lost_after=3)
        kinds = [type(session.send(CREATE, begun=True)).__name__ for _ in range(6)]
    assert kinds == ["NoAnswer", "NoAnswer", "Answer"] * 2


def test_silence_upon_nonsense_does_not_lose_the_target(connect: Connect) -> None:
    with serving(always(Reply(hang_up=True))) as server:
        session = connect(server.base_url, lost_after=2)
        for _ in range(5):
            assert isinstance(session.raw("POST", "/x", content=b"\x00"), NoAnswer)


def test_a_target_that_is_always_503_is_lost(connect: Connect) -> None:
    with serving(always(error(503))) as server:
        session = connect(server.base_url, lost_after=3, patience=Patience(tries=0))
        for request in (READ, CREATE, READ):
            session.send(request)
        with pytest.raises(TargetLostError, match="keeps answering 503"):
            session.send(READ)


def test_after_halt_nothing_leaves_but_the_clean_up(connect: Connect) -> None:
    with serving(always(Reply(200, {}))) as server:
        session = connect(server.base_url)
        session.halt("the run was interrupted")
        session.forgive()
        with pytest.raises(TargetLostError, match="the run was interrupted"):
            session.send(READ)
        assert status(session.send(READ, cleaning=True)) == 200
    assert len(server.seen) == 1


def test_the_budget_is_asked_before_every_sending(connect: Connect) -> None:
    budget = Budget(Limits(requests=2))
    with serving(always(error(503))) as server:
        session = connect(server.base_url, budget=budget)
        with pytest.raises(LimitReached, match="has sent all of its 2 requests"):
            session.send(READ)
        assert isinstance(session.send(READ, cleaning=True), Answer)
    assert budget.requests == 2


def test_raw_sends_what_it_is_given(connect: Connect) -> None:
    with serving(always(Reply(200, {}))) as server:
        connect(server.base_url).raw("PUT", "/a/../b", headers=[("X-A", b"\xff")], content=b"\x00", auth=None)
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.headers["x-a"], seen.body) == ("PUT", "/a/../b", "\xff", b"\x00")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(200, {"workloads": [{"id": "1", "name": "n"}, {"id": "2", "name": "stranger"}]}), ["1"]),
        (Reply(200, {"workloads": [{"id": "1", "name": "n", "deletedAt": "2026-01-01T00:00:00Z"}]}), []),
        (Reply(200, {"workloads": [{"name": "n"}, 7, {"id": 1, "name": "n"}]}), []),
        (Reply(200, {"items": []}), None),
        (Reply(200, raw=b"<html>"), None),
        (error(404), None),
        (Reply(hang_up=True), None),
    ],
)
def test_find_by_name(connect: Connect, reply: Reply, expected: list[str] | None) -> None:
    with serving(always(reply)) as server:
        found = connect(server.base_url).find_by_name("n")
    assert (found if found is None else [entry["id"] for entry in found]) == expected
    assert server.seen[0].path == "/api/v1/workloads?filterBy=name%3D%3Dn&limit=500"


class Listing:
    """A list that takes no filter; of ``number`` workloads, ``page`` at a time, or always the ``same`` first ones."""

    def __init__(self, number: int, page: int = 500, *, same: bool = False, refusal: int = 400) -> None:
        self.entries = [{"id": str(count), "name": f"n-{count % 1000}"} for count in range(number)]
        self.page, self.same, self.refusal = page, same, refusal

    def __call__(self, seen: Seen) -> Reply:
        query = parse_qs(urlsplit(seen.path).query)
        if "filterBy" in query:
            return error(self.refusal)
        begin = 0 if self.same else int(query["offset"][0])
        return Reply(200, {"workloads": self.entries[begin : begin + min(self.page, int(query["limit"][0]))]})


@pytest.mark.parametrize(
    ("listing", "expected", "requests"),
    [
        (Listing(3), ["2"], 3),
        (Listing(3, refusal=422), ["2"], 3),
        (Listing(3, same=True), ["2"], 3),
        (Listing(0), [], 2),
        (Listing(1000), ["2"], 4),
        (Listing(1003), ["2", "1002"], 5),
        (Listing(1003, 200), ["2", "1002"], 8),
        (Listing(1003, same=True), None, 3),
        (Listing(500 * 41), None, 41),
        (Listing(3, refusal=403), None, 1),
        (Listing(3, refusal=404), None, 1),
    ],
)
@pytest.mark.parametrize("prefix", [True, False])
def test_a_list_that_takes_no_filter_is_read_whole(
    connect: Connect, listing: Listing, expected: list[str] | None, requests: int, prefix: bool
) -> None:
    with serving(listing) as server:
        found = connect(server.base_url).find_by_name("n-2", prefix=prefix)
    ids = None if found is None else [entry["id"] for entry in found if entry["name"] == "n-2"]
    assert ids == expected
    assert len(server.seen) == requests


def test_pods(connect: Connect) -> None:
    with serving(Sequence(Reply(200, {"pods": [{"id": "p"}]}), error(404))) as server:
        session = connect(server.base_url)
        assert session.pods("w/1") == [{"id": "p"}]
        assert session.pods("w") is None
    assert server.seen[0].path == "/api/v1/workloads/w%2F1/pods"


def evidence(connect: Connect, *, auth: str | None) -> dict[str, Any]:
    return connect("http://h").describe(Request("create", body={"x": "a" * 9000}), auth=auth)


def test_evidence_is_masked_and_cut(connect: Connect) -> None:
    described = evidence(connect, auth="main")
    assert described["method"] == "POST"
    assert described["url"] == "http://h/api/v1/workloads/inferences"
    assert described["headers"] == {"Content-Type": "application/json", "Authorization": "Bearer <main>"}
    assert len(described["body"]) == 4000
    assert evidence(connect, auth="Bearer token-of-the-tests")["headers"]["Authorization"] == "Bearer ***"
    assert "Authorization" not in evidence(connect, auth=None)["headers"]


def test_answers_as_evidence(connect: Connect) -> None:
    session = connect("http://h")
    answer = Answer(400, {"Set-Cookie": "a=b"}, b"echo token-of-the-tests \xff")
    assert session.describe_answer(answer) == {
        "status": 400,
        "headers": {"set-cookie": "***"},
        "body": "echo *** \ufffd",
    }
    assert session.describe_answer(NoAnswer("reset", "gone")) is None


def test_curl_names_the_variable_and_never_the_token(connect: Connect) -> None:
    session = connect("http://h")
    assert '-H "Authorization: Bearer $ASSAY_TOKEN"' in session.curl(READ)
    assert '-H "Authorization: Bearer $ASSAY_OUTSIDER_TOKEN"' in session.curl(READ, auth="outsider")
    assert "Authorization" not in session.curl(READ, auth=None)
    assert '-H "Authorization: Bearer ***"' in session.curl(READ, auth="Bearer token-of-the-tests")
    assert '-H "Authorization: Basic \\$HOME"' in session.curl(READ, auth="Basic $HOME")
    assert "${ASSAY_TOKEN%?}x" in session.curl(READ, auth="Bearer y", shell="Bearer ${ASSAY_TOKEN%?}x")  # noqa: S604 - no shell runs


def test_a_server_that_hangs_is_left_within_the_timeout(connect: Connect) -> None:
    def hang(connection: socket.socket) -> None:
        released.wait(10.0)

    released = threading.Event()
    with raw_serving(hang) as address:
        outcome = connect(f"http://{address}", timeout=0.2).send(READ)
        assert not released.is_set()
        released.set()
    assert isinstance(outcome, NoAnswer)
    assert outcome.kind == "timeout"
