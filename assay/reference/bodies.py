"""Reads JSON bodies so that no bytes whatever can do more harm than a 400."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Final, NoReturn

from assay.contract.request import Json
from assay.reference.http import IncomingRequest, Refusal

# The deepest value of the contract lies 8 levels down; 100 leaves room for any client, and keeps recursion in the
# standard library's encoder and in the schema validator (which stops at 255) out of reach.
DEEPEST: Final = 100
# A double holds 309 digits before the point; longer integers are 10**400-like nonsense to every JSON consumer.
LONGEST_INTEGER: Final = 309
_SUSPECT: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def read_json(call: IncomingRequest) -> Json:
    """The JSON value of the call's body. Refuses (400) what is not JSON, not UTF-8, or not storable."""
    _content_type(call)
    return parse(call.body)


def parse(body: bytes) -> Json:
    """Parse ``body``. Of duplicate keys the last one counts, as in JavaScript and Go."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(400, f"the body is not UTF-8: byte {error.start} cannot be decoded") from None
    if not text.strip():
        raise Refusal(400, "the body is empty; a JSON object is required")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Refusal(
            400, f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise Refusal(400, f"the body is nested more than {DEEPEST} levels deep") from None
    if body.count(b"[") + body.count(b"{") > DEEPEST:
        _refuse_depth(value)
    if _SUSPECT.search(body):
        _refuse_unstorable(value)
    return value


def _content_type(call: IncomingRequest) -> None:
    kind = call.header(b"content-type")
    if kind is None:
        raise Refusal(400, "the header Content-Type is missing; application/json is required")
    essence, *parameters = (part.strip().lower() for part in kind.split(";"))
    if essence != "application/json":
        raise Refusal(400, f"the Content-Type is '{kind[:100]}'; application/json is required")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in {"utf-8", "utf8"}:
            raise Refusal(400, f"the Content-Type is '{kind[:100]}'; JSON is read as UTF-8 only")


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise Refusal(400, f"a number of {len(digits)} digits is out of range")
    return int(digits)


def _decimal(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise Refusal(400, f"the number {digits[:40]} is out of range")
    return value


def _constant(name: str) -> NoReturn:
    raise Refusal(400, f"the body is not JSON: {name} is not a JSON value")


_DECODER: Final = json.JSONDecoder(parse_int=_integer, parse_float=_decimal, parse_constant=_constant)


def _refuse_depth(value: Json) -> None:
    layer = [value]
    for _ in range(DEEPEST):
        layer = [child for parent in layer for child in _children(parent)]
        if not layer:
            return
    raise Refusal(400, f"the body is nested more than {DEEPEST} levels deep")


def _children(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _strings(value: Json) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from item
        waiting.extend(_children(item))


def _refuse_unstorable(value: Json) -> None:
    for string in _strings(value):
        if "\0" in string:
            raise Refusal(400, "a string holds the character U+0000, which cannot be stored")
        if any("\ud800" <= character <= "\udfff" for character in string):
            raise Refusal(400, "a string holds half of a surrogate pair, which is no character")
