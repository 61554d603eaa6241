"""Defects of the families that begin with ``response-`` and of ``error-body``: right deeds, wrong answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from assay.contract.documents import Contract, Operation
from assay.contract.operations import Kind
from assay.contract.request import Json
from assay.contract.schema import Node, of_answer
from assay.reference.behaviour import Change
from assay.reference.defects.base import GONE, Defect, answering, at_value, dotted, succeeded
from assay.reference.http import CSV, JSON, Reply
from assay.reference.plane import success

# Fields of a spec that a server need not return: "If this field is set, it will be ignored".
_IGNORED: Final = frozenset({"/spec/autoscaling/initializationTimeoutSeconds"})


def _failed(reply: Reply) -> bool:
    return 400 <= reply.status < 500


def _made(
    id_: str, summary: str, place: str, change: Change, operation: str, equivalent: str | None = None
) -> Defect:
    return Defect(id_, id_.split("/", 1)[0], summary, place, change, operation, equivalent)


# --- response-field --------------------------------------------------------------------------------------------


def fields(contract: Contract) -> Iterator[Defect]:
    """``response-field/<operation>/<place>/<what>`` for every property of every documented success."""
    for operation in sorted(contract.operations.values(), key=lambda item: list(Kind).index(item.kind)):
        status = success(operation)
        schema = operation.responses[status].content.get("application/json")
        if schema is None:
            continue
        root = of_answer(contract, schema, f"/paths/{operation.id}/responses/{status}")
        for node in root.walk():
            if node.pointer and node.name != "*":
                yield from _of_field(operation.name, root, node)


def _of_field(operation: str, root: Node, node: Node) -> Iterator[Defect]:
    for step, what, value, equivalent in _spoilt(operation, root, node):
        yield _made(
            f"response-field/{operation}/{dotted(node.pointer)}/{step}",
            f"{operation}: the answer's {dotted(node.pointer)} {what}",
            node.source,
            answering(operation, succeeded, _with_value(node.pointer, value)),
            operation,
            equivalent,
        )


def _with_value(pointer: str, value: Any) -> Callable[[Reply], Reply]:
    return lambda reply: replace(reply, content=at_value(reply.content, pointer, lambda _: value))


def _spoilt(operation: str, root: Node, node: Node) -> Iterator[tuple[str, str, Any, str | None]]:
    in_spec = node.pointer.startswith("/spec/")
    yield "dropped", "is missing", GONE, _dropping_is_moot(operation, root, node)
    if in_spec and operation != "create":
        return  # one operation shows every kind of spoilt spec; the others show that they are looked at
    if not node.nullable:
        yield "null", "is null", None, None
    if node.type:
        yield "type", "is of another type", _OTHER_TYPE.get(node.type, 5), None
    if node.format in _OFF_FORMAT:
        yield "format", f"is no {node.format}", _OFF_FORMAT[node.format], None
    if node.enum is not None:
        yield "enum", "is none of the documented values", "assay-unheard-of", None


_OTHER_TYPE: Final[Mapping[str, Json]] = {
    "object": "text",
    "array": "text",
    "integer": "1",
    "number": "1",
    "boolean": "yes",
}
_OFF_FORMAT: Final[Mapping[str | None, str]] = {
    "uuid": "not-a-uuid",
    "date-time": "yesterday",
    "hostname": "-not a host-",
}


_CONTESTED: Final = (
    "the document contradicts itself on the value of a toleration, so only excluded ones can be sent, and what is "
    "excluded need not come back"
)
_PROMISE: Final = "an update is answered 202, accepted: what holds is what a read returns, and that is checked"


def _dropping_is_moot(operation: str, root: Node, node: Node) -> str | None:
    if operation == "update" and node.pointer.startswith("/spec"):
        return _PROMISE
    if node.pointer.startswith("/spec/tolerations"):
        return _CONTESTED
    parent = root.find(node.pointer.rsplit("/", 1)[0])
    if node.name in parent.required or (node.pointer.startswith("/spec/") and node.pointer not in _IGNORED):
        return None
    if node.pointer == "/spec":
        return None
    if node.pointer in _IGNORED:
        return "the document says that this field is ignored"
    return "the contract does not require the property"


# --- response-status -------------------------------------------------------------------------------------------

_NEARBY: Final[Mapping[int, tuple[int, ...]]] = {200: (201, 202, 204, 206), 202: (200, 201, 204)}
_ERRORS: Final[Mapping[int, tuple[int, ...]]] = {
    400: (200, 404, 422, 500),
    401: (200, 400, 404, 500),
    403: (200, 400, 404, 500),
    404: (200, 400, 403, 410, 500),
}
_HIDES: Final = "a caller without rights may be answered that there is nothing"
_SHUTS: Final = "what is not there may be answered as what one may not see"
_EITHER: Final = "the document lists both refusals and does not say which of them answers what"


def statuses(contract: Contract) -> Iterator[Defect]:
    """``response-status/<operation>/<due>-<given>`` for successes and refusals."""
    for operation in contract.operations.values():
        for due in sorted(status for status in operation.responses if status < 300):
            for given in _NEARBY.get(due, (200, 202, 204)):
                if given not in operation.responses:
                    yield _status(operation, due, given, None)
        for due, instead in _ERRORS.items():
            if due not in operation.responses:
                continue
            for given in instead:
                yield _status(operation, due, given, _moot_status(operation, due, given))


def _moot_status(operation: Operation, due: int, given: int) -> str | None:
    if {due, given} == {400, 404} and {400, 404} <= operation.responses.keys():
        return _EITHER
    if (due, given) == (403, 404):
        return _HIDES
    if (due, given) == (404, 403):
        return _SHUTS
    return None


def _status(operation: Operation, due: int, given: int, equivalent: str | None) -> Defect:
    def change(reply: Reply) -> Reply:
        content = reply.content
        if isinstance(content, dict) and given >= 300 and "code" in content:
            content = {**content, "code": given}
        return replace(reply, status=given, content=b"" if given == 204 else content)

    return _made(
        f"response-status/{operation.name}/{due}-{given}",
        f"{operation.name} answers {given} where {due} is due",
        f"/paths/{operation.id}/responses/{due}",
        answering(operation.name, lambda reply: reply.status == due, change),
        operation.name,
        equivalent,
    )


# --- response-content-type, error-body -------------------------------------------------------------------------

_KINDS: Final[Mapping[str, bytes]] = {
    "html": b"text/html",
    "text": b"text/plain",
    "octets": b"application/octet-stream",
    "empty": b"",
}


def content_types(contract: Contract) -> Iterator[Defect]:
    """``response-content-type/<operation>/<success or error>/<what>``."""
    for operation in contract.operations.values():
        for side, wanted in (("success", succeeded), ("error", _failed)):
            for name, kind in _KINDS.items():
                yield _made(
                    f"response-content-type/{operation.name}/{side}/{name}",
                    f"{operation.name}: the {side} comes as {kind.decode() or 'nothing that has a name'}",
                    f"/paths/{operation.id}/responses",
                    answering(operation.name, wanted, _with_type(kind)),
                    operation.name,
                )
        if "text/csv" in operation.responses[success(operation)].content:
            yield _made(
                f"response-content-type/{operation.name}/csv/as-json",
                f"{operation.name}: comma-separated values come as JSON",
                f"/paths/{operation.id}/responses/200",
                answering(operation.name, lambda reply: reply.kind == CSV, lambda reply: replace(reply, kind=JSON)),
                operation.name,
            )


def _with_type(kind: bytes) -> Callable[[Reply], Reply]:
    return lambda reply: replace(reply, kind=kind)


def _body(change: Callable[[dict[str, Json]], Json | bytes]) -> Callable[[Reply], Reply]:
    def changed(reply: Reply) -> Reply:
        body = dict(reply.content) if isinstance(reply.content, dict) else {}
        return replace(reply, content=change(body))

    return changed


_ERROR_BODIES: Final[Mapping[str, tuple[str, Callable[[dict[str, Json]], Json | bytes]]]] = {
    "code-missing": ("has no code", lambda body: {key: value for key, value in body.items() if key != "code"}),
    "code-wrong": ("has the code of another status", lambda body: {**body, "code": 418}),
    "code-text": ("has a text for a code", lambda body: {**body, "code": str(body.get("code"))}),
    "code-out-of-range": ("has a code that is no status", lambda body: {**body, "code": 4004}),
    "message-missing": (
        "has no message",
        lambda body: {key: value for key, value in body.items() if key != "message"},
    ),
    "message-object": (
        "has an object for a message",
        lambda body: {**body, "message": {"text": body.get("message")}},
    ),
    "message-null": ("has null for a message", lambda body: {**body, "message": None}),
    "details-list": ("has a list for details", lambda body: {**body, "details": ["one", "two"]}),
    "wrapped": ("is wrapped into another object", lambda body: {"error": body}),
    "list": ("is a list", lambda body: [body]),
    "null": ("is null", lambda _: None),
    "empty": ("is empty", lambda _: b""),
    "broken": ("is cut off", lambda _: b'{"code": 4'),
    "html": ("is a web page", lambda _: b"<html><body>Error</body></html>"),
}


def error_bodies(contract: Contract) -> Iterator[Defect]:
    """``error-body/<operation>/<what>``."""
    for operation in contract.operations.values():
        for name, (what, change) in _ERROR_BODIES.items():
            yield _made(
                f"error-body/{operation.name}/{name}",
                f"{operation.name}: the body of an error {what}",
                f"/paths/{operation.id}/responses",
                answering(operation.name, _failed, _body(change)),
                operation.name,
            )
