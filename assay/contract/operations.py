"""The table of a version's operations (``openapi/<version>/operations.yaml``): one row an operation, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from assay.contract.request import Json
from assay.contract.yaml_file import read_yaml
from assay.errors import ContractError

TABLE: Final = "operations.yaml"


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
    name, ``writes`` is the resource that it creates, changes or removes, ``also`` maps statuses that are lawful
    although the document does not list them to the reason.
    """

    name: str
    method: str  # lower case
    path: str
    kind: Kind
    needs: Mapping[str, str] = field(default_factory=dict)
    writes: str | None = None
    also: Mapping[int, str] = field(default_factory=dict)

    def is_at(self, method: str, path: str) -> bool:
        """Whether this is the document's operation at ``method`` and ``path``, however its parameters are called."""
        return method.lower() == self.method and _shape(path).endswith(_shape(self.path))


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a resource comes from: an operation, or a path beside the contract; ``id`` points into the answer."""

    name: str
    id: str
    operation: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The operations of a version, by name, and the resources that they need."""

    rows: Mapping[str, Row]
    resources: Mapping[str, Resource]


def read_table(file: Path) -> Table:
    """Read an operations table; ContractError names file, row and cause."""
    loaded = read_yaml(file)
    try:
        rows = {name: _row(name, value) for name, value in loaded["operations"].items()}
        resources = {name: Resource(name, **value) for name, value in loaded.get("resources", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContractError(f"{file} is no table of operations: {error}") from error
    return Table(rows, resources)


def _row(name: str, value: Mapping[str, Json]) -> Row:
    return Row(
        name=name,
        method=value["method"].lower(),
        path=value["path"],
        kind=Kind(value["kind"]),
        needs=value.get("needs", {}),
        writes=value.get("writes"),
        also=value.get("also", {}),
    )


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
