"""The ASGI application: reads a request, finds its handler, sends the answer. No input makes it fail.

Plain ASGI rather than a framework: routing by raw path, Error bodies for everything, and 2 to 3 times the rate.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from assay.reference.behaviour import Wire
from assay.reference.http import Call, Disconnected, Headers, Refusal, Reply
from assay.reference.plane import Plane
from assay.reference.routing import Router, routes

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# A body of a megabyte is refused (413). The largest spec that a cluster could store is smaller: etcd takes 1.5 MB
# for the whole object, of which Kubernetes keeps a second copy in an annotation.
LARGEST_BODY: Final = 1_000_000


class App:
    """An ASGI application that serves one control plane."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self._router = Router(routes(plane, plane.contract))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        call = Call(scope["method"], (), scope["query_string"], scope["headers"])
        try:
            answer = await self._handle(call, scope["raw_path"], receive)
        except Refusal as refusal:
            answer = refusal.reply(details=self.plane.choices.details)
        except Disconnected:
            return
        except Exception:  # noqa: BLE001 - the last line of defence: the caller gets an Error body, stderr the cause
            traceback.print_exc(file=sys.stderr)
            answer = Refusal(500, "the control plane failed; its standard error says why").reply()
        for change in self.plane.behaviour.after:
            answer = change(self.plane, call, answer)
        await _respond(answer, send, self.plane.behaviour.wire)

    async def _handle(self, call: Call, raw_path: bytes, receive: Receive) -> Reply:
        route, call.segments, call.params = self._router.find(call.method, raw_path)
        call.operation = route.operation
        if route.guarded:
            call.client = self.plane.identity.authenticate(call)
        for before in self.plane.behaviour.before:
            answer = await before(self.plane, call)
            if answer is not None:
                return answer
        if route.method in {"POST", "PATCH"}:
            call.body = await _read(call, receive)
        result = route.handler(call)
        return result if isinstance(result, Reply) else await result

    def allowed(self, raw_path: bytes) -> bytes | None:
        """The value of Allow for a path; None when nothing is there."""
        try:
            self._router.find("", raw_path)
        except Refusal as refusal:
            return dict(refusal.headers).get(b"allow")
        return None


async def _read(call: Call, receive: Receive) -> bytes:
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


async def _respond(answer: Reply, send: Send, changes: tuple[Wire, ...]) -> None:
    body = answer.encoded()
    headers: Headers = [
        (b"content-type", answer.kind),
        (b"content-length", str(len(body)).encode()),
        *answer.headers,
    ]
    for change in changes:
        headers = change(headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
