"""Requests on the wire, and curl lines that send the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from assay.client.evidence import curl_line
from assay.client.exchange import Wire, to_wire
from assay.contract.documents import Contract
from assay.contract.request import Request
from tests.client.servers import Reply, Seen, always, serving

WORKLOAD = "71f69d83-ba66-4822-adf5-55ce55efd210"


def read(workload: str) -> Request:
    return Request("read", path={"workloadId": workload})


def test_path_values_are_encoded_whole(contract: Contract) -> None:
    assert to_wire(contract, read("a/../b?#%é\x00")).target == (
        "/api/v1/workloads/inferences/a%2F..%2Fb%3F%23%25%C3%A9%00"
    )


def test_lone_surrogates_can_be_sent(contract: Contract) -> None:
    assert to_wire(contract, read("\ud800")).target.endswith("/%ED%A0%80")
    body = to_wire(contract, Request("create", body={"name": "\ud800"})).content
    assert body == b'{"name":"\\ud800"}'


def test_the_query_keeps_order_commas_and_time_zones(contract: Contract) -> None:
    query = (("metricType", "A,B"), ("start", "2026-01-01T00:00:00+01:00"), ("metricType", "C"))
    wire = to_wire(contract, Request("metrics", path={"workloadId": WORKLOAD}, query=query))
    assert wire.target.endswith("/metrics?metricType=A,B&start=2026-01-01T00:00:00%2B01:00&metricType=C")


def test_body_absent_null_and_raw_differ(contract: Contract) -> None:
    assert to_wire(contract, Request("create")).content is None
    assert to_wire(contract, Request("create")).headers == ()
    null = to_wire(contract, Request("create", body=None))
    assert (null.content, dict(null.headers)) == (b"null", {"Content-Type": "application/json"})
    raw = to_wire(contract, Request("create", body={}, raw=b"\xff", content_type=None))
    assert (raw.content, raw.headers) == (b"\xff", ())


def test_given_headers_replace_those_of_the_same_name(contract: Contract) -> None:
    request = Request("create", body={}, headers=(("X-A", "1"), ("x-a", "2")))
    wire = to_wire(contract, request, {"content-type": "text/plain", "X-A": "3"})
    assert wire.headers == (("content-type", "text/plain"), ("X-A", "3"))


BODIES = [
    None,
    b"",
    b'{"name": "it\'s $HOME `id` \\"x\\" \\\\ \n", "u": "\xc3\xa4"}',
    b"@/etc/passwd",
    b"\x00\xff\xfe binary",
    b'{"name": "' + b"a" * 1_000_000 + b'"}',
]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("content", BODIES, ids=["none", "empty", "quotes", "at", "binary", "megabyte"])
def test_the_curl_line_sends_the_same_bytes(content: bytes | None, tmp_path: Path) -> None:
    headers = (("Content-Type", "application/json"), ("X-Odd", "a'b $PATH"), ("X-Empty", "")) if content else ()
    wire = Wire("PATCH", "/api/v1/a%2Fb/../{x}[1]?q=a,b&r='%20'", headers, content)
    with serving(always(Reply(200, {"ok": True}))) as server:
        line = curl_line(server.base_url, wire, "Bearer $ASSAY_TOKEN")
        env = {**os.environ, "ASSAY_TOKEN": "token-1", "no_proxy": "*"}
        ran = subprocess.run(["/bin/sh", "-c", line], check=True, capture_output=True, env=env)
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("PATCH", wire.target, content or b"")
    assert seen.headers["authorization"] == "Bearer token-1"
    assert {name: seen.headers.get(name.lower()) for name, _ in headers} == dict(headers)
    assert ("content-type" in seen.headers) == bool(headers)
    assert json.loads(ran.stdout.split(b"\r\n\r\n")[-1]) == {"ok": True}
    assert len(line) < 10_000


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_shell_expression_alters_the_token() -> None:
    tokens: list[str] = []

    def note(seen: Seen) -> Reply:
        tokens.append(seen.headers.get("authorization", "none"))
        return Reply(401)

    with serving(note) as server:
        for word in ("Bearer ${ASSAY_TOKEN%?}x", None):
            line = curl_line(server.base_url, Wire("GET", "/", (), None), word)
            env = {**os.environ, "ASSAY_TOKEN": "abc", "no_proxy": "*"}
            subprocess.run(["/bin/sh", "-c", line], check=True, capture_output=True, env=env)
    assert tokens == ["Bearer abx", "none"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_user_s_own_headers_stand_in_variables() -> None:
    with serving(always(Reply(200))) as server:
        line = curl_line(server.base_url, Wire("GET", "/", (), None), None, extra=("CF-Access-Client-Id",))
        env = {**os.environ, "ASSAY_HEADER_CF_ACCESS_CLIENT_ID": "canary $x", "no_proxy": "*"}
        subprocess.run(["/bin/sh", "-c", line], check=True, capture_output=True, env=env)
    assert "canary" not in line
    assert server.seen[0].headers["cf-access-client-id"] == "canary $x"
