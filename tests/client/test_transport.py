"""One exchange: exact bytes out, and a name for everything that can go wrong."""

from __future__ import annotations

import re
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest

from assay.client import transport as module
from assay.client.exchange import Answer, NoAnswer
from assay.client.network import TransportConfig
from assay.client.transport import HttpTransport
from assay.clock import VirtualClock
from assay.errors import SettingsError
from tests.client.servers import Reply, Seen, always, certificate, free_port, raw_serving, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def read_request(connection: socket.socket) -> bytes:
    """The request with its content: what is closed with something unread in it resets, and takes its answer along."""
    received = b""
    while not _is_whole(received):
        chunk = connection.recv(65536)
        if not chunk:
            break
        received += chunk
    return received


def _is_whole(received: bytes) -> bool:
    head, end, content = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    return bool(end) and len(content) >= (int(length[1]) if length else 0)


def get(base_url: str, timeout: float = 2.0, method: str = "GET") -> Answer | NoAnswer:
    transport = HttpTransport(TransportConfig(base_url, timeout=timeout))
    try:
        return transport.exchange(method, b"/x")
    finally:
        transport.close()


def no_answer(outcome: Answer | NoAnswer) -> NoAnswer:
    assert isinstance(outcome, NoAnswer)
    return outcome


def test_paths_and_headers_go_out_byte_for_byte() -> None:
    seen: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(OK)

    with raw_serving(talk) as address:
        transport = HttpTransport(TransportConfig(f"http://{address}/prefix/"))
        outcome = transport.exchange("GET", b"/a/../b%2f{x}//?q=%C3", [(b"X-Odd", b"\xff"), (b"Accept", b"text/csv")])
        transport.close()
    assert isinstance(outcome, Answer)
    assert outcome.body == b"ok"
    assert seen[0].startswith(b"GET /prefix/a/../b%2f{x}//?q=%C3 HTTP/1.1\r\n")
    assert b"X-Odd: \xff\r\n" in seen[0]
    assert seen[0].lower().count(b"accept:") == 1
    assert b"User-Agent: assay/" in seen[0]


def test_what_http_cannot_carry_is_the_callers_mistake() -> None:
    with serving(always(Reply())) as server:
        transport = HttpTransport(TransportConfig(server.base_url))
        with pytest.raises(ValueError, match=r"HTTP/1\.1 cannot carry"):
            transport.exchange("GET", b"/a b")
        assert isinstance(transport.exchange("GET", b"/"), Answer)
        transport.close()


def test_connections_are_kept_alive_and_cookies_are_not_kept() -> None:
    with serving(always(Reply(200, {}, {"Set-Cookie": "session=1"}))) as server:
        transport = HttpTransport(TransportConfig(server.base_url))
        for _ in range(2):
            transport.exchange("GET", b"/")
        transport.close()
    assert all("cookie" not in seen.headers for seen in server.seen)


def test_redirects_are_not_followed() -> None:
    with serving(always(Reply(302, None, {"Location": "/elsewhere"}))) as server:
        outcome = get(server.base_url)
    assert isinstance(outcome, Answer)
    assert outcome.status == 302
    assert len(server.seen) == 1


def test_refused() -> None:
    outcome = no_answer(get(f"http://127.0.0.1:{free_port()}"))
    assert (outcome.kind, outcome.detail) == ("refused", "connection refused")


def test_dns() -> None:
    outcome = no_answer(get("http://no-such-host.invalid"))
    assert outcome.kind == "dns"
    assert "does not resolve" in outcome.detail


def test_timeout() -> None:
    release = threading.Event()

    def hang(connection: socket.socket) -> None:
        release.wait(5)

    with raw_serving(hang) as address:
        outcome = no_answer(get(f"http://{address}", timeout=0.2))
        release.set()
    assert outcome.kind == "timeout"
    assert outcome.seconds >= 0.2


def test_a_body_that_drips_runs_out_of_time() -> None:
    whole = threading.Event()

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.05)
        whole.set()

    with raw_serving(talk) as address:
        outcome = no_answer(get(f"http://{address}", timeout=0.3))
        assert not whole.is_set()
    assert outcome.kind == "timeout"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], ids=["none", "half"])
def test_a_connection_that_ends_early_is_a_reset(answer: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)

    with raw_serving(talk) as address:
        assert no_answer(get(f"http://{address}")).kind == "reset"


def test_what_is_not_http_is_a_protocol_fault() -> None:
    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"220 mail.example.com ESMTP\r\n\r\n")

    with raw_serving(talk) as address:
        assert no_answer(get(f"http://{address}")).kind == "protocol"


def test_a_body_over_the_cap_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_CAP", 1000)
    with serving(always(Reply(200, raw=b"x" * 2000))) as server:
        outcome = no_answer(get(server.base_url))
    assert outcome.kind == "protocol"
    assert "exceeds 1000 bytes" in outcome.detail


@pytest.mark.parametrize(("method", "expected"), [("GET", 200), ("POST", None), ("DELETE", None), ("PATCH", None)])
def test_only_a_read_that_crossed_an_idle_close_is_sent_again(method: str, expected: int | None) -> None:
    """The server answers the first request of a connection and cuts the second off, as an idle timeout would."""
    requests: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        requests.append(read_request(connection))
        connection.sendall(OK)
        requests.append(read_request(connection))

    with raw_serving(talk) as address:
        clock = VirtualClock()
        transport = HttpTransport(TransportConfig(f"http://{address}", timeout=2), clock)
        transport.exchange("GET", b"/first")
        clock.sleep(1.0)
        outcome = transport.exchange(method, b"/second")
        transport.close()
    assert (outcome.status if isinstance(outcome, Answer) else None) == expected
    assert sum(b"/second" in request for request in requests) == (2 if expected else 1)


def test_a_read_on_a_fresh_connection_is_not_sent_again() -> None:
    requests: list[bytes] = []
    with raw_serving(lambda connection: requests.append(read_request(connection))) as address:
        assert no_answer(get(f"http://{address}")).kind == "reset"
    assert len(requests) == 1


def test_threads_share_the_transport() -> None:
    def echo(seen: Seen) -> Reply:
        return Reply(200, {"path": seen.path})

    with serving(echo) as server:
        transport = HttpTransport(TransportConfig(server.base_url))
        wrong: list[object] = []

        def work(number: int) -> None:
            for index in range(20):
                outcome = transport.exchange("GET", f"/{number}/{index}".encode())
                if not isinstance(outcome, Answer) or outcome.json() != {"path": f"/{number}/{index}"}:
                    wrong.append(outcome)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transport.close()
    assert wrong == []
    assert len(server.seen) == 160


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@needs_openssl
def test_tls_with_the_authority_given_and_without_checking(tmp_path: Path) -> None:
    context, file = certificate(tmp_path)
    with serving(always(Reply(200, {})), context) as server:
        assert no_answer(get(server.base_url)).kind == "tls"
        for options in ({"ca_file": file}, {"insecure": True}):
            transport = HttpTransport(TransportConfig(server.base_url, **options))
            assert isinstance(transport.exchange("GET", b"/"), Answer), options
            transport.close()


def test_an_unusable_ca_file_is_one_message(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("not a certificate")
    for file in (broken, tmp_path / "missing.pem"):
        with pytest.raises(SettingsError, match="cannot be used"):
            HttpTransport(TransportConfig("https://127.0.0.1:1", ca_file=file))


def test_a_proxy_of_the_environment_is_not_used_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with serving(always(Reply(200, {}))) as server:
        assert isinstance(get(server.base_url), Answer)


UNASKED = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("pause", [0.0, 0.1], ids=["in one piece", "later"])
@pytest.mark.parametrize("unasked", [UNASKED, b"\x00"])
def test_a_connection_with_bytes_that_nobody_asked_for_is_dropped(pause: float, unasked: bytes) -> None:
    connections: list[socket.socket] = []

    def talk(connection: socket.socket) -> None:
        connections.append(connection)
        while read_request(connection):
            connection.sendall(OK if pause else OK + unasked)
            if pause:
                time.sleep(pause)
                connection.sendall(unasked)

    with raw_serving(talk) as address:
        transport = HttpTransport(TransportConfig(f"http://{address}", timeout=2.0))
        for _ in range(3):
            outcome = transport.exchange("POST", b"/x", content=b"{}")
            assert isinstance(outcome, Answer)
            assert (outcome.status, outcome.body) == (200, b"ok")
            time.sleep(2 * pause)
        transport.close()
    assert len(connections) == 3


def test_what_nobody_asked_for_answers_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may have looked at the connection, and found it quiet, a moment before its answer came."""
    monkeypatch.setattr("assay.client.stream._is_readable", lambda _: False)

    def talk(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(OK + UNASKED)

    with raw_serving(talk) as address:
        transport = HttpTransport(TransportConfig(f"http://{address}", timeout=2.0))
        outcomes = [transport.exchange("POST", b"/x", content=b"{}") for _ in range(2)]
        transport.close()
    assert [isinstance(outcome, Answer) and outcome.status for outcome in outcomes] == [200, 200]


def test_a_connection_that_was_closed_while_it_lay_idle_is_told_from_one_that_broke() -> None:
    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(OK)
        read_request(connection)
        connection.sendall(OK[:-1] if part else b"")

    for part, seconds in ((False, 1.0), (True, 1.0), (False, 0.1)):
        with raw_serving(talk) as address:
            clock = VirtualClock()
            transport = HttpTransport(TransportConfig(f"http://{address}", timeout=2.0), clock)
            transport.exchange("PATCH", b"/x", content=b"{}")
            clock.sleep(seconds)
            outcome = no_answer(transport.exchange("PATCH", b"/x", content=b"{}"))
            transport.close()
        assert (outcome.kind, outcome.idle) == ("reset", not part and seconds == 1.0)
