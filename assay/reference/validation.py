"""Holds requests to the contract: bodies and parameters to their schemas, specs to the rules of the prose."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final
from urllib.parse import parse_qsl

from assay.contract.documents import Contract, Operation, Parameter
from assay.contract.request import Json, Reason
from assay.contract.rules.base import Broken, Rule
from assay.contract.rules.catalogue import judgements
from assay.contract.schema import Node, Validator, build, of_request
from assay.reference.http import Refusal

Reshape = Callable[[str, str, Node], Node]
"""Alters what is demanded at a place of a request: (operation, place, schema) -> schema.

Places are "/body", "/query/<name>" and "/path/<name>"."""

_INTEGER: Final = re.compile(r"-?[0-9]{1,19}", re.ASCII)
# The operations take five query parameters at most.
_MOST_PARAMETERS: Final = 100
_LONGEST_DETAILS: Final = 4000


class Validation:
    """Validates against one contract and one list of rules."""

    def __init__(self, contract: Contract, rules: Sequence[Rule], reshape: Sequence[Reshape] = ()) -> None:
        self._operations = contract.operations
        self._rules = rules
        self._validators = {
            (operation, place): _reshaped(operation, place, validator, reshape)
            for (operation, place), validator in _compiled(contract).items()
        }

    def body_node(self, operation: str) -> Node:
        """The schema tree of an operation's body, as it is enforced."""
        return self._validators[operation, "/body"].node

    def body(self, operation: str, value: Json) -> None:
        """Refuse (400) a body that breaks its schema."""
        validator = self._validators[operation, "/body"]
        if not validator.is_valid(value):
            refuse("the body", [_breach(reason) for reason in validator.errors(value)])

    def spec(self, operation: str, spec: Json) -> None:
        """Refuse (400) a spec that breaks a rule. Where the document does not decide, the spec is accepted."""
        broken = [
            f"/spec{judgement.location}: {rule.quotes[0].text.strip()} ({rule.id})"
            for rule, judgement in judgements(spec or {}, operation, self._rules)
            if isinstance(judgement, Broken)
        ]
        if broken:
            refuse("the spec", broken)

    def path(self, operation: str, params: dict[str, str]) -> None:
        """Refuse malformed ids: 400 where the operation documents it, else 404, for nothing has such an id."""
        for name, value in params.items():
            validator = self._validators.get((operation, f"/path/{name}"))
            if validator is not None and ("\0" in value or not validator.is_valid(value)):
                status = 400 if 400 in self._operations[operation].responses else 404
                raise Refusal(status, f"{name} is malformed: {_shown(value)} is not a UUID")

    def query(self, operation: str, raw: bytes) -> dict[str, Json]:
        """The documented query parameters, typed, defaults applied; refuses (400) what breaks their schemas.

        Unknown parameters are ignored. An array that is not exploded may also be given as repeated parameters.
        """
        given = read_query(raw)
        values: dict[str, Json] = {}
        breaches: list[str] = []
        for parameter in self._operations[operation].parameters:
            if parameter.where != "query":
                continue
            try:
                values[parameter.name] = self._parameter(operation, parameter, given.get(parameter.name, []))
            except ValueError as error:
                breaches.append(f"/query/{parameter.name}: {error}")
        if breaches:
            refuse("the query", breaches)
        return values

    def _parameter(self, operation: str, parameter: Parameter, texts: list[str]) -> Json:
        validator = self._validators[operation, f"/query/{parameter.name}"]
        if not texts:
            if parameter.required:
                raise ValueError("is required")
            return validator.node.default
        value = _typed(parameter, validator.node, texts)
        errors = [] if validator.is_valid(value) else validator.errors(value)
        if errors:
            hint = "" if " " not in texts[0] else " (a '+' in a query is written %2B)"
            raise ValueError(f"{errors[0].text}{hint}")
        return value


Compiled = dict[tuple[str, str], Validator]


@cache
def _compiled(contract: Contract) -> Compiled:
    """Every validator of a contract by operation and place. Compiling takes 30 ms, so a contract is compiled once."""
    validators: Compiled = {}
    for name, operation in contract.operations.items():
        if operation.body is not None:
            node = of_request(contract, operation.body, f"/paths/{operation.id}/requestBody")
            validators[name, "/body"] = Validator(node)
        for parameter in operation.parameters:
            place = f"/{parameter.where}/{parameter.name}"
            validators[name, place] = Validator(build(contract, parameter.schema, parameter.pointer or place))
    return validators


def _reshaped(operation: str, place: str, validator: Validator, reshape: Sequence[Reshape]) -> Validator:
    node = validator.node
    for change in reshape:
        node = change(operation, place, node)
    return validator if node is validator.node else Validator(node)


def read_query(raw: bytes) -> dict[str, list[str]]:
    """All values of each query parameter, in order; refuses (400) what cannot be decoded."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except UnicodeError:
        raise Refusal(400, "the query string is not UTF-8") from None
    except ValueError:
        raise Refusal(400, f"the query string has more than {_MOST_PARAMETERS} parameters") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _typed(parameter: Parameter, node: Node, texts: list[str]) -> Json:
    if node.type == "array":
        return [item for text in texts for item in text.split(",")]
    if len(texts) > 1:
        raise ValueError("is given more than once")
    if node.type == "integer":
        if not _INTEGER.fullmatch(texts[0]):
            raise ValueError(f"{_shown(texts[0])} is not an integer")
        return int(texts[0])
    if node.type == "boolean" and texts[0] in {"true", "false"}:
        return texts[0] == "true"
    if parameter.required and texts[0] == "":
        raise ValueError("is empty")
    return texts[0]


def refuse(what: str, breaches: list[str], status: int = 400) -> None:
    """Refuse with an Error whose message names the first breach and whose details name all."""
    more = f" (and {len(breaches) - 1} more)" if len(breaches) > 1 else ""
    raise Refusal(status, f"{what} is not valid: {breaches[0]}{more}", "; ".join(breaches)[:_LONGEST_DETAILS])


def documented(operation: Operation, status: int, otherwise: int) -> int:
    """``status`` where the operation documents it, else ``otherwise``."""
    return status if status in operation.responses else otherwise


def _breach(reason: Reason) -> str:
    return f"{reason.location or '/'}: {reason.text}"


def _shown(value: str) -> str:
    return f"'{value[:60]}'" + ("..." if len(value) > 60 else "")
