"""The ASGI application: reads a request, finds its handler, sends the answer. No input makes it fail.

Plain ASGI rather than a framework: routing by raw path, Error bodies for everything, and 2 to 3 times the rate.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import unquote

from assay.reference.auxiliary import AuxiliaryEndpoints
from assay.reference.handlers import endpoints
from assay.reference.http import Disconnected, Headers, IncomingRequest, Refusal, Reply
from assay.reference.plane import Around, Plane, Proceed, Wire

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Answering = Callable[[IncomingRequest], Reply | Awaitable[Reply]]

# A body of a megabyte is refused (413). The largest spec that a cluster could store is smaller: etcd takes 1.5 MB
# for the whole object, of which Kubernetes keeps a second copy in an annotation.
LARGEST_BODY: Final = 1_000_000
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class App:
    """An ASGI application that serves one control plane. ContractError when an operation has no handler."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self._router = Router(_routes(plane))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        call = IncomingRequest(scope["method"], (), scope["query_string"], scope["headers"])
        try:
            reply = await self._handle(call, scope["raw_path"], receive)
        except Refusal as refusal:
            reply = refusal.reply(details=self.plane.choices.details)
        except Disconnected:
            return
        except Exception:  # noqa: BLE001 - the last line of defence: the caller gets an Error body, stderr the cause
            traceback.print_exc(file=sys.stderr)
            reply = Refusal(500, "the control plane failed; its standard error says why").reply()
        for change in self.plane.hooks.after:
            reply = change(self.plane, call, reply)
        await _respond(reply, send, self.plane.hooks.wire)

    async def _handle(self, call: IncomingRequest, raw_path: bytes, receive: Receive) -> Reply:
        route, call.segments, call.params = self._router.find(call.method, raw_path)
        call.operation = route.operation
        if route.guarded:
            call.client = self.plane.identity.authenticate(call)
        for before in self.plane.hooks.before:
            reply = await before(self.plane, call)
            if reply is not None:
                return reply
        if route.method in _WITH_BODY:
            call.body = await _read(call, receive)
        result = route.answer(call)
        return result if isinstance(result, Reply) else await result

    def allowed(self, raw_path: bytes) -> bytes | None:
        """The value of Allow for a path; None when nothing is there."""
        try:
            self._router.find("", raw_path)
        except Refusal as refusal:
            return dict(refusal.headers).get(b"allow")
        return None


async def _read(call: IncomingRequest, receive: Receive) -> bytes:
    """The whole body; refuses (413) one that is announced as, or grows, too large."""
    length = call.header(b"content-length") or "0"
    if length.isdigit() and (len(length) > 12 or int(length) >= LARGEST_BODY):
        raise _too_large()
    message = await receive()
    body: bytes = message.get("body", b"")
    while message["type"] == "http.request" and message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) >= LARGEST_BODY:
            raise _too_large()
    if message["type"] == "http.disconnect":
        raise Disconnected
    if len(body) >= LARGEST_BODY:
        raise _too_large()
    return body


def _too_large() -> Refusal:
    return Refusal(413, f"the body is too large; at most {LARGEST_BODY - 1} bytes are read")


async def _respond(reply: Reply, send: Send, changes: tuple[Wire, ...]) -> None:
    body = reply.encoded()
    headers: Headers = [
        (b"content-type", reply.kind),
        (b"content-length", str(len(body)).encode()),
        *reply.headers,
    ]
    for change in changes:
        headers = change(headers)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


# Routing: by method and raw path


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path template, what answers there, and whether it needs a token.

    ``operation`` is the name of a row of the operations table, None beside the contract.
    """

    method: str
    template: tuple[str, ...]
    answer: Answering
    operation: str | None = None
    guarded: bool = True

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """The path parameters when the template fits, else None."""
        params = {}
        for wanted, given in zip(self.template, segments, strict=True):
            if wanted.startswith("{"):
                params[wanted[1:-1]] = given
            elif wanted != given:
                return None
        return params


class Router:
    """All routes by the number of their segments; a fixed segment goes before a parameter, as OpenAPI wants it."""

    def __init__(self, routes: list[Route]) -> None:
        self._by_length: dict[int, list[Route]] = {}
        for route in sorted(routes, key=lambda route: [part.startswith("{") for part in route.template]):
            self._by_length.setdefault(len(route.template), []).append(route)

    def find(self, method: str, raw_path: bytes) -> tuple[Route, tuple[str, ...], dict[str, str]]:
        """The route, the decoded segments and the path parameters; refuses with 404 or 405 (with Allow).

        The path is cut at its slashes before it is decoded, so that %2F in a segment stays part of it.
        """
        segments = _split(raw_path)
        allowed = []
        for route in self._by_length.get(len(segments), ()):
            params = route.match(segments)
            if params is not None:
                if route.method == method:
                    return route, segments, params
                allowed.append(route.method)
        if not allowed:
            raise Refusal(404, f"there is nothing at {raw_path[:200].decode('latin-1')}")
        allow = ", ".join(sorted(set(allowed)))
        raise Refusal(405, f"{method[:40]} is not possible here; {allow} is", headers=[(b"allow", allow.encode())])


def _split(raw_path: bytes) -> tuple[str, ...]:
    """Percent-decoded segments of a path; bytes that are not UTF-8 become U+FFFD, which no id contains."""
    text = raw_path.decode("latin-1")
    return tuple(unquote(part) if "%" in part else part for part in text.split("/")[1:])


def _routes(plane: Plane) -> list[Route]:
    """The operations where the contract puts them, and the endpoints beside it."""
    auxiliary = AuxiliaryEndpoints(plane)
    documented = []
    for name, endpoint in endpoints(plane).items():
        operation = plane.contract.operations[name]
        answer = _surrounded(plane, name, endpoint)
        documented.append(Route(operation.method, _template(operation.path), answer, name))
    return [
        *documented,
        Route("POST", _template("/api/v1/token"), auxiliary.token, guarded=False),
        Route("POST", _template("/api/v2/token"), auxiliary.oauth_token, guarded=False),
        Route("GET", _template("/api/v1/workloads"), auxiliary.workloads),
        Route("GET", _template("/api/v1/workloads/{workloadId}/pods"), auxiliary.pods),
        Route("GET", _template("/api/v1/org-unit/projects"), auxiliary.projects),
        Route("GET", _template("/api/v1/clusters"), auxiliary.clusters),
        Route("GET", _template("/healthz"), auxiliary.health, guarded=False),
    ]


def _surrounded(plane: Plane, operation: str, usual: Proceed) -> Answering:
    answer: Answering = usual
    for name, around in plane.hooks.around:
        if name == operation:
            answer = _inside(plane, around, cast("Proceed", answer))  # what waits is always the outermost
    return answer


def _inside(plane: Plane, around: Around, proceed: Proceed) -> Answering:
    return lambda call: around(plane, call, proceed)


def _template(path: str) -> tuple[str, ...]:
    return tuple(path.split("/")[1:])
