"""Reads query parameters more leniently than the contract does: what breaks one keyword is mended, not refused."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlencode

from assay.contract.documents import Parameter
from assay.contract.request import Json
from assay.reference.times import parse
from assay.reference.validation import Validation

# What a server would make of a parameter that it does not insist on.
_STAND_INS: Final = {"metricType": "THROUGHPUT", "start": "2026-01-01T00:00:00Z", "end": "2099-01-01T00:00:00Z"}


def lenient(base: type[Validation], role: str, parameter: Parameter, keyword: str) -> type[Validation]:
    """``base``, but one keyword of one query parameter of one operation is not enforced."""

    class Lenient(base):  # type: ignore[misc,valid-type]
        def query(self, asked: str, raw: bytes) -> dict[str, Json]:
            values: dict[str, Json] = super().query(asked, _mended(raw, parameter, keyword) if asked == role else raw)
            return values

    return Lenient


def _mended(raw: bytes, parameter: Parameter, keyword: str) -> bytes:
    pairs = parse_qsl(raw.decode("ascii", "replace"), keep_blank_values=True)
    given = any(name == parameter.name for name, _ in pairs)
    if keyword == "required":
        return raw if given else _encoded([*pairs, (parameter.name, _STAND_INS[parameter.name])])
    kept = [(name, _mend(value, parameter, keyword) if name == parameter.name else value) for name, value in pairs]
    return _encoded([(name, value) for name, value in kept if value is not None])


def _mend(value: str, parameter: Parameter, keyword: str) -> str | None:
    """The text that the server reads instead; None as if it were not there."""
    if keyword == "format":
        return value if parse(value) is not None else _STAND_INS[parameter.name]
    if keyword == "type":
        return value if value.lstrip("-").isdigit() else None
    known = parameter.schema.get("items", parameter.schema).get("enum", ())
    members = [item for item in value.split(",") if item in known]
    return ",".join(members) or _STAND_INS[parameter.name]


def _encoded(pairs: list[tuple[str, str | None]]) -> bytes:
    return urlencode([(name, value) for name, value in pairs if value is not None]).encode("ascii")
