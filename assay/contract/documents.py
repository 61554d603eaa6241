"""Loads the contract in force: an OpenAPI 3.0 document with its corrections (OpenAPI Overlay 1.0) applied."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from assay import folders
from assay.contract import yaml_text
from assay.contract.operations import TABLE, Kind, OperationsTable, Resource, Row, read_table
from assay.contract.pointers import look_up
from assay.contract.reading import apply_overlay, read_yaml
from assay.contract.request import ABSENT, Absent, Json, Request
from assay.contract.rules.base import Contradiction, Rule
from assay.contract.rules.catalogue import Catalogue, catalogue
from assay.contract.schema import build, of_request
from assay.contract.settling import settle, settle_version
from assay.contract.soundness import check_document
from assay.contract.usable import JSON, check_body, check_operation, check_parameter, refuse_twice, statuses
from assay.errors import ContractError
from assay.files import read_text

VERSION: Final = "2.22"
"""The version that is in force unless a document is named."""

DOCUMENT: Final = "inferences.yaml"
CORRECTIONS: Final = "corrections.yaml"


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

    def offers(self, kind: str) -> bool:
        """Whether a content type is documented, by itself or by a range (``text/*``)."""
        return not self.content.keys().isdisjoint({kind, f"{kind.partition('/')[0]}/*", "*/*"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the contract: its row in the table, and what the document says of it.

    ``name`` is the table's, by which everything of ours calls it; ``id`` the document's, which reports show.
    ``needs`` maps the path parameters, named as in the document, to the resources that they name.
    """

    row: Row
    id: str
    method: str  # upper case
    path: str  # template as in the document
    parameters: tuple[Parameter, ...]
    body: Mapping[str, Json] | None  # schema of the JSON body, unresolved
    body_required: bool
    responses: Mapping[int, Response]
    needs: Mapping[str, str] = field(default_factory=dict)
    documented: tuple[str, ...] = ()  # the statuses as the document writes them, "2XX" and "default" too

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def kind(self) -> Kind:
        return self.row.kind

    @property
    def writes(self) -> str | None:
        return self.row.writes

    @property
    def subject(self) -> str | None:
        """The resource that it is about: what it writes, else the last that its path names."""
        return self.writes or next(iter([*self.needs.values()][::-1]), None)

    def request(
        self,
        ids: Mapping[str, str] | None = None,
        *,
        query: tuple[tuple[str, str], ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
        body: Json | Absent = ABSENT,
        **named: str,
    ) -> Request:
        """A request to it. Ids are by resource (``workload=...``); those that its path does not name are left out.

        Raises ContractError when one is missing.
        """
        try:
            known = {**(ids or {}), **named}
            path = {parameter: known[resource] for parameter, resource in self.needs.items()}
        except KeyError as error:
            raise ContractError(f"{self.name} needs the id of a {error.args[0]}") from error
        return Request(self.name, path, query, headers, body)


@dataclass(frozen=True, eq=False)
class Contract:
    """The contract in force. ``document`` is corrected, ``published`` is what the publisher wrote.

    ``edition`` is the shipped version whose operations table and catalogue of rules hold for it: its own, or that of
    a document of the user's own whose version is not shipped.
    """

    document: Mapping[str, Json]
    published: Mapping[str, Json]
    operations: Mapping[str, Operation]  # by name
    resources: Mapping[str, Resource]
    catalogue: Catalogue
    source: Path
    edition: str = VERSION

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self.catalogue.rules

    @property
    def contradictions(self) -> tuple[Contradiction, ...]:
        return self.catalogue.contradictions

    def rule(self, rule_id: str) -> Rule:
        """The rule with ``rule_id``; UsageError when there is none."""
        return self.catalogue.rule(rule_id)

    @property
    def version(self) -> str:
        return str(self.document["info"]["version"])

    def of_kind(self, kind: Kind) -> tuple[Operation, ...]:
        """The operations of a kind, in the order of the document."""
        return tuple(operation for operation in self.operations.values() if operation.kind is kind)

    def needing(self, resource: str) -> tuple[Operation, ...]:
        """The operations whose path names ``resource``, or a resource that comes from such an operation.

        So these are the operations that end when a ``resource`` is deleted.
        """
        return tuple(
            operation
            for operation in self.operations.values()
            if any(resource in self._chain(needed) for needed in operation.needs.values())
        )

    def _chain(self, resource: str) -> set[str]:
        """``resource`` and the resources that its own are found with."""
        found, waiting = set[str](), [resource]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            origin = self.resources[name].operation if name in self.resources else None
            if origin is not None:
                waiting += self.operations[origin].needs.values()
        return found

    @cached_property
    def creation(self) -> Operation:
        """The operation that creates the workload; its resource is what the others of these four are about."""
        return self._single(Kind.CREATE)

    @cached_property
    def reading(self) -> Operation:
        return self._single(Kind.READ)

    @cached_property
    def updating(self) -> Operation:
        return self._single(Kind.UPDATE)

    @cached_property
    def deletion(self) -> Operation:
        return self._single(Kind.DELETE)

    @cached_property
    def main_resource(self) -> str:
        """The resource that is created, read, updated and deleted: the workload. ContractError when there is none."""
        created = next((operation.writes for operation in self.of_kind(Kind.CREATE)), None)
        if created is None:
            raise ContractError(f"{self.source}: no operation of the table creates a resource")
        return created

    def main_id_in(self, request: Request) -> str | None:
        """The id of the workload that the path of a request names; None when it names none."""
        needs = self.operations[request.operation].needs
        named = (value for parameter, value in request.path.items() if needs.get(parameter) == self.main_resource)
        return next(named, None)

    def main_id_of(self, answer: Json) -> str | None:
        """The id of the workload that the body of an answer is about; None when it tells none."""
        return next(iter(self.resources[self.main_resource].ids_in(answer)), None)

    def _single(self, kind: Kind) -> Operation:
        main = self.main_resource
        found = [
            operation
            for operation in self.of_kind(kind)
            if operation.subject == main and (kind is Kind.CREATE or operation.path.endswith("}"))
        ]
        if len(found) != 1:
            raise ContractError(f"{self.source}: {len(found)} operations {kind} a {main}; there must be one")
        return found[0]

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


def read_document(file: Path) -> dict[str, Json]:
    """Read an OpenAPI 3.0 document (YAML or JSON); ContractError names file, place and cause."""
    loaded = read_yaml(file)
    settle_version(loaded, read_text(file)) if isinstance(loaded, dict) else None
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


def version_folder(version: str = VERSION) -> Path:
    """The folder of a shipped version: its document, corrections and published parts."""
    return folders.top("openapi") / version


def shipped() -> tuple[str, ...]:
    """The versions that the project ships, each with a document, corrections and an operations table."""
    return tuple(sorted(folder.parent.name for folder in folders.top("openapi").glob(f"*/{TABLE}")))


def load(document: Path | None = None, corrections: Path | None = None) -> Contract:
    """Load the contract in force.

    Without arguments the shipped document with the shipped corrections. A document of the user's own gets no
    corrections unless they are named too; operations and rules are those of its version, where that is shipped, else
    those of the default. Raises ContractError.
    """
    if document is None:
        return load_version(version_folder(), corrections)
    # Absolute, for what was loaded is kept by its path, and a process may change its folder.
    return _load(document.absolute(), corrections and corrections.absolute(), None)


def load_version(folder: Path, corrections: Path | None = None) -> Contract:
    """Load the version in ``folder``, which is named after it. Raises ContractError."""
    return _load(folder / DOCUMENT, corrections, folder)


@cache
def _load(document: Path, corrections: Path | None, folder: Path | None) -> Contract:
    trusted = folder is not None and corrections is None  # this pair is held valid by the project's own tests
    if trusted and folder is not None:
        corrections = folder / CORRECTIONS
    published = read_document(document)
    corrected = copy.deepcopy(published)
    if corrections is not None:
        corrected = apply_overlay(corrected, read_yaml(corrections), corrections, document)
    own = folder or version_folder(_edition(corrected))
    table = read_table(own / TABLE)
    if not trusted:
        name = str(document) if corrections is None else f"{document} with {corrections}"
        refuse_twice(corrected, document, table)
        check_document(corrected, name, partial(_line, document))
        settle(corrected, document)
    operations = _operations(corrected, document, table)
    contract = Contract(corrected, published, operations, table.resources, catalogue(own.name), document, own.name)
    if not trusted:
        _check_schemas(contract)
    return contract


def _edition(document: Mapping[str, Json]) -> str:
    version = str(document.get("info", {}).get("version"))
    return version if version in shipped() else VERSION


def _line(document: Path, pointer: str) -> str:
    found = yaml_text.scalar(read_text(document), pointer) if pointer else None
    return f" (line {found[0]})" if found else ""


def _check_schemas(contract: Contract) -> None:
    """Raise ContractError for the first schema that cannot be flattened (``oneOf``, recursion, two types at once),
    and the first field that cannot be filled."""
    for operation in contract.operations.values():
        if operation.body is not None:
            body = of_request(contract, operation.body, f"/paths/{operation.id}/requestBody")
            check_body(operation.kind, body, contract.source)
        for parameter in operation.parameters:
            build(contract, parameter.schema, parameter.pointer or f"/paths/{operation.id}/{parameter.name}")
        for status, response in operation.responses.items():
            for schema in filter(None, response.content.values()):
                build(contract, schema, f"/paths/{operation.id}/responses/{status}")


def _operations(document: dict[str, Json], source: Path, known: OperationsTable) -> dict[str, Operation]:
    operations: dict[str, Operation] = {}
    for path, item in document["paths"].items():
        for method, raw in item.items():
            row = next((row for row in known.rows.values() if row.is_at(method, path)), None)
            if row is not None:
                operations[row.name] = _operation(document, source, row, path, item, raw)
    prefix = _prefix(document)
    if prefix and not any(operation.path.startswith(prefix) for operation in operations.values()):
        raise ContractError(
            f"{source} writes its paths below {prefix} of /servers/0, and assay joins paths and base URL alone",
            hint="write the prefix into the paths",
        )
    missing = [name for name in known.rows if name not in operations]
    if missing:
        raise ContractError(
            f"{source} lacks the inference operations {', '.join(missing)}",
            hint=f"assay needs all {len(known.rows)} operations below .../workloads/inferences",
        )
    return operations


def _prefix(document: Mapping[str, Json]) -> str:
    """The path of the first server; nothing where the document names none."""
    first: Mapping[str, Json] = next(iter(document.get("servers") or ()), {})
    return urlsplit(str(first.get("url", ""))).path.rstrip("/")


def _operation(document: dict[str, Json], source: Path, row: Row, path: str, item: Json, raw: Json) -> Operation:
    def resolved(value: Json) -> Json:
        while "$ref" in value:
            value = look_up(document, value["$ref"], source)
        return value

    place = f"{row.method.upper()} {path}"
    parameters = []
    for entry in [*item.get("parameters", ()), *raw.get("parameters", ())]:
        value = resolved(entry)
        check_parameter(row, place, value, source)
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
    check_operation(row, place, raw, body, source)
    responses = {}
    for status, entry in statuses(raw["responses"]).items():
        content = resolved(entry).get("content", {})
        responses[status] = Response(status, {kind: media.get("schema") for kind, media in content.items()})
    return Operation(
        row=row,
        id=raw.get("operationId", row.name),
        method=row.method.upper(),
        path=path,
        parameters=tuple(parameters),
        body=body.get("content", {}).get(JSON, {}).get("schema"),
        body_required=bool(body.get("required")),
        responses=responses,
        needs=row.needs_at(path),
        documented=tuple(raw["responses"]),
    )
