"""An address that is not quite right: what the diagnosis says of it, and the base URL that it gives instead."""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.client.exchange import Answer
from assay.client.network import TransportConfig
from assay.client.preflight.base_url import redirected, without_api
from assay.client.preflight.diagnose import diagnose
from assay.client.preflight.network import judge_tls
from assay.client.preflight.steps import Step, StepState
from assay.client.settings import Settings, plain_url
from assay.contract.documents import Contract
from tests.client.conftest import Configure
from tests.client.servers import Reply, Seen, always, certificate, error, raw_serving, serving
from tests.client.test_encodings import SETTINGS
from tests.client.test_network import needs_openssl

TARGET = "/api/v1/workloads/inferences/1?x=/api/v1"
Examine = Callable[..., Step]


@pytest.fixture
def examine(configure: Configure, contract: Contract) -> Examine:
    """The step that fails for a base URL, else the step ``api``."""

    def make(base_url: str, **flags: Any) -> Step:
        settings: Settings = configure(base_url=base_url, **flags)
        steps = list(diagnose(settings, contract))
        failed = [step for step in steps if step.state is StepState.FAIL]
        return failed[0] if failed else next(step for step in steps if step.name == "api")

    return make


def looked_up(base_url: str, place: str, status: int = 308) -> Step:
    return redirected(base_url, TARGET, Answer(status, {"Location": place}))


@pytest.mark.parametrize(
    ("place", "todo"),
    [
        (f"https://new.example{TARGET}", "use --base-url https://new.example"),
        ("https://new.example:8443/pre/api/v1/workloads/inferences/1", "use --base-url https://new.example:8443/pre"),
        ("https://old.example/api/v1/workloads/inferences/1", "use --base-url https://old.example"),
        ("/pre/api/v1/workloads/inferences/1", "use --base-url http://old.example/pre"),
        ("//new.example/api/v1/workloads/inferences/1/", "use --base-url http://new.example"),
        ("https://new.example/", "if the control plane is there, use --base-url https://new.example"),
        ("https://user:pw@new.example/", "if the control plane is there, use --base-url https://new.example"),
        ("/elsewhere", "give the root of the control plane"),
        ("/api/v1/workloads/inferences/1/", "give the root of the control plane"),
        ("https://id.example/auth/realms/corp?state=canary", "[headers]"),
        ("https://corp.cloudflareaccess.com/cdn-cgi/access/login/x?kid=canary", "[headers]"),
        ("/login?to=/api/v1", "[headers]"),
        (f"https://sso.example/login?next={TARGET}", "[headers]"),
        (f"https://sso.example/oauth2/start?rd={TARGET}", "[headers]"),
        (f"https://new.example/?next={TARGET}", "if the control plane is there, use --base-url https://new.example"),
        ("https://login.microsoftonline.com/common", "[headers]"),
    ],
)
def test_a_redirect_names_its_place_and_the_right_address(place: str, todo: str) -> None:
    step = looked_up("http://old.example", place)
    assert (step.name, step.code) == ("api", 2)
    assert todo in str(step.todo)
    assert step.text.startswith("http://old.example redirects to http")
    assert "(308)" in step.text
    assert "canary" not in step.text
    assert "pw" not in f"{step.text}{step.todo}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_end_the_diagnosis(examine: Examine, status: int) -> None:
    def script(seen: Seen) -> Reply:
        return Reply(status, headers={"Location": f"https://new.example/prefix{seen.path}"})

    with serving(script) as server:
        step = examine(server.base_url)
    assert (step.code, step.todo) == (2, "use --base-url https://new.example/prefix")


def test_a_redirect_to_nowhere() -> None:
    step = redirected("http://old.example", TARGET, Answer(302))
    assert (step.code, step.text) == (2, "http://old.example redirects (302), but says not where to")


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("https://h/api", "https://h"),
        ("https://h/pre/api", "https://h/pre"),
        ("https://h/api/v1", "https://h"),
        ("https://h/capi", None),
        ("https://h/api/other", None),
        ("https://h", None),
    ],
)
def test_the_root_of_an_address_within_the_api(url: str, root: str | None) -> None:
    assert without_api(url) == root


@pytest.mark.parametrize("tail", ["/api/v1", "/api/v1/", "/api/v2", "/api/v1/workloads/inferences"])
def test_an_address_within_the_api_is_refused_with_the_right_one(tail: str) -> None:
    with pytest.raises(ValueError, match=r"give https://h/pre$"):
        plain_url(f"https://h/pre{tail}")


def test_an_address_that_ends_in_api_is_told_the_right_one(examine: Examine) -> None:
    with serving(always(error(404, "nothing here"))) as server:
        step = examine(f"{server.base_url}/api")
    assert (step.code, step.todo) == (2, f"use --base-url {server.base_url}")
    with serving(always(Reply(404, raw=b"<html>Not Found"))) as server:
        step = examine(f"{server.base_url}/api")
    assert (step.code, step.todo) == (2, f"use --base-url {server.base_url}")


@pytest.mark.parametrize(
    ("says", "text"),
    [
        (SETTINGS, "speaks HTTP/2 alone, and assay HTTP/1.1"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "this is not a Run:ai API: what answers is an SSH server"),
        (b"\x1b]0;title\x07\r\n", r"what answers speaks no HTTP: \x1b]0;title\x07\r\n"),
    ],
)
def test_what_speaks_no_http(examine: Examine, says: bytes, text: str) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(says)

    with raw_serving(talk) as address:
        step = examine(f"http://{address}")
    assert (step.name, step.code) == ("api", 3)
    assert text in step.text


@needs_openssl
def test_http2_alone_within_tls(examine: Examine, tmp_path: Path) -> None:
    """A server that agrees on h2 and on nothing else, and hangs up on everything but its preface."""
    context, file = certificate(tmp_path)
    context.set_alpn_protocols(["h2"])

    def talk(connection: socket.socket) -> None:
        connection.recv(64)

    with raw_serving(talk, context) as address:
        step = examine(f"https://{address}", ca_file=file)
    assert step.code == 3
    assert "HTTP/2 alone" in step.text


def test_compressed_answers_are_told_and_read(configure: Configure, contract: Contract, examine: Examine) -> None:
    body = gzip.compress(b'{"code": 401, "message": "who?"}')
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    with serving(always(Reply(401, raw=body, headers=headers))) as server:
        api = next(step for step in diagnose(configure(base_url=server.base_url), contract) if step.name == "api")
    assert (api.state, "its answers come with gzip, which nobody asked for" in api.text) == (StepState.OK, True)
    headers["Content-Encoding"] = "zork"
    with serving(always(Reply(200, raw=b"\x01\x1b\x00", headers=headers))) as server:
        step = examine(server.base_url)
    assert step.code == 3
    assert "answers 200 with Content-Encoding zork though identity was asked" in step.text


def test_binary_answers_are_not_shown(examine: Examine) -> None:
    with serving(always(Reply(500, raw=b"\x1b[2J\x00\x01\x02\xff"))) as server:
        step = examine(server.base_url)
    assert "characters that are no text" in step.text
    assert step.text.isprintable()


@needs_openssl
def test_a_target_that_wants_a_client_certificate(examine: Examine, tmp_path: Path) -> None:
    context, file = certificate(tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(file)
    other = tmp_path / "other"
    other.mkdir()
    _, foreign = certificate(other)
    with serving(always(error(401)), context) as server:
        step = examine(server.base_url, ca_file=file)
        assert (step.code, step.name) == (2, "tls")
        assert "wants a client certificate" in step.text
        step = examine(server.base_url, ca_file=file, client_cert=foreign, client_key=other / "key.pem")
        assert step.code == 2
        assert f"does not accept the client certificate {foreign}" in step.text
        step = examine(server.base_url, ca_file=file, client_cert=file, client_key=tmp_path / "key.pem")
        assert step.name != "tls"


@pytest.mark.parametrize(
    ("detail", "code", "text"),
    [
        (
            "no TLS is spoken there (WRONG_VERSION_NUMBER) (through the proxy http://p:1 (HTTP_PROXY))",
            2,
            "plain HTTP",
        ),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", 2, "wants a client certificate"),
        ("TLSV1_ALERT_NO_APPLICATION_PROTOCOL (through the proxy p (X_Y))", 3, "agrees on no HTTP/1.1"),
        ("BAD_SIGNATURE", 3, "failed: BAD_SIGNATURE"),
        ("something odd (through the proxy p (HTTPS_PROXY))", 3, "failed: something odd"),
    ],
)
def test_reasons_of_tls(detail: str, code: int, text: str) -> None:
    step = judge_tls(TransportConfig("https://h"), detail)
    assert (step.name, step.code) == ("tls", code)
    assert text in step.text
