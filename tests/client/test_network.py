"""The way to a target: addresses, and both transports through every kind of proxy, willing or not."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from assay.client.exchange import Answer, NoAnswer
from assay.client.layers import load_settings
from assay.client.network import TransportConfig, curl_options
from assay.client.transport import HttpTransport, Transport
from assay.errors import ProxyError, SettingsError
from assay.load.client import RawTransport
from tests.client.servers import (
    Reply,
    Server,
    always,
    certificate,
    free_port,
    proxying,
    raw_serving,
    serving,
    socks_proxying,
)

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
Make = Callable[[TransportConfig], Transport]
HOST = "target.example.test"


@pytest.fixture(params=[HttpTransport, RawTransport], ids=["contract", "load"])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(always(Reply(200, {"ok": True}))) as running:
        yield running


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path, ssl.SSLContext]]:
    """A TLS server, its certificate's file, and a context for further servers of that certificate."""
    context, file = certificate(tmp_path_factory.mktemp("tls"), host=f"DNS:{HOST},IP:127.0.0.1")
    with serving(always(Reply(200, {"ok": True})), context) as running:
        yield running, file, context


def place(server: Server) -> str:
    return server.base_url.rpartition("/")[2]


def via(proxy: str, url: str = f"http://{HOST}", ca_file: Path | None = None) -> TransportConfig:
    return TransportConfig(url, timeout=5, ca_file=ca_file, proxy_url=SecretStr(proxy), proxy_origin="--proxy")


def answers(make: Make, config: TransportConfig, times: int = 2) -> list[object]:
    """What a few requests get; the second one goes over the same connection."""
    with closing(make(config)) as transport:
        outcomes = [transport.exchange("GET", b"/x?q=%20", [(b"X-Own", b"1")]) for _ in range(times)]
    return [outcome.json() if isinstance(outcome, Answer) else outcome for outcome in outcomes]


def refusal(make: Make, config: TransportConfig) -> ProxyError:
    """The fault of the proxy that a request meets."""
    with closing(make(config)) as transport:
        outcome = transport.exchange("GET", b"/")
    assert isinstance(outcome, NoAnswer), outcome
    assert outcome.kind == "proxy"
    assert isinstance(outcome.fault, ProxyError)
    assert outcome.fault.message in outcome.detail
    assert outcome.fault.exit_code == 2
    return outcome.fault


@pytest.mark.parametrize(
    ("url", "address", "prefix", "header"),
    [
        ("http://h", "h:80", "", "h"),
        ("https://h/base/", "h:443", "/base", "h"),
        ("https://H.example:8443", "h.example:8443", "", "H.example:8443"),
        ("http://[::1]:8080/a/b", "[::1]:8080", "/a/b", "[::1]:8080"),
    ],
)
def test_the_parts_of_an_address(url: str, address: str, prefix: str, header: str) -> None:
    config = TransportConfig(url)
    assert (config.address, config.prefix, config.host_header) == (address, prefix, header)


@pytest.mark.parametrize("url", ["ftp://h", "h:80", "http://"])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(SettingsError, match="is no http or https address"):
        TransportConfig(url)


def test_http_is_forwarded(make: Make, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying(place(server)) as (proxy, heads):
        monkeypatch.setenv("http_proxy", f"http://user:secret@{proxy}")
        assert answers(make, TransportConfig(f"http://{HOST}/base", timeout=5)) == [{"ok": True}] * 2
    first = heads[0].decode()
    assert first.startswith(f"GET http://{HOST}/base/x?q=%20 HTTP/1.1\r\n")
    lines = {line.lower() for line in first.split("\r\n")}
    assert {f"host: {HOST}", "proxy-authorization: basic dxnlcjpzzwnyzxq=", "x-own: 1"} <= lines


@needs_openssl
def test_https_goes_through_a_tunnel(
    make: Make, secured: tuple[Server, Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, file, _ = secured
    server.seen.clear()
    with proxying(place(server)) as (proxy, heads):
        monkeypatch.setenv("https_proxy", f"http://user:secret@{proxy}")
        config = TransportConfig(f"https://{HOST}/base", timeout=5, ca_file=file)
        with closing(make(config)) as transport:
            outcome = transport.exchange("POST", b"/x", [(b"Content-Type", b"text/plain")], b"body")
    assert isinstance(outcome, Answer), outcome
    assert (server.seen[0].path, server.seen[0].body) == ("/base/x", b"body")
    assert "proxy-authorization" not in server.seen[0].headers
    assert heads[0].startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in heads[0]


@needs_openssl
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_proxy_may_be_spoken_to_by_tls(make: Make, tls: bool, secured: tuple[Server, Path, ssl.SSLContext]) -> None:
    server, file, context = secured
    large = Reply(200, raw=b"x" * 300_000)
    with ExitStack() as stack:
        behind = server if tls else stack.enter_context(serving(always(large)))
        proxy, heads = stack.enter_context(proxying(place(behind), tls=context))
        url = f"https://{proxy}"
        if tls:
            assert answers(make, via(url, f"https://{HOST}", file)) == [{"ok": True}] * 2
            assert heads[0].startswith(b"CONNECT ")
        else:
            with closing(make(via(url, ca_file=file))) as transport:
                outcome = transport.exchange("POST", b"/", content=b"y" * 300_000)
            assert isinstance(outcome, Answer), outcome
            assert outcome.body == large.raw


@needs_openssl
def test_much_goes_through_tls_within_tls(make: Make, secured: tuple[Server, Path, ssl.SSLContext]) -> None:
    _, file, context = secured
    with (
        serving(lambda seen: Reply(200, raw=seen.body), context) as server,
        proxying(place(server), tls=context) as (proxy, _),
        closing(make(via(f"https://{proxy}", f"https://{HOST}", file))) as transport,
    ):
        for body in (b"y" * 700_000, b"z"):
            outcome = transport.exchange("POST", b"/", content=body)
            assert isinstance(outcome, Answer), outcome
            assert outcome.body == body


@pytest.mark.parametrize(
    ("scheme", "asked"),
    [
        ("socks5h", "5 user target.example.test:80"),
        ("socks", "5 user target.example.test:80"),
        ("socks5", "5 user target.example.test:80"),  # nobody here knows the name, but the proxy may
        ("socks4a", "4 user target.example.test:80"),
    ],
)
def test_socks_connects_through(make: Make, server: Server, scheme: str, asked: str) -> None:
    login = "user:p@ss" if scheme != "socks4a" else ""
    with socks_proxying(place(server), login=login) as (proxy, seen):
        assert answers(make, via(f"{scheme}://user:p%40ss@{proxy}")) == [{"ok": True}] * 2
    assert seen == [asked]
    assert server.seen[0].path == "/x?q=%20"


@pytest.mark.parametrize("scheme", ["socks4", "socks5"])
def test_socks_with_names_that_are_looked_up_here(make: Make, server: Server, scheme: str) -> None:
    with socks_proxying(place(server)) as (proxy, seen):
        assert answers(make, via(f"{scheme}://{proxy}", "http://localhost:81"), 1) == [{"ok": True}]
    assert seen == [f"{scheme[-1]} {'assay' if scheme == 'socks4' else ''} 127.0.0.1:81"]


@needs_openssl
def test_socks_to_a_tls_target(make: Make, secured: tuple[Server, Path, ssl.SSLContext]) -> None:
    server, file, _ = secured
    with socks_proxying(place(server)) as (proxy, seen):
        assert answers(make, via(f"socks5h://{proxy}", f"https://{HOST}", file)) == [{"ok": True}] * 2
    assert seen == [f"5  {HOST}:443"]


def page(status: str, *fields: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("says", "message", "hint"),
    [
        (page("403 Forbidden"), "refuses CONNECT target.example.test:443: 403 Forbidden", "let this host"),
        (
            page("407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="x"', body="no"),
            "refuses CONNECT target.example.test:443: 407 Proxy Authentication Required",
            "user name and password in ASSAY_PROXY in place of --proxy, percent-encoded: http://user:password@127.0.0.1:",
        ),
        (
            page("407 Login", "Proxy-Authenticate: NTLM", "Proxy-Authenticate: Negotiate"),
            "refuses CONNECT target.example.test:443: 407 Login",
            "it wants NTLM, and assay knows Basic alone",
        ),
        (
            page("502 Bad Gateway"),
            "cannot do CONNECT target.example.test:443: 502 Bad Gateway",
            "check host and port",
        ),
        (page("200 OK", "Content-Type: text/html", body="<html>log in"), "with an HTML page instead", "login page"),
        (page("200 OK", "Content-Type: text/html"), "with an HTML page instead", "login page"),
        (b"SSH-2.0-OpenSSH_9\r\n", "something that is no HTTP: 'SSH-2.0-OpenSSH_9", "something else"),
        (b"\x1b[31m\x00\xff\n", r"no HTTP: '\x1b[31m\x00\xff\n'", "something else"),
        (b"", "closed the connection without an answer", "something else"),
    ],
)
def test_a_proxy_that_opens_no_tunnel_is_named(make: Make, says: bytes, message: str, hint: str) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(says)

    with raw_serving(talk) as proxy:
        fault = refusal(make, via(f"http://{proxy}", f"https://{HOST}"))
        assert fault.message.startswith(f"the proxy http://{proxy} (--proxy) ")
    assert message in fault.message
    assert hint in str(fault.hint)


@pytest.mark.parametrize("status", [403, 407, 502, 503, 504])
def test_a_proxy_that_does_not_forward_is_named(make: Make, status: int) -> None:
    with serving(always(Reply(status, raw=b"<html>squid</html>", headers={"Content-Type": "text/html"}))) as proxy:
        fault = refusal(make, via(proxy.base_url))
    assert str(status) in fault.message
    assert f"{HOST}:80" in fault.message


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(200, raw=b"<html>Sign in</html>", headers={"Content-Type": "text/html"}), "with an HTML page (200)"),
        (
            Reply(302, headers={"Location": "http://user:pw@portal.example/login?to=x"}),
            "to http://portal.example/login",
        ),
    ],
)
def test_a_network_that_wants_a_login_first(make: Make, reply: Reply, says: str) -> None:
    with serving(always(reply)) as proxy:
        fault = refusal(make, via(proxy.base_url))
    assert fault.message.startswith(f"the proxy {proxy.base_url} (--proxy) ")
    assert says in fault.message


def test_a_proxy_that_speaks_no_http(make: Make) -> None:
    with raw_serving(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9\r\n")) as proxy:
        fault = refusal(make, via(f"http://{proxy}"))
    assert f"gives no answer to requests to {HOST}:80" in fault.message


def test_a_redirect_of_the_target_itself_is_its_own(make: Make) -> None:
    reply = Reply(308, headers={"Location": f"https://{HOST}/"})
    with serving(always(reply)) as proxy, closing(make(via(proxy.base_url))) as transport:
        outcome = transport.exchange("GET", b"/")
    assert isinstance(outcome, Answer), outcome
    assert outcome.headers["location"] == f"https://{HOST}/"


def test_what_the_target_says_through_a_proxy_is_its_own(make: Make) -> None:
    """The API's own JSON from the beginning; a page once the target has been reached."""
    replies = [Reply(503, {"code": 503}), Reply(200, {}), Reply(502, raw=b"<html>"), Reply(407, raw=b"")]
    with (
        serving(lambda _: replies.pop(0)) as proxy,
        closing(make(via(proxy.base_url))) as transport,
    ):
        outcomes = [transport.exchange("GET", b"/") for _ in range(4)]
    assert [outcome.status if isinstance(outcome, Answer) else outcome.kind for outcome in outcomes] == [
        503,
        200,
        502,
        "proxy",
    ]


@pytest.mark.parametrize(
    ("code", "why", "todo"),
    [
        (2, "its rules do not allow that", "let this host and port through"),
        (4, "host unreachable", "spelling"),
        (5, "connection refused", "check the port"),
        (6, "time ran out", "firewall"),
        (99, "code 99", "check host and port"),
    ],
)
def test_a_socks_proxy_that_refuses_is_named(make: Make, code: int, why: str, todo: str) -> None:
    with socks_proxying("127.0.0.1:1", code=code) as (proxy, _):
        fault = refusal(make, via(f"socks5h://{proxy}"))
    begins = f"the proxy socks5h://{proxy} (--proxy) does not connect to {HOST}:80: "
    assert fault.message == f"{begins}{why} (SOCKS code {code})"
    assert todo in str(fault.hint)
    assert str(fault.hint).endswith("if this machine reaches the target without a proxy, use --proxy none")


def test_a_socks_proxy_that_wants_a_login_is_named(make: Make) -> None:
    with socks_proxying("127.0.0.1:1", login="user:right") as (proxy, _):
        assert "no way to log in" in refusal(make, via(f"socks5h://{proxy}")).message
        wrong = refusal(make, via(f"socks5h://user:canary@{proxy}"))
    assert "refuses the login" in wrong.message
    assert "canary" not in f"{wrong.message}{wrong.hint}"


def test_what_speaks_no_socks_is_told(make: Make) -> None:
    with raw_serving(lambda connection: connection.sendall(b"220 mail ready\r\n")) as proxy:
        assert "does not speak SOCKS" in refusal(make, via(f"socks5h://{proxy}")).message


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_a_proxy_that_is_not_there_is_named(make: Make, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = f"{scheme}://127.0.0.1:{free_port()}"
    monkeypatch.setenv("http_proxy", proxy)
    fault = refusal(make, TransportConfig(f"http://{HOST}", timeout=5))
    assert fault.message == f"the proxy {proxy} (http_proxy) cannot be reached: it refuses the connection"
    assert fault.again


def test_a_proxy_without_an_address_is_named(make: Make) -> None:
    fault = refusal(make, via("http://proxy.invalid:3128"))
    assert fault.message.endswith("cannot be reached: its host name does not resolve")


def test_a_target_that_a_proxy_loses_later_may_be_down_itself(make: Make) -> None:
    codes = [0, 5]

    def talk(connection: socket.socket) -> None:
        connection.recv(64)
        connection.sendall(b"\x05\x00")
        connection.recv(64)
        connection.sendall(bytes([5, codes.pop(0), 0, 1]) + bytes(6))
        connection.recv(64)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")

    with raw_serving(talk) as proxy, closing(make(via(f"socks5h://{proxy}"))) as transport:
        assert isinstance(transport.exchange("GET", b"/"), Answer)
        later = transport.exchange("GET", b"/")
    assert isinstance(later, NoAnswer)
    assert (later.kind, later.fault) == ("refused", None)
    assert "connection refused" in later.detail


@needs_openssl
def test_a_certificate_of_the_proxy_that_nobody_knows(
    make: Make, secured: tuple[Server, Path, ssl.SSLContext]
) -> None:
    server, _, context = secured
    with proxying(place(server), tls=context) as (proxy, _):
        fault = refusal(make, via(f"https://{proxy}", f"https://{HOST}"))
    assert f"the certificate of the proxy https://{proxy} (--proxy) is not accepted" in fault.message


def test_an_https_proxy_that_speaks_plain_http(make: Make, server: Server) -> None:
    fault = refusal(make, via(f"https://{place(server)}"))
    assert "the TLS handshake with the proxy" in fault.message
    assert "write http:// in --proxy" in str(fault.hint)


def test_no_proxy_reaches_the_target_directly(make: Make, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{free_port()}")
    assert answers(make, TransportConfig(server.base_url, timeout=5), 1) == [{"ok": True}]


@pytest.mark.parametrize(
    ("flags", "env", "options"),
    [
        ({}, {}, ""),
        ({"ca_file": Path("a b.pem")}, {}, "--cacert 'a b.pem'"),
        (
            {"client_cert": Path("c.pem"), "client_key": Path("k.pem"), "proxy": "socks5h://p:1"},
            {},
            "--cert c.pem --key k.pem --proxy socks5h://p:1",
        ),
        ({}, {"ASSAY_PROXY": "http://user:canary@p:1"}, '--proxy "$ASSAY_PROXY"'),
        ({"proxy": "none"}, {}, "--noproxy '*'"),
    ],
)
def test_curl_goes_the_same_way(flags: dict[str, object], env: dict[str, str], options: str) -> None:
    assert " ".join(curl_options(load_settings({"base_url": "http://h", **flags}, env=env))) == options


def test_the_user_s_headers_go_with_every_request(make: Make, server: Server) -> None:
    config = TransportConfig(server.base_url, timeout=5, headers=(("X-Access", "canary"),))
    assert answers(make, config) == [{"ok": True}] * 2
    assert [seen.headers["x-access"] for seen in server.seen] == ["canary"] * 2
    assert "canary" not in repr(config)
