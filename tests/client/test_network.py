"""The way to a target: addresses, proxies of the environment, and both transports on the same way."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assay.client.exchange import Answer, NoAnswer
from assay.client.network import HttpProxy, TransportConfig, find_proxy
from assay.client.transport import HttpTransport, Transport
from assay.errors import SettingsError
from assay.load.client import RawTransport
from tests.client.servers import Reply, Server, always, certificate, free_port, proxying, serving

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
Make = Callable[[TransportConfig], Transport]


@pytest.fixture(params=[HttpTransport, RawTransport], ids=["contract", "load"])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(always(Reply(200, {"ok": True}))) as running:
        yield running


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


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ("", False),
        ("*", True),
        ("example.com", True),
        (".example.com", True),
        ("api.example.com", True),
        ("ample.com", False),
        ("other.com, API.example.com", True),
        ("api.example.com:443", True),
        ("api.example.com:8443", False),
        ("https://api.example.com", True),
    ],
)
def test_no_proxy_for_names(no_proxy: str, direct: bool) -> None:
    given = {"https": "http://proxy:3128", "no": no_proxy}
    assert (find_proxy(True, "api.example.com", 443, given) is None) is direct


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("fd00::1", "fd00::/8", True),
        ("fd00::1", "[fd00::1]:80", True),
        ("fd00::1", "[fd00::1]:81", False),
        ("example.com", ".example.com", False),
    ],
)
def test_no_proxy_for_addresses(host: str, no_proxy: str, direct: bool) -> None:
    given = {"http": "http://proxy:3128", "no": no_proxy}
    assert (find_proxy(False, host, 80, given) is None) is direct


def test_which_proxy_is_taken() -> None:
    given = {"http": "one:3128", "https": "http://us%40er:pa%3Ass@two", "all": "http://three:1"}
    assert find_proxy(False, "h", 80, given) == HttpProxy(False, "one", 3128)
    found = find_proxy(True, "h", 443, given)
    assert found is not None
    assert (found.address, found.authorization) == ("two:80", "Basic dXNAZXI6cGE6c3M=")
    assert "dXNAZXI6cGE6c3M=" not in repr(found)
    assert find_proxy(True, "h", 443, {"all": "http://three:1"}) is not None
    assert find_proxy(True, "h", 443, {"http": "http://one"}) is None
    assert find_proxy(False, "localhost", 80, given) is None
    with pytest.raises(SettingsError, match="the proxy socks5://four:1080 of the environment speaks no HTTP"):
        find_proxy(True, "h", 443, {"all": "socks5://u:secret@four:1080"})


def test_http_is_forwarded(make: Make, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying(server.base_url.rpartition("/")[2]) as (proxy, heads):
        monkeypatch.setenv("http_proxy", f"http://user:secret@{proxy}")
        with closing(make(TransportConfig("http://target.example.test/base", timeout=5))) as transport:
            outcomes = [transport.exchange("GET", b"/x?q=%20", [(b"X-Own", b"1")]) for _ in range(2)]
    assert [isinstance(outcome, Answer) and outcome.json() for outcome in outcomes] == [{"ok": True}] * 2
    first = heads[0].decode()
    assert first.startswith("GET http://target.example.test/base/x?q=%20 HTTP/1.1\r\n")
    lines = {line.lower() for line in first.split("\r\n")}
    assert {"host: target.example.test", "proxy-authorization: basic dxnlcjpzzwnyzxq=", "x-own: 1"} <= lines


@needs_openssl
def test_https_goes_through_a_tunnel(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context, file = certificate(tmp_path, host="DNS:target.example.test")
    with (
        serving(always(Reply(200, {"ok": True})), context) as server,
        proxying(server.base_url.rpartition("/")[2]) as (proxy, heads),
    ):
        monkeypatch.setenv("https_proxy", f"http://user:secret@{proxy}")
        config = TransportConfig("https://target.example.test/base", timeout=5, ca_file=file)
        with closing(make(config)) as transport:
            outcome = transport.exchange("POST", b"/x", [(b"Content-Type", b"text/plain")], b"body")
    assert isinstance(outcome, Answer), outcome
    assert (server.seen[0].path, server.seen[0].body) == ("/base/x", b"body")
    assert "proxy-authorization" not in server.seen[0].headers
    assert heads[0].startswith(b"CONNECT target.example.test:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in heads[0]


def test_a_proxy_that_opens_no_tunnel_is_not_the_target(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying("127.0.0.1:1", refuse=True) as (proxy, _):
        monkeypatch.setenv("https_proxy", f"http://{proxy}")
        with closing(make(TransportConfig("https://target.example.test", timeout=5))) as transport:
            outcome = transport.exchange("GET", b"/")
    assert isinstance(outcome, NoAnswer)
    assert outcome.kind == "refused"
    assert "403" in outcome.detail
    assert proxy in outcome.detail


def test_a_proxy_that_is_not_there_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{free_port()}")
    with closing(make(TransportConfig("http://target.example.test", timeout=5))) as transport:
        outcome = transport.exchange("GET", b"/")
    assert isinstance(outcome, NoAnswer)
    assert outcome.kind == "refused"


def test_no_proxy_reaches_the_target_directly(make: Make, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{free_port()}")
    with closing(make(TransportConfig(server.base_url, timeout=5))) as transport:
        assert isinstance(transport.exchange("GET", b"/"), Answer)
