"""What the operations do: a handler for each row of the operations table.

Every module of this folder is found by itself. It registers handlers (``@handles("read")``: the name of a row, or the
document's operationId) and, for a resource that paths name, how one is found (``@finds("pod")``). All that is common
to operations is done here, by the contract: so a new operation is a row of the table and one module.

A call is judged in a fixed order: 401 (before anything), malformed ids (400 or 404), what the path names, resource by
resource (404, or 403 when it is another's), body or query (400), and then whatever the handler itself looks at. Each
is one atomic step: handlers never wait.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from assay.contract.documents import Contract, Operation
from assay.contract.request import Json
from assay.errors import ContractError
from assay.reference import http
from assay.reference.http import IncomingRequest, Reply
from assay.reference.plane import Plane
from assay.reference.store import StoredWorkload


@dataclass(slots=True)
class AdmittedCall:
    """A call that may be carried out: what its path names is there, and its body and query keep their schemas.

    ``found`` holds by resource what the path names; ``body`` is None and ``query`` empty where there is none.
    """

    operation: Operation
    call: IncomingRequest
    found: dict[str, Any] = field(default_factory=dict)
    body: Json = None
    query: dict[str, Json] = field(default_factory=dict)

    @property
    def workload(self) -> StoredWorkload:
        """The workload that the path names. KeyError where it names none."""
        workload: StoredWorkload = self.found["workload"]
        return workload


Handler = Callable[[Plane, AdmittedCall], Reply]
"""Carries out a call: returns the reply or raises a Refusal."""

Finder = Callable[[Plane, AdmittedCall, str], Any]
"""The resource of an id, if there is one and the caller may see it; else it raises a Refusal.

What stands before it in the path is in ``found`` already.
"""

_HANDLERS: Final[dict[str, Handler]] = {}
_FINDERS: Final[dict[str, Finder]] = {}


def handles(operation: str) -> Callable[[Handler], Handler]:
    """Register the handler of an operation."""

    def register(handler: Handler) -> Handler:
        _HANDLERS[operation] = handler
        return handler

    return register


def finds(resource: str) -> Callable[[Finder], Finder]:
    """Register how a resource that paths name is found."""

    def register(finder: Finder) -> Finder:
        _FINDERS[resource] = finder
        return finder

    return register


class Endpoint:
    """One operation of a running control plane, ready to be called.

    Raises ContractError when no module has a handler for it, or cannot find what its path names.
    """

    def __init__(self, plane: Plane, operation: Operation) -> None:
        self._plane = plane
        self._operation = operation
        self._handler: Handler = _registered(
            _HANDLERS, (operation.name, operation.id), f"handler for {operation.name}"
        )
        self._finders = [
            (parameter, resource, _registered(_FINDERS, (resource,), f"way to find a {resource} ({operation.name})"))
            for parameter, resource in operation.needs.items()
        ]
        self._asks = any(parameter.where == "query" for parameter in operation.parameters)

    def __call__(self, call: IncomingRequest) -> Reply:
        """Admit the call or refuse it, and carry it out."""
        validation, name = self._plane.validation, self._operation.name
        validation.path(name, call.params)
        admitted = AdmittedCall(self._operation, call)
        for parameter, resource, find in self._finders:
            admitted.found[resource] = find(self._plane, admitted, call.params[parameter])
        if self._operation.body is not None:
            admitted.body = http.read_json(call) if call.body or self._operation.body_required else {}
            validation.body(name, admitted.body)
        if self._asks:
            admitted.query = validation.query(name, call.query)
        return self._handler(self._plane, admitted)


def endpoints(plane: Plane) -> dict[str, Endpoint]:
    """An endpoint for each operation of the plane's contract, by name. ContractError when one has no handler."""
    contract: Contract = plane.contract
    return {name: Endpoint(plane, operation) for name, operation in contract.operations.items()}


def _registered(known: dict[str, Any], names: tuple[str, ...], what: str) -> Any:
    if not any(name in known for name in names):
        for module in pkgutil.iter_modules(__path__, f"{__name__}."):
            importlib.import_module(module.name)
    found = next((known[name] for name in names if name in known), None)
    if found is None:
        raise ContractError(
            f"the embedded control plane has no {what}",
            hint="a module of assay/reference/handlers must register it; --base-url names a target of your own",
        )
    return found
