"""Defects in how a thing is read: a body of another JSON type, an id in capitals, a moment of which a part is passed
over, an update that is judged without what it changes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from assay.contract.documents import Contract, Operation
from assay.contract.operations import Kind
from assay.contract.request import Json
from assay.reference.behaviour import Change
from assay.reference.defects.base import Defect, around, mixed
from assay.reference.http import IncomingRequest, Refusal, Reply
from assay.reference.plane import Plane, Proceed
from assay.reference.times import text
from assay.reference.validation import Validation

# --- a body that is no object ------------------------------------------------------------------------------------

Unwrap = Callable[[Json], Json | None]
"""The object that a body of another type is taken for (None: it is not taken)."""


def _parsed(value: Json) -> Json | None:
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


_TOP_LEVEL: Final[Mapping[str, tuple[str, Unwrap]]] = {
    "array": ("an empty array", lambda value: {} if value == [] else None),
    "array-of-one": (
        "an array with the object in it",
        lambda value: value[0] if isinstance(value, list) and len(value) == 1 else None,
    ),
    "string": ("a string", lambda value: {} if isinstance(value, str) else None),
    "string-of-json": ("a string that holds the object as JSON", _parsed),
    "number": ("a number", lambda value: {} if isinstance(value, int | float) and value is not True else None),
    "false": ("false", lambda value: {} if value is False else None),
    "null": ("null", lambda value: {} if value is None else None),
}


def _unwrapping(operation: str, unwrap: Unwrap) -> Change:
    def step(_: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
        try:
            taken = unwrap(json.loads(call.body))
        except (ValueError, RecursionError):
            taken = None
        if taken is not None:
            call.body = json.dumps(taken).encode()
        return proceed(call)

    return around(operation, step)


def top_level(contract: Contract) -> Iterator[Defect]:
    """``request-schema/<operation>/body/takes-<what>``: a body that is no object is taken for one."""
    for operation in (contract.creation, contract.updating):
        for name, (what, unwrap) in _TOP_LEVEL.items():
            # Of an empty object a creation misses its required properties: it is refused as it should be.
            moot = operation.kind is Kind.CREATE and name not in {"array-of-one", "string-of-json"}
            yield Defect(
                f"request-schema/{operation.name}/body/takes-{name}",
                "request-schema",
                f"{operation.name} takes {what} for its body",
                f"/paths/{operation.id}/requestBody",
                _unwrapping(operation.name, unwrap),
                operation.name,
                "what it is taken for lacks the required properties, so it is refused all the same" if moot else None,
            )


# --- ids in capitals ---------------------------------------------------------------------------------------------


def _refusing_capitals(operation: Operation) -> Change:
    class WantsSmallLetters(Validation):
        def path(self, called: str, params: dict[str, str]) -> None:
            super().path(called, params)
            if called == operation.name and any(value != value.lower() for value in params.values()):
                raise Refusal(404, "nothing has such an id")

    return mixed(WantsSmallLetters)


def _refusing_capital_cluster(_: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    try:
        cluster = json.loads(call.body)["clusterId"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return proceed(call)
    if isinstance(cluster, str) and cluster != cluster.lower():
        raise Refusal(400, "/clusterId: there is no such cluster")
    return proceed(call)


def capitals(contract: Contract) -> Iterator[Defect]:
    """``request-legal/<operation>/<place>/capitals``: a UUID in capitals is not known."""
    for operation in contract.needing(contract.main_resource):
        yield _of_capitals(operation, "path.workloadId", _refusing_capitals(operation))
    yield _of_capitals(contract.creation, "clusterId", around(contract.creation.name, _refusing_capital_cluster))


def _of_capitals(operation: Operation, place: str, change: Change) -> Defect:
    return Defect(
        f"request-legal/{operation.name}/{place}/capitals",
        "request-legal",
        f"{operation.name}: {place} refuses a UUID in capitals",
        f"/paths/{operation.id}",
        change,
        operation.name,
    )


# --- rules and updates -------------------------------------------------------------------------------------------


class _JudgesPatchOnly(Validation):
    """The rules are applied to what an update names, and not to what comes of it."""

    def body(self, operation: str, value: Json) -> None:
        super().body(operation, value)
        if operation == "update" and isinstance(value, dict):
            super().spec(operation, value.get("spec"))

    def spec(self, operation: str, spec: Json) -> None:
        if operation != "update":
            super().spec(operation, spec)


class _JudgesPatchToo(Validation):
    """The rules are applied to what an update names as if it were a whole specification, and to what comes of it."""

    def body(self, operation: str, value: Json) -> None:
        super().body(operation, value)
        if operation == "update" and isinstance(value, dict):
            super().spec(operation, value.get("spec"))


class _JudgesNoMerge(Validation):
    """The rules are applied to creations only."""

    def spec(self, operation: str, spec: Json) -> None:
        if operation != "update":
            super().spec(operation, spec)


_JUDGING: Final[Mapping[str, tuple[str, type[Any]]]] = {
    "judged-by-patch": ("an update is held to the rules without what it is merged into", _JudgesPatchOnly),
    "judged-by-patch-too": ("an update must keep the rules by itself, too", _JudgesPatchToo),
    "unjudged": ("an update is held to no rule", _JudgesNoMerge),
}


def updates(contract: Contract) -> Iterator[Defect]:
    """``rule-wrong/update/<how>``: rules are applied to something else than to the merged specification."""
    for name, (what, mixin) in _JUDGING.items():
        place = f"/paths/{contract.updating.id}"
        yield Defect(f"rule-wrong/update/{name}", "rule-wrong", what, place, mixed(mixin), contract.updating.name)


# --- moments -----------------------------------------------------------------------------------------------------

_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)([Tt]\d\d:\d\d)(:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
Spelled = Callable[[re.Match[str], str], str]
"""A moment's parts (date, hours and minutes, seconds, fraction, offset) and today's date -> how it is read."""


def _opposite(parts: re.Match[str], _: str) -> str:
    sign = {"+": "-", "-": "+"}.get(parts[5][0], "Z")
    return f"{parts[1]}{parts[2]}{parts[3]}{parts[4] or ''}{sign}{parts[5][1:]}"


_READINGS: Final[Mapping[str, tuple[str, Spelled]]] = {
    "offset-ignored": ("passes over the offset", lambda at, _: f"{at[1]}{at[2]}{at[3]}{at[4] or ''}Z"),
    "offset-opposite": ("takes east for west", _opposite),
    "offset-minutes-ignored": (
        "passes over the minutes of the offset",
        lambda at, _: f"{at[1]}{at[2]}{at[3]}{at[4] or ''}" + (f"{at[5][:3]}:00" if len(at[5]) > 1 else "Z"),
    ),
    "seconds-ignored": ("passes over the seconds", lambda at, _: f"{at[1]}{at[2]}:00{at[5]}"),
    "fraction-ignored": ("passes over the fraction of a second", lambda at, _: f"{at[1]}{at[2]}{at[3]}{at[5]}"),
    "date-ignored": (
        "passes over the date",
        lambda at, today: f"{today}{at[2]}{at[3]}{at[4] or ''}{at[5]}",
    ),
}


def _reading(operation: str, spell: Spelled, names: tuple[str, ...]) -> Change:
    def step(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
        today = text(plane.now())[:10]

        def read(name: str, value: str) -> str:
            parts = _MOMENT.fullmatch(value) if name in names else None
            return value if parts is None else spell(parts, today)

        try:
            pairs = parse_qsl(call.query.decode("ascii"), keep_blank_values=True)
        except ValueError:
            return proceed(call)
        if any(_MOMENT.fullmatch(value) for name, value in pairs if name in names):
            call.query = urlencode([(name, read(name, value)) for name, value in pairs]).encode()
        return proceed(call)

    return around(operation, step)


def moments(contract: Contract) -> Iterator[Defect]:
    """``metrics/<parameters>-<what>``: a part of a moment in the question is passed over."""
    measuring = contract.of_kind(Kind.MEASURE)[0]
    for names in (("start", "end"), ("start",), ("end",)):
        for name, (what, spell) in _READINGS.items():
            step = f"{'range' if len(names) > 1 else names[0]}-{name}"
            yield Defect(
                f"metrics/{step}",
                "metrics",
                f"the reading of {' and '.join(names)} {what}",
                f"/paths/{measuring.id}",
                _reading(measuring.name, spell, names),
                measuring.name,
            )
