"""Bytes that nobody sends on purpose: every one of them gets an Error body with a 4xx, and harms nothing."""

from __future__ import annotations

import asyncio
import json

import pytest

from assay.reference import tenant
from assay.reference.app import LARGEST_BODY
from tests.reference.harness import COLLECTION, MAIN, NOWHERE, Harness, assert_error


def body(spec: str, name: str = '"w"') -> bytes:
    return f'{{"name":{name},"projectId":"{MAIN}","clusterId":"{tenant.CLUSTER_ID}","spec":{spec}}}'.encode()


BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b"  \n",
    "one brace": b"{",
    "trailing": body('{"image":"x"}') + b"}",
    "single quotes": b"{'name': 'w'}",
    "byte order mark": b"\xef\xbb\xbf" + body('{"image":"x"}'),
    "UTF-16": body('{"image":"x"}').decode().encode("utf-16"),
    "invalid UTF-8": body('{"image":"x"}').replace(b'"x"', b'"\xff"'),
    "encoded surrogate": body('{"image":"x"}').replace(b'"x"', b'"\xed\xa0\x80"'),
    "lone surrogate": body(r'{"image":"\ud800"}'),
    "lone surrogate as key": body(r'{"image":"x","\udfff":1}'),
    "raw NUL": body('{"image":"x\0"}'),
    "escaped NUL": body(r'{"image":"x\u0000"}'),
    "escaped NUL as key": body(r'{"image":"x","a":[{"\u0000":1}]}'),
    "NaN": body('{"image":"x","compute":{"cpuCoreRequest":NaN}}'),
    "Infinity": body('{"image":"x","compute":{"cpuCoreRequest":Infinity}}'),
    "minus Infinity": body('{"image":"x","future":-Infinity}'),
    "1e400": body('{"image":"x","compute":{"cpuCoreRequest":1e400}}'),
    "1e400 where nobody looks": body('{"image":"x","future":-1e400}'),
    "10**400": body('{"image":"x","compute":{"cpuCoreRequest":1' + "0" * 400 + "}}"),
    "10**5000": body('{"image":"x","future":-1' + "0" * 5000 + "}"),
    "deep lists": body("[" * 400_000 + "]" * 400_000),
    "deep objects": body('{"a":' * 100_000 + "1" + "}" * 100_000),
    "unfinished depth": b"[" * 900_000,
    "101 levels": body('{"image":"x","future":' + "[" * 101 + "]" * 101 + "}"),
    "a megabyte": body('{"image":"' + "x" * 1_000_000 + '"}'),
    "five megabytes": body('{"image":"' + "x" * 5_000_000 + '"}'),
    "a list": b"[]",
    "a string": b'"x"',
    "a number": b"7",
    "null": b"null",
    "true": b"true",
}


@pytest.mark.parametrize("content", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_hostile_bodies(method: str, content: bytes) -> None:
    harness = Harness()
    path = harness.running()
    if method == "PATCH" and content == b"":
        content = b" "  # no body at all is a valid update
    if method == "PATCH":
        content = content.replace(b'"projectId"', b'"spec":{"args":"x"},"projectId"')
    before = harness.send("GET", path).json
    target = COLLECTION if method == "POST" else path
    reply = harness.send(method, target, raw=content, headers={"content-type": "application/json"}, chunks=7)
    assert 400 <= reply.status < 500, reply.text
    assert_error(reply, reply.status)
    assert (reply.status == 413) is (len(content) >= LARGEST_BODY)
    assert harness.send("GET", path).json == before
    assert len(harness.send("GET", "/api/v1/workloads").json["workloads"]) == 1


def test_an_announced_megabyte_is_not_even_read() -> None:
    for length in ("1000000", "9" * 5000):
        assert_error(Harness().send("POST", COLLECTION, headers={"content-length": length}), 413)


def test_what_only_looks_hostile_is_accepted() -> None:
    harness = Harness()
    value = "\\u0000 \\ud800 [[[[[ 💡" + "[" * 200
    assert harness.create(spec={"image": "x", "args": value}).json["spec"]["args"] == value
    assert harness.create("deep", spec={"image": "x", "future": json.loads("[" * 90 + "]" * 90)}).status == 202
    assert harness.send("POST", COLLECTION, raw=body('{"image":"y","image":"x"}', '"twice"')).json["spec"] == {
        "image": "x"
    }
    big = body('{"image":"' + "x" * 900_000 + '"}', '"big"')
    assert harness.send("POST", COLLECTION, raw=big, chunks=30).status == 202


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/xml", "json", "application/json; charset=utf-16", "multipart/form-data", "é;;="],
)
def test_other_content_types(kind: str) -> None:
    harness = Harness()
    path = harness.running()
    content = body('{"image":"x"}', '"new"')
    for method, target in (("POST", COLLECTION), ("PATCH", path)):
        reply = harness.send(method, target, raw=content, headers={"content-type": kind})
        assert_error(reply, 400)
        assert "Content-Type" in reply.json["message"]


@pytest.mark.parametrize("kind", ["APPLICATION/JSON", 'application/json;charset="UTF-8"', "application/json ; x=y"])
def test_unusual_but_right_content_types(kind: str) -> None:
    reply = Harness().send("POST", COLLECTION, raw=body('{"image":"x"}'), headers={"content-type": kind})
    assert reply.status == 202


@pytest.mark.parametrize(
    ("target", "allow"),
    [
        (COLLECTION, "POST"),
        (f"{COLLECTION}/{NOWHERE}", "DELETE, GET, PATCH"),
        (f"{COLLECTION}/{NOWHERE}/metrics", "GET"),
        (f"{COLLECTION}/{NOWHERE}/pods/{NOWHERE}/metrics", "GET"),
        ("/api/v1/token", "POST"),
        ("/healthz", "GET"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "QUERY", "X" * 500])
def test_unknown_methods(method: str, target: str, allow: str) -> None:
    reply = Harness().send(method, target)
    assert_error(reply, 405)
    assert reply.headers["allow"] == allow


@pytest.mark.parametrize(
    "target",
    ["/", "", "/api", "/api/v1/workloads/", f"{COLLECTION}/", f"{COLLECTION}/{NOWHERE}/", "/API/V1/WORKLOADS",
     "//api/v1/workloads", "/api%2Fv1/workloads", "/api/v1/workloads/../workloads",
     f"{COLLECTION}/{NOWHERE}/metrics/x", "/%00", "/%", "/%zz", "/healthz%2F", "/" + "x" * 60_000, "/" * 5000],
    ids=lambda target: target[:30],
)  # fmt: skip
def test_unknown_paths(target: str) -> None:
    assert_error(Harness().send("GET", target), 404)


def test_literal_segments_may_be_percent_encoded() -> None:
    assert Harness().send("GET", "/%68ealthz", token=None).status == 200


@pytest.mark.parametrize(
    "query", ["%ff=1", "metricType=%ff", "&".join(f"a{n}=1" for n in range(500)), "é".encode().decode("latin-1")]
)
def test_hostile_queries(query: str) -> None:
    harness = Harness()
    path = harness.running()
    assert_error(harness.send("GET", f"{path}/metrics?{query}"), 400)
    assert_error(harness.send("GET", f"/api/v1/workloads?{query}"), 400)


def test_a_client_that_leaves_in_the_middle_gets_nothing_done() -> None:
    harness = Harness()
    content = body('{"image":"x"}')
    headers = [
        (b"authorization", f"Bearer {harness.tokens['assay-researcher']}".encode()),
        (b"content-type", b"application/json"),
    ]
    messages: list[dict[str, object]] = [
        {"type": "http.request", "body": content[:20], "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    async def send(message: object) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": COLLECTION.encode(),
        "query_string": b"",
        "headers": headers,
    }
    asyncio.run(harness.app(scope, receive, send))
    assert sent == []
    assert harness.send("GET", "/api/v1/workloads").json["workloads"] == []


def test_our_own_failure_is_an_error_body_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = Harness()
    path = harness.running()
    monkeypatch.setattr(harness.plane.store, "find", lambda *_: 1 / 0)
    assert_error(harness.send("GET", path), 500)
    assert "ZeroDivisionError" in capsys.readouterr().err
