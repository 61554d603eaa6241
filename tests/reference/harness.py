"""Drives a control plane in this process, with a clock that moves only by hand, byte for byte where wanted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from assay.contract import documents, schema
from assay.contract.documents import Contract
from assay.reference import tenant
from assay.reference.app import App
from assay.reference.behaviour import Behaviour
from assay.reference.defects import catalogue
from assay.reference.embedded import Options
from assay.reference.server import assemble

COLLECTION = "/api/v1/workloads/inferences"
MAIN, OTHER, FOREIGN = tenant.PROJECTS
RESEARCHER, OUTSIDER = tenant.CLIENT_PROJECTS
NOWHERE = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Received:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Harness:
    """One control plane. ``now`` is its clock, in seconds since 1970.

    ``options`` are those of ``assay serve``; with a ``contract`` of one's own there is ``defect`` alone.
    """

    def __init__(self, contract: Contract | None = None, **options: Any) -> None:
        self.now = 1_800_000_000.0
        if contract is None:
            self.plane = assemble(Options(**{"seed": 1, **options}), lambda: self.now, self.sleep)
        else:
            behaviour = catalogue(contract)[options["defect"]].change(Behaviour()) if options else Behaviour()
            self.plane = behaviour.build(contract, lambda: self.now, sleep=self.sleep, seed=1)
        self.app = App(self.plane)
        self.tokens = {
            name: self.plane.identity.issue(client) for name, client in self.plane.identity.clients.items()
        }

    async def sleep(self, seconds: float) -> None:
        """Wait: the clock moves, nobody waits for it."""
        self.now += seconds

    def send(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = RESEARCHER,
        chunks: int = 1,
    ) -> Received:
        """Send one request; ``token`` names a client, is a token itself, or is None for none."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json"} if content else {}
        if token is not None:
            sent["authorization"] = f"Bearer {self.tokens.get(token, token)}"
        sent.update({name.lower(): value for name, value in (headers or {}).items()})
        return self.exchange(
            method, target, [(k.encode(), v.encode()) for k, v in sent.items() if v != ""], content, chunks
        )

    def exchange(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], content: bytes = b"", chunks: int = 1
    ) -> Received:
        """The same with the headers exactly as given."""
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
        }
        size = max(1, -(-len(content) // chunks))
        parts = [content[at : at + size] for at in range(0, len(content), size)] or [b""]
        messages = [
            {"type": "http.request", "body": part, "more_body": number + 1 < len(parts)}
            for number, part in enumerate(parts)
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        if not sent:
            return Received(0, {}, b"")
        start, finish = sent
        names = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return Received(start["status"], names, finish["body"])

    def create(self, name: str = "w", spec: Any = None, token: str = RESEARCHER, **extra: Any) -> Received:
        """Create a workload with a plain spec, or the given one, in the client's first project."""
        projects = self.plane.identity.clients[token].projects
        body = {
            "name": name,
            "projectId": projects[0],
            "clusterId": tenant.CLUSTER_ID,
            "spec": {"image": "nginx"} if spec is None else spec,
            **extra,
        }
        return self.send("POST", COLLECTION, body, token=token)

    def created(self, name: str = "w", spec: Any = None, token: str = RESEARCHER, **extra: Any) -> str:
        """The path of a new workload."""
        reply = self.create(name, spec, token, **extra)
        assert reply.status == 202, reply.text
        return f"{COLLECTION}/{reply.json['workloadId']}"

    def running(self, name: str = "w", spec: Any = None) -> str:
        """The path of a new workload that runs."""
        path = self.created(name, spec)
        self.now += 1
        return path

    def metrics(self, path: str, start: float, end: float, **query: Any) -> Received:
        """Metrics from ``start`` to ``end``, in seconds from now."""
        accept = query.pop("accept", None)
        given = {"metricType": "THROUGHPUT,LATENCY", "start": self.stamp(start), "end": self.stamp(end), **query}
        target = f"{path}/metrics?{urlencode(given)}"
        return self.send("GET", target, headers={"accept": accept} if accept else None)

    def stamp(self, shift: float = 0.0) -> str:
        """RFC 3339 for a moment ``shift`` seconds from now."""
        from assay.reference.times import SECOND, text

        return text(int((self.now + shift) * SECOND), 6)


@cache
def _validator(operation: str, status: int) -> schema.Validator:
    contract = documents.load()
    content = contract.operations[operation].responses[status].content["application/json"]
    assert content is not None
    return schema.Validator(schema.build(contract, content, f"{operation}/{status}"))


def assert_documented(operation: str, reply: Received) -> None:
    """The operation documents the status, and the JSON body satisfies the schema, formats included."""
    assert reply.headers["content-type"].startswith("application/json")
    assert not _validator(operation, reply.status).errors(reply.json)
    if reply.status >= 400:
        assert_error(reply, reply.status)


def assert_error(reply: Received, status: int) -> None:
    """The answer is an Error with that code."""
    assert reply.status == status, (reply.status, reply.text)
    error = reply.json
    assert error["code"] == status
    assert isinstance(error["message"], str)
    assert error["message"]
    assert set(error) <= {"code", "message", "details"}
