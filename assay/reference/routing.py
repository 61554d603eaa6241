"""Finds the handler of a request by method and raw path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from assay.contract.documents import Contract
from assay.reference.auxiliary import AuxiliaryEndpoints
from assay.reference.http import Call, Refusal, Reply
from assay.reference.plane import Plane

Handler = Callable[[Call], Reply | Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its method, its path template, what handles it, and whether it needs a token."""

    method: str
    template: tuple[str, ...]
    handler: Handler
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
    """All routes, sorted by the number of their segments."""

    def __init__(self, routes: list[Route]) -> None:
        self._by_length: dict[int, list[Route]] = {}
        for route in routes:
            self._by_length.setdefault(len(route.template), []).append(route)

    def find(self, method: str, raw_path: bytes) -> tuple[Route, tuple[str, ...], dict[str, str]]:
        """The route, the decoded segments and the path parameters; refuses with 404 or 405 (with Allow).

        The path is cut at its slashes before it is decoded, so that %2F in a segment stays part of it.
        """
        segments = split(raw_path)
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


def split(raw_path: bytes) -> tuple[str, ...]:
    """Percent-decoded segments of a path; bytes that are not UTF-8 become U+FFFD, which no id contains."""
    text = raw_path.decode("latin-1")
    return tuple(unquote(part) if "%" in part else part for part in text.split("/")[1:])


def routes(plane: Plane, contract: Contract) -> list[Route]:
    """The six operations where the contract puts them, and those beside it."""
    operations, auxiliary = plane.operations, AuxiliaryEndpoints(plane)
    handlers: dict[str, Handler] = {
        "create": operations.create,
        "read": operations.read,
        "update": operations.update,
        "delete": operations.delete,
        "metrics": operations.workload_metrics,
        "pod_metrics": operations.pod_metrics,
    }
    documented = [
        Route(operation.method, _template(operation.path), handlers[role], role)
        for role, operation in contract.operations.items()
    ]
    return [
        *documented,
        Route("POST", _template("/api/v1/token"), auxiliary.token, guarded=False),
        Route("GET", _template("/api/v1/workloads"), auxiliary.workloads),
        Route("GET", _template("/api/v1/workloads/{workloadId}/pods"), auxiliary.pods),
        Route("GET", _template("/healthz"), auxiliary.health, guarded=False),
    ]


def _template(path: str) -> tuple[str, ...]:
    return tuple(path.split("/")[1:])
