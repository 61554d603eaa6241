"""The load client against servers that answer in every way HTTP/1 allows, and in some that it does not."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest

from assay.client.network import TransportConfig
from assay.load.client import Failure, RawAnswer, RawTransport
from tests.client.servers import certificate, free_port, raw_serving

Behave = Callable[[socket.socket, int], None]
"""Serves one connection, the number of which counts from 1."""

BODY = b'{"a":1}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nX-Other: 1\r\nContent-Length: 7\r\n\r\n"
WHOLE = HEAD + BODY
ASK = b"GET / HTTP/1.1\r\n"


def receive(connection: socket.socket) -> bytes:
    """One request; empty when the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(65536)
        if not block:
            return b""
        data += block
    head, _, begun = data.partition(b"\r\n\r\n")
    rest = bytearray(begun)
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line[:14] == b"Content-Length"), 0)
    while len(rest) < length:
        rest += connection.recv(65536)
    return head + rest


def answering(*pieces: bytes, pause: float = 0.0, close: bool = False) -> Behave:
    """Answers each request by these pieces, one send each."""

    def behave(connection: socket.socket, number: int) -> None:
        while receive(connection):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
            if close:
                return

    return behave


def numbered(behave: Behave, tls: ssl.SSLContext | None = None) -> Callable[[socket.socket], None]:
    """The behaviour of a server that counts its connections, under TLS where a context is given."""
    numbers = itertools.count(1)

    def talk(connection: socket.socket) -> None:
        number = next(numbers)
        if tls is None:
            behave(connection, number)
            return
        with tls.wrap_socket(connection, server_side=True) as secured:
            behave(secured, number)

    return talk


@contextmanager
def client_of(behave: Behave, timeout: float = 5.0) -> Iterator[RawTransport]:
    with raw_serving(numbered(behave)) as address:
        client = RawTransport(TransportConfig(f"http://{address}/base/", timeout=timeout))
        try:
            yield client
        finally:
            client.close()


def failing(client: RawTransport) -> str:
    """The kind of failure of one request."""
    with pytest.raises(Failure) as failure:
        client.send(ASK)
    return failure.value.kind


LAWFUL = {
    "whole": [WHOLE],
    "byte by byte": [bytes([byte]) for byte in WHOLE],
    "chunked": [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        b'3\r\n{"a\r\n4\r\n":1}\r\n',
        b"0\r\n\r\n",
    ],
    "an interim answer first": [b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE],
}


@pytest.mark.parametrize("pieces", LAWFUL.values(), ids=LAWFUL.keys())
def test_an_answer_is_read_however_it_is_cut(pieces: list[bytes]) -> None:
    with client_of(answering(*pieces)) as client:
        for _ in range(2):
            answer = client.send(ASK)
            assert (answer.status, answer.content_type, answer.body) == (200, "application/json", BODY)
        assert (client.answered, client.closed) == (2, 0)


def test_a_connection_is_used_again() -> None:
    def behave(connection: socket.socket, number: int) -> None:
        while receive(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)

    with client_of(behave) as client:
        assert [client.send(ASK).body for _ in range(3)] == [b"1", b"1", b"1"]


CLOSING = {
    "says so": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 7\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n",
    "without length": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n",
}


@pytest.mark.parametrize("head", CLOSING.values(), ids=CLOSING.keys())
def test_a_connection_that_ends_with_its_answer_is_counted_as_closed(head: bytes) -> None:
    with client_of(answering(head, BODY, close=True)) as client:
        for _ in range(3):
            assert client.send(ASK).body == BODY
        assert (client.answered, client.closed) == (3, 3)


def test_a_connection_closed_while_idle_is_not_used_again() -> None:
    with client_of(answering(WHOLE, close=True)) as client:
        for _ in range(3):
            assert client.send(ASK).status == 200
            time.sleep(0.05)  # the loop does not turn meanwhile: only asking the system tells


def test_one_closed_while_the_event_loop_turns_is_not_used_again() -> None:
    with client_of(answering(WHOLE, close=True)) as client:
        for _ in range(3):
            assert client.send(ASK).status == 200
            gevent.sleep(0.05)


def test_an_answer_that_breaks_off_is_a_failure_and_the_next_one_is_right() -> None:
    def behave(connection: socket.socket, number: int) -> None:
        answering(WHOLE[:-3] if number == 1 else WHOLE, close=number == 1)(connection, number)

    with client_of(behave) as client:
        assert failing(client) == "closed"
        assert client.send(ASK).body == BODY


def test_a_reset_connection_is_a_failure() -> None:
    def behave(connection: socket.socket, number: int) -> None:
        receive(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    with client_of(behave) as client:
        assert failing(client) == "reset"


def test_what_is_no_http_is_a_failure() -> None:
    with client_of(answering(b"SSH-2.0-OpenSSH_9.2\r\n")) as client:
        assert failing(client) == "protocol"


def test_an_answer_that_does_not_come_times_out_and_others_go_on() -> None:
    over = threading.Event()

    def behave(connection: socket.socket, number: int) -> None:
        if number == 1:
            receive(connection)
            over.wait(60)  # no answer before all others have had theirs
        answering(WHOLE, pause=0.1)(connection, number)

    with client_of(behave, timeout=1.5) as client:
        slow = gevent.spawn(failing, client)
        gevent.sleep(0)
        answers = [client.send(ASK).body for _ in range(8)]
        slow.join()
        over.set()
        assert slow.value == "timeout"
        assert answers == [BODY] * 8


def test_an_answer_that_trickles_in_times_out_too() -> None:
    with client_of(answering(*[bytes([byte]) for byte in WHOLE], pause=0.05), timeout=0.4) as client:
        assert failing(client) == "timeout"


def test_a_large_body_reaches_a_server_that_reads_slowly() -> None:
    def behave(connection: socket.socket, number: int) -> None:
        time.sleep(0.2)
        size = len(receive(connection).partition(b"x")[2]) + 1
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n%08d" % size)

    body = b"x" * 8_000_000
    with client_of(behave) as client:
        answer = client.send(b"POST / HTTP/1.1\r\n", b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert answer.body == b"08000000"


def test_a_large_body_that_nobody_reads_times_out() -> None:
    body = b"x" * 8_000_000
    with client_of(lambda connection, number: time.sleep(1), timeout=0.3) as client:  # noqa: ARG005
        with pytest.raises(Failure) as failure:
            client.send(b"POST / HTTP/1.1\r\n", b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert failure.value.kind == "timeout"


def test_many_requests_share_one_event_loop() -> None:
    with client_of(answering(WHOLE)) as client:
        found: list[RawAnswer] = []
        gevent.joinall(
            [gevent.spawn(lambda: found.extend(client.send(ASK) for _ in range(20))) for _ in range(20)],
            raise_error=True,
        )
        assert [answer.body for answer in found] == [BODY] * 400


def test_a_killed_request_leaves_the_connection_to_nobody() -> None:
    with client_of(answering(b"HTTP/1.1 200 OK\r\n", pause=0.05)) as client:
        greenlet = gevent.spawn(client.send, ASK)
        gevent.sleep(0.02)
        greenlet.kill()
        assert greenlet.dead
        assert client.answered == 0


def test_nobody_listening_is_a_failure() -> None:
    client = RawTransport(TransportConfig(f"http://127.0.0.1:{free_port()}", timeout=1.0))
    try:
        assert failing(client) == "refused"
    finally:
        client.close()


def test_what_the_server_lets_lie_is_told() -> None:
    with client_of(answering(WHOLE)) as client:
        lain = gevent.spawn(client.send, ASK)
        gevent.sleep(0.0)
        time.sleep(0.1)  # the loop is held up; the answer has long been there
        lain.join()
        assert lain.value.waited < 0.1
        assert client.send(ASK).waited < 0.05


@pytest.mark.parametrize("pieces", LAWFUL.values(), ids=LAWFUL.keys())
def test_tls_gives_the_same_answers(tmp_path: Path, pieces: list[bytes]) -> None:
    context, file = certificate(tmp_path)
    with raw_serving(numbered(answering(*pieces), context)) as address:
        client = RawTransport(TransportConfig(f"https://{address}", timeout=5.0, ca_file=file))
        try:
            for _ in range(3):
                assert client.send(ASK).body == BODY
            assert client.closed == 0
        finally:
            client.close()


def test_an_untrusted_certificate_is_a_failure(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    with raw_serving(numbered(answering(WHOLE), context)) as address:
        client = RawTransport(TransportConfig(f"https://{address}", timeout=5.0))
        try:
            assert failing(client) == "tls"
        finally:
            client.close()


UNASKED = b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno"


@pytest.mark.parametrize("unasked", [UNASKED, UNASKED[:20], b"\x00"])
def test_what_comes_behind_an_answer_is_no_part_of_it_and_ends_the_connection(unasked: bytes) -> None:
    numbers: list[int] = []

    def behave(connection: socket.socket, number: int) -> None:
        numbers.append(number)
        answering(WHOLE + unasked)(connection, number)

    with client_of(behave) as client:
        answers = [client.send(ASK) for _ in range(3)]
    assert [(each.status, each.content_type, each.body) for each in answers] == [(200, "application/json", BODY)] * 3
    assert numbers == [1, 2, 3]


def answers_once(connection: socket.socket, number: int) -> None:
    """Closes instead of a second answer."""
    receive(connection)
    connection.sendall(WHOLE)
    receive(connection)


@pytest.mark.parametrize("method", [b"GET", b"PATCH"])
@pytest.mark.parametrize(("seconds", "cut"), [(0.0, 1), (1.0, 0)])
def test_what_crossed_the_close_of_a_connection_is_sent_again_and_counted_unless_that_lay_idle(
    method: bytes, seconds: float, cut: int
) -> None:
    with client_of(answers_once) as client:
        client.send(ASK)
        client._idle[0].idle_since -= seconds
        assert client.send(method + b" / HTTP/1.1\r\n").body == BODY
        assert client.cut == cut


def test_a_creation_that_crossed_the_close_of_an_idle_connection_is_not() -> None:
    with client_of(answers_once) as client:
        client.send(ASK)
        with pytest.raises(Failure, match="closed"):
            client.send(b"POST / HTTP/1.1\r\n")


def test_a_fresh_connection_that_closes_without_an_answer_is_a_failure() -> None:
    def behave(connection: socket.socket, number: int) -> None:
        receive(connection)

    with client_of(behave) as client:
        assert failing(client) == "closed"
