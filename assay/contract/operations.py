"""The table of a version's operations (``openapi/<version>/operations.yaml``): one row an operation, as data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from assay.contract.reading import read_yaml
from assay.contract.request import Json
from assay.errors import ContractError

TABLE: Final = "operations.yaml"

_COLUMNS: Final = frozenset({"method", "path", "kind", "needs", "writes", "also", "gone"})
_PARAMETER: Final = re.compile(r"\{([^}]*)\}")


class Kind(StrEnum):
    """What an operation does with its resource."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    LIST = "list"
    MEASURE = "measure"


@dataclass(frozen=True, slots=True)
class Row:
    """One operation of the table.

    ``path`` is how its path in the document ends, ``needs`` maps its path parameters to the resources that they
    name, ``writes`` is the resource that it creates, changes or removes. ``also`` and ``gone`` map statuses, each
    with the reason, that a conforming target may answer a valid request with beside its success: at any time, or once
    the resource was deleted.
    """

    name: str
    method: str  # lower case
    path: str
    kind: Kind
    needs: Mapping[str, str] = field(default_factory=dict)
    writes: str | None = None
    also: Mapping[int, str] = field(default_factory=dict)
    gone: Mapping[int, str] = field(default_factory=dict)

    def is_at(self, method: str, path: str) -> bool:
        """Whether this is the document's operation at ``method`` and ``path``, however its parameters are called."""
        return method.lower() == self.method and _shape(path).endswith(_shape(self.path))

    def needs_at(self, path: str) -> Mapping[str, str]:
        """``needs`` with the parameters named as in ``path``, a path of the document that the row is at."""
        ours = _PARAMETER.findall(self.path)
        named = zip(ours, _PARAMETER.findall(path)[-len(ours) :] if ours else (), strict=True)
        return {theirs: self.needs[own] for own, theirs in named if own in self.needs}


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a resource comes from: an operation, or a path beside the contract.

    ``id`` points into the answer (``*``: every entry of a list).
    """

    name: str
    id: str
    operation: str | None = None
    path: str | None = None

    def ids_in(self, answer: Json) -> list[str]:
        """The ids that the body of an answer holds, in its order; empty when none stands there."""
        found = [answer]
        for step in self.id.split("/")[1:]:
            found = [value for item in found for value in _below(item, step)]
        return [value for value in found if isinstance(value, str)]


@dataclass(frozen=True, slots=True)
class OperationsTable:
    """The operations of a version, by name, and the resources that they need."""

    rows: Mapping[str, Row]
    resources: Mapping[str, Resource]


def read_table(file: Path) -> OperationsTable:
    """Read an operations table; ContractError names file, row and cause."""
    loaded = read_yaml(file)
    try:
        rows = {name: _row(name, value) for name, value in loaded["operations"].items()}
        resources = {name: Resource(name, **value) for name, value in loaded.get("resources", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContractError(f"{file} is no table of operations: {error}") from error
    for problem in _problems(rows, resources):
        raise ContractError(f"{file}: {problem}")
    return OperationsTable(rows, resources)


def _problems(rows: Mapping[str, Row], resources: Mapping[str, Resource]) -> Iterator[str]:
    for name, row in rows.items():
        for parameter in _PARAMETER.findall(row.path):
            if parameter not in row.needs:
                yield f"operation '{name}': needs does not say which resource {{{parameter}}} names"
        for resource in {*row.needs.values(), row.writes} - {None, *resources}:
            yield f"operation '{name}': there is no resource '{resource}'"
    for name, found in resources.items():
        if (found.operation is None) == (found.path is None):
            yield f"resource '{name}' comes either from an operation or from a path"
        if found.operation is not None and found.operation not in rows:
            yield f"resource '{name}': there is no operation '{found.operation}'"


def _row(name: str, value: Mapping[str, Json]) -> Row:
    unknown = set(value) - _COLUMNS
    if unknown:
        raise ValueError(
            f"operation '{name}' has no column '{min(unknown)}'; the columns are {', '.join(sorted(_COLUMNS))}"
        )
    return Row(
        name=name,
        method=value["method"].lower(),
        path=value["path"],
        kind=Kind(value["kind"]),
        needs=value.get("needs", {}),
        writes=value.get("writes"),
        also=_by_status(value.get("also", {})),
        gone=_by_status(value.get("gone", {})),
    )


def _by_status(told: Mapping[str, str]) -> dict[int, str]:
    """A file's keys are texts, whatever they look like."""
    return {int(status): why for status, why in told.items()}


def _below(value: Json, step: str) -> list[Json]:
    if step == "*":
        return value if isinstance(value, list) else []
    return [value[step]] if isinstance(value, Mapping) and step in value else []


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
