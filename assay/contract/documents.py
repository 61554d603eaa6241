"""Loads the contract in force: an OpenAPI 3.0 document with its corrections (OpenAPI Overlay 1.0) applied."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import yaml

from assay import house
from assay.contract.overlay import apply_overlay
from assay.contract.request import Json, Role
from assay.contract.soundness import check_document, check_schemas
from assay.errors import ContractError

DOCUMENT: Final = "inferences-2.22.yaml"
CORRECTIONS: Final = "corrections-2.22.yaml"

_COLLECTION = "/workloads/inferences"
_ROLES: Final[dict[tuple[str, str], Role]] = {
    ("post", _COLLECTION): Role.CREATE,
    ("get", _COLLECTION + "/{}"): Role.READ,
    ("delete", _COLLECTION + "/{}"): Role.DELETE,
    ("patch", _COLLECTION + "/{}"): Role.UPDATE,
    ("get", _COLLECTION + "/{}/metrics"): Role.METRICS,
    ("get", _COLLECTION + "/{}/pods/{}/metrics"): Role.POD_METRICS,
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A path or query parameter, its schema with references resolved."""

    name: str
    where: str  # "path" | "query" | "header"
    required: bool
    schema: Mapping[str, Json]
    explode: bool
    pointer: str  # where it stands in the document


@dataclass(frozen=True, slots=True)
class Response:
    """A documented response: its content types, each with its schema (None: offered without one)."""

    status: int
    content: Mapping[str, Mapping[str, Json] | None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the contract."""

    role: Role
    id: str
    method: str  # upper case
    path: str  # template as in the document
    parameters: tuple[Parameter, ...]
    body: Mapping[str, Json] | None  # schema of the JSON body, unresolved
    body_required: bool
    responses: Mapping[int, Response]


@dataclass(frozen=True, eq=False)
class Contract:
    """The contract in force. ``document`` is corrected, ``published`` is what the publisher wrote."""

    document: Mapping[str, Json]
    published: Mapping[str, Json]
    operations: Mapping[Role, Operation]
    source: Path

    @property
    def version(self) -> str:
        return str(self.document["info"]["version"])

    def resolve(self, schema: Mapping[str, Json]) -> Mapping[str, Json]:
        """Follow ``$ref`` until a schema stands there. Siblings of ``$ref`` are ignored (OpenAPI 3.0)."""
        seen: list[str] = []
        while "$ref" in schema:
            reference = schema["$ref"]
            if reference in seen:
                raise ContractError(f"{self.source}: {reference} refers to itself")
            seen.append(reference)
            schema = self.at(reference)
        return schema

    def at(self, pointer: str) -> Json:
        """Return what stands at a JSON pointer (with or without a leading ``#``) of the corrected document."""
        return look_up(self.document, pointer, self.source)


def look_up(document: Json, pointer: str, source: Path | str) -> Json:
    """Return what stands at ``pointer`` in ``document``; ContractError names the step that is missing."""
    place = document
    for step in pointer.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        try:
            place = place[int(key)] if isinstance(place, list) else place[key]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise ContractError(f"{source}: nothing stands at {pointer} ('{key}' is missing)") from error
    return place


def read_document(file: Path) -> dict[str, Json]:
    """Read an OpenAPI 3.0 document (YAML or JSON); ContractError names file, place and cause."""
    loaded = read_yaml(file)
    if not isinstance(loaded, dict) or "openapi" not in loaded:
        raise ContractError(
            f"{file} is not an OpenAPI document: the key 'openapi' is missing at its top",
            hint="--contract takes an OpenAPI 3.0 document in YAML or JSON",
        )
    if not str(loaded["openapi"]).startswith("3.0"):
        raise ContractError(
            f"{file} is OpenAPI {loaded['openapi']}; assay reads 3.0 documents, as the publisher writes them"
        )
    return loaded


def read_yaml(file: Path) -> Json:
    """Read YAML or JSON; ContractError names file, line and column of a syntax error."""
    try:
        text = file.read_text(encoding="utf-8")
        return json.loads(text) if file.suffix == ".json" else yaml.load(text, Loader=_loader())  # noqa: S506 - a safe loader
    except FileNotFoundError as error:
        raise ContractError(f"{file} does not exist") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{file} cannot be read: {error}") from error
    except json.JSONDecodeError as error:
        raise ContractError(f"{file}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    except RecursionError as error:
        raise ContractError(f"{file} is nested too deeply to be read") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        cause = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ContractError(f"{file}{place}: not YAML: {cause}") from error


def _loader() -> type[yaml.SafeLoader]:
    # libyaml reads the document in 60 ms, the Python loader in 900 ms; both give the same values.
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(document: Path | None = None, corrections: Path | None = None) -> Contract:
    """Load the contract in force.

    Without arguments the shipped document with the shipped corrections. A document of the user's own gets no
    corrections unless they are named too. Raises ContractError.
    """
    if document is None:
        shipped = house.folder("openapi")
        return _load(shipped / DOCUMENT, corrections or shipped / CORRECTIONS, trusted=corrections is None)
    return _load(document, corrections, trusted=False)


@cache
def _load(document: Path, corrections: Path | None, *, trusted: bool) -> Contract:
    published = read_document(document)
    corrected = copy.deepcopy(published)
    if corrections is not None:
        corrected = apply_overlay(corrected, read_yaml(corrections), corrections)
    if not trusted:  # the shipped pair is held valid by the project's own tests
        check_document(corrected, str(document) if corrections is None else f"{document} with {corrections}")
    contract = Contract(corrected, published, _operations(corrected, document), document)
    if not trusted:
        check_schemas(contract)
    return contract


def _operations(document: dict[str, Json], source: Path) -> dict[Role, Operation]:
    operations: dict[Role, Operation] = {}
    for path, item in document["paths"].items():
        for method, raw in item.items():
            if method not in {"get", "post", "put", "patch", "delete"}:
                continue
            role = _role(method, path)
            if role is not None:
                operations[role] = _operation(document, source, role, method, path, item, raw)
    missing = [role.value for role in Role if role not in operations]
    if missing:
        raise ContractError(
            f"{source} lacks the inference operations {', '.join(missing)}",
            hint="assay needs all six operations below .../workloads/inferences",
        )
    return operations


def _role(method: str, path: str) -> Role | None:
    shape = "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
    for (wanted, suffix), role in _ROLES.items():
        if method == wanted and shape.endswith(suffix):
            return role
    return None


def _operation(
    document: dict[str, Json], source: Path, role: Role, method: str, path: str, item: Json, raw: Json
) -> Operation:
    def resolved(value: Json) -> Json:
        while "$ref" in value:
            value = look_up(document, value["$ref"], source)
        return value

    parameters = []
    for entry in [*item.get("parameters", ()), *raw.get("parameters", ())]:
        value = resolved(entry)
        schema = dict(resolved(value.get("schema", {})))
        if "items" in schema:
            schema["items"] = resolved(schema["items"])
        parameters.append(
            Parameter(
                value["name"],
                value["in"],
                bool(value.get("required")),
                schema,
                bool(value.get("explode", value["in"] == "query")),
                str(entry.get("$ref", "")).removeprefix("#"),
            )
        )
    body = resolved(raw.get("requestBody", {}))
    responses = {}
    for status, entry in raw["responses"].items():
        if str(status).isdigit():
            content = resolved(entry).get("content", {})
            responses[int(status)] = Response(
                int(status), {kind: media.get("schema") for kind, media in content.items()}
            )
    return Operation(
        role=role,
        id=raw.get("operationId", role.value),
        method=method.upper(),
        path=path,
        parameters=tuple(parameters),
        body=body.get("content", {}).get("application/json", {}).get("schema"),
        body_required=bool(body.get("required")),
        responses=responses,
    )
