"""Hostile request bodies, as data: bytes and structures that no schema-driven generator sends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from assay.checks.hostile import OPEN, Hostile
from assay.checks.target import PLAIN_SPEC
from assay.contract.documents import Contract, Operation
from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import Expectation, Json, Request

Body = Mapping[str, Json]
Make = Callable[[Body], bytes]
"""Makes the hostile bytes from a valid body, whose name they keep."""

_PLANT: Final = "@@assay@@"
_HOLE: Final = json.dumps(_PLANT).encode()
_JSON: Final = "application/json"

# 1,000 levels are beyond Python's reader, 10,000 beyond Go's and Java's usual limits, 50,000 beyond most stacks.
_DEPTHS: Final = (100, 1_000, 50_000)
# A little more than 2**20, where proxies and frameworks have their limit by default.
_MEGABYTE: Final = 1_100_000


@dataclass(frozen=True, slots=True)
class HostileBody:
    """One hostile body. ``kinds`` are those of the operations that it is sent to."""

    hostile: Hostile
    make: Make
    content_type: str | None = _JSON
    headers: tuple[tuple[str, str], ...] = ()
    kinds: tuple[Kind, ...] = (Kind.CREATE, Kind.UPDATE)
    undecided: tuple[Kind, ...] = ()  # for which it is open although it is settled for the others


@dataclass(frozen=True, slots=True)
class BodyCase:
    """A hostile body and an operation that it is sent to."""

    body: HostileBody
    operation: Operation

    @property
    def hostile(self) -> Hostile:
        return self.body.hostile

    @property
    def in_gate(self) -> bool:
        """Whether a short run sends it; a long one sends everything everywhere."""
        return self.hostile.id in CORE or (self.operation.kind is Kind.CREATE and self.hostile.id not in RARE)

    def request(self, create: Body, ids: Mapping[str, str]) -> Request:
        """The request, made from the valid creation ``create`` and ids by resource.

        Beside the raw bytes stands what they hold, or what was meant when they hold nothing.
        """
        meant = _valid(self.operation, create)
        raw = self.body.make(meant)
        return replace(
            self.operation.request(ids, headers=self.body.headers, body=_read(raw, meant)),
            raw=raw,
            content_type=self.body.content_type,
        )

    def expectation(self, oracle: Oracle, request: Request) -> Expectation:
        """What the oracle states where that is settled; the body of no other operation is known to be valid."""
        is_known = self.operation.path in {oracle.contract.creation.path, oracle.contract.updating.path}
        settled = self.hostile.settled and self.operation.kind not in self.body.undecided
        return oracle.expect(request) if settled and is_known else OPEN


def creations(contract: Contract) -> list[BodyCase]:
    """Every case of the creation. Of what another operation creates nobody would know how to remove it."""
    return [BodyCase(body, contract.creation) for body in BODIES if Kind.CREATE in body.kinds]


def updates(contract: Contract) -> list[BodyCase]:
    """Every case of every operation that changes something."""
    changing = [operation for operation in contract.of_kind(Kind.UPDATE) if operation.body is not None]
    return [BodyCase(body, operation) for operation in changing for body in BODIES if Kind.UPDATE in body.kinds]


def _valid(operation: Operation, create: Body) -> Body:
    """A valid body for ``operation`` with one variable in it, made from the valid creation ``create``."""
    spec: dict[str, Any] = {"environmentVariables": [{"name": "ASSAY_HOSTILE", "value": "x"}]}
    return {**create, "spec": {**PLAIN_SPEC, **spec}} if operation.kind is Kind.CREATE else {"spec": spec}


def _read(raw: bytes, meant: Body) -> Json:
    try:
        value = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return dict(meant)
    return value if isinstance(value, dict) else dict(meant)


def _dump(body: Body) -> bytes:
    return json.dumps(body).encode()


def _value(raw: bytes) -> Make:
    """``raw`` as the value of the environment variable."""
    spec = {"environmentVariables": [{"name": "ASSAY_HOSTILE", "value": _PLANT}]}
    return lambda body: _dump({**body, "spec": {**body["spec"], **spec}}).replace(_HOLE, raw)


def _number(raw: bytes) -> Make:
    """``raw`` as the number of CPU cores."""
    return lambda body: _dump({**body, "spec": {**body["spec"], "compute": {"cpuCoreRequest": _PLANT}}}).replace(
        _HOLE, raw
    )


def _named(raw: bytes) -> Make:
    """``raw`` behind the name, inside its quotes."""
    return lambda body: _dump({**body, "name": body["name"] + _PLANT}).replace(_PLANT.encode(), raw)


def _around(before: bytes = b"", after: bytes = b"") -> Make:
    return lambda body: before + _dump(body) + after


def _whole(raw: bytes) -> Make:
    return lambda _: raw


def _twice(body: Body) -> bytes:
    """Every key of the top level twice, the second time with the same value, so both readings are harmless."""
    pairs = [f"{json.dumps(key)}:{json.dumps(value)}" for key, value in body.items()]
    return ("{" + ",".join(pairs + pairs) + "}").encode()


def _case(name: str, what: str, make: Make, **more: Any) -> HostileBody:
    """``more`` are fields of Hostile and of HostileBody."""
    own = {key: more.pop(key) for key in ("content_type", "headers", "kinds", "undecided") if key in more}
    return HostileBody(Hostile(name, what, **more), make, **own)


def _encoding() -> Iterator[HostileBody]:
    lenient = {"lenient": True}
    yield _case("invalid-utf8", "bytes that are not UTF-8", _value(b'"\xff\xfe"'), **lenient)
    yield _case("overlong-utf8", "an overlong UTF-8 sequence", _value(b'"\xc0\x80"'), **lenient)
    yield _case("cut-utf8", "a cut UTF-8 sequence", _value(b'"\xe2\x82"'), **lenient)
    yield _case("surrogate-utf8", "a surrogate encoded as UTF-8", _value(b'"\xed\xa0\x80"'), **lenient)
    yield _case("lone-surrogate", "a lone surrogate", _value(b'"\\ud800"'))
    yield _case("reversed-surrogates", "a surrogate pair the wrong way round", _value(b'"\\udc00\\ud800"'))
    yield _case("nul-byte", "a NUL byte in a string", _value(b'"a\x00b"'), **lenient)
    yield _case("nul-escape", "the character U+0000 in a string", _value(b'"a\\u0000b"'), settled=True)
    yield _case(
        "nul-in-name", "the character U+0000 in the name", _named(b"\\u0000"), settled=True, kinds=(Kind.CREATE,)
    )
    yield _case(
        "surrogate-in-name", "a lone surrogate in the name", _named(b"\\ud83d"), settled=True, kinds=(Kind.CREATE,)
    )
    yield _case("raw-line-break", "a raw line break in a string", _value(b'"a\nb"'), **lenient)
    yield _case("unknown-escape", "an escape that JSON does not have", _value(b'"\\x41"'), **lenient)
    yield _case("noncharacter", "the noncharacter U+FFFF", _value(b'"\\uffff"'), settled=True)
    # RFC 8259, 8.1 lets a reader ignore the mark in so many words: either answer is lawful.
    yield _case("bom", "a byte order mark before the body", _around(b"\xef\xbb\xbf"))
    yield _case("utf16", "a body in UTF-16", lambda body: json.dumps(body).encode("utf-16"), **lenient)


def _numbers() -> Iterator[HostileBody]:
    for literal in ("NaN", "Infinity", "-Infinity"):
        yield _case(literal.lower(), f"the literal {literal}", _number(literal.encode()), lenient=True)
    yield _case("huge-exponent", "the number 1e400", _number(b"1e400"))
    yield _case("negative-huge-exponent", "the number -1e400", _number(b"-1e400"))
    yield _case("tiny-exponent", "the number 1e-400", _number(b"1e-400"))
    yield _case("exponent-of-digits", "a number with an exponent of 400 digits", _number(b"1e" + b"9" * 400))
    yield _case("integer-400-digits", "an integer of 400 digits", _number(b"1" + b"0" * 399))
    yield _case("integer-5000-digits", "an integer of 5,000 digits", _number(b"9" * 5_000))
    yield _case("fraction-5000-digits", "a number with 5,000 decimals", _number(b"0." + b"1" * 5_000))
    yield _case("leading-zero", "a number with a leading zero", _number(b"01"), lenient=True)
    yield _case("hexadecimal", "a hexadecimal number", _number(b"0x1"), lenient=True)


def _structure() -> Iterator[HostileBody]:
    for depth in _DEPTHS:
        # Readers that know their limit refuse; the string that belongs here is none of the two structures.
        settled = depth < _DEPTHS[1]
        arrays, objects = b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth
        yield _case(f"arrays-{depth}-deep", f"arrays nested {depth:,} deep", _value(arrays), settled=settled)
        yield _case(f"objects-{depth}-deep", f"objects nested {depth:,} deep", _value(objects), settled=settled)
    yield _case("unclosed-arrays", "50,000 arrays that are never closed", _whole(b"[" * 50_000))
    yield _case("repeated-keys", "every key given twice", _twice)
    yield _case(
        "prototype-keys",
        "keys that are special to JavaScript",
        lambda body: _dump({**body, "__proto__": {"admin": True}, "constructor": {"prototype": {}}}),
    )


def _syntax() -> Iterator[HostileBody]:
    settled = {"settled": True}
    yield _case("empty", "an empty body", _whole(b""), **settled)
    # An update need not have a body, and to many readers white space is none.
    yield _case("white-space", "a body of white space", _whole(b" \r\n\t "), undecided=(Kind.UPDATE,), **settled)
    yield _case("truncated", "a truncated body", lambda body: _dump(body)[:-1], **settled)
    yield _case("half", "half a body", lambda body: _dump(body)[: len(_dump(body)) // 2], **settled)
    yield _case("trailing-garbage", "garbage behind the body", _around(after=b" garbage"), lenient=True)
    yield _case("two-documents", "a second document behind the body", _around(after=b"{}"), lenient=True)
    yield _case("trailing-comma", "a trailing comma", lambda body: _dump(body)[:-1] + b",}", lenient=True)
    yield _case("comment", "a comment in the body", _around(b"/* assay */"), lenient=True)
    yield _case("single-quotes", "single quotes", lambda body: _dump(body).replace(b'"', b"'"), lenient=True)
    yield _case("word", "a body that is a word", _whole(b"assay"), **settled)
    for name, raw in (
        ("null", b"null"),
        ("array", b"[]"),
        ("string", b'"assay"'),
        ("number", b"0"),
        ("true", b"true"),
        ("false", b"false"),
    ):
        yield _case(f"top-level-{name}", f"{name} in the place of the object", _whole(raw), **settled)
    yield _case("top-level-array-of-one", "an array with the object in it", _around(b"[", b"]"), **settled)
    yield _case(
        "top-level-string-of-json",
        "a string that holds the object as JSON",
        lambda body: json.dumps(_dump(body).decode()).encode(),
        **settled,
    )
    yield _case("binary", "binary garbage", _whole(bytes(range(256))), **settled)


def _size() -> Iterator[HostileBody]:
    yield _case("long-name", "a name of 100,000 characters", _named(b"a" * 100_000), large=True, kinds=(Kind.CREATE,))
    yield _case("long-string", "a string of 100,000 characters", _value(b'"' + b"a" * 100_000 + b'"'), large=True)
    yield _case("megabyte-string", "a string of a megabyte", _value(b'"' + b"a" * _MEGABYTE + b'"'), large=True)
    yield _case("megabyte-white-space", "a megabyte of white space", _around(b" " * _MEGABYTE), large=True)
    yield _case(
        "many-entries",
        "a list of 20,000 entries",
        lambda body: _dump(
            {
                **body,
                "spec": {
                    **body["spec"],
                    "environmentVariables": [{"name": f"ASSAY_{n}", "value": "x"} for n in range(20_000)],
                },
            }
        ),
        large=True,
    )
    yield _case("megabyte-garbage", "a megabyte of garbage", _whole(b"\xa5" * _MEGABYTE), large=True)


_FORM: Final = "application/x-www-form-urlencoded"


def _types() -> Iterator[HostileBody]:
    plain = _around()
    for name, kind in (
        ("none", None),
        ("empty", ""),
        ("text", "text/plain"),
        ("xml", "application/xml"),
        ("form", _FORM),
        ("multipart", "multipart/form-data"),
        ("merge-patch", "application/merge-patch+json"),
        ("garbage", ";;;=,/"),
        ("two", "application/json, text/plain"),
        ("long", "application/json; x=" + "a" * 4_000),
        ("charset-utf16", "application/json; charset=utf-16"),
        ("charset-unknown", "application/json; charset=klingon"),
        ("charset-empty", "application/json; charset="),
    ):
        what = f"the content type '{kind[:40]}'" if kind else f"{'no' if kind is None else 'an empty'} content type"
        yield _case(f"type-{name}", what, plain, content_type=kind, http=True)
    yield _case("type-capitals", "a content type in capitals", plain, content_type="APPLICATION/JSON", settled=True)
    yield _case("type-charset", "charset=UTF-8", plain, content_type="application/json; charset=UTF-8", settled=True)
    yield _case("false-form", "a form instead of JSON", _whole(b"name=assay&spec=x"), content_type=_FORM, http=True)
    for coding in ("gzip", "br", "nonsense"):
        yield _case(
            f"encoding-{coding}",
            f"plain JSON that claims to be {coding}",
            plain,
            headers=(("Content-Encoding", coding),),
            http=True,
        )


# Near relatives of other cases: a server that stumbles over one of them stumbles over its neighbour too.
RARE: Final = frozenset(
    {
        "cut-utf8",
        "reversed-surrogates",
        "-infinity",
        "negative-huge-exponent",
        "tiny-exponent",
        "hexadecimal",
        "half",
        "two-documents",
        "top-level-true",
        "type-multipart",
        "type-two",
        "type-charset-empty",
        "encoding-br",
        "encoding-nonsense",
    }
)
# Most of a reader is shared by all operations, so a short run sends each kind of trouble once more, not each case.
CORE: Final = frozenset(
    {
        "invalid-utf8",
        "lone-surrogate",
        "nul-byte",
        "nul-escape",
        "bom",
        "nan",
        "infinity",
        "huge-exponent",
        "integer-400-digits",
        "integer-5000-digits",
        "arrays-100-deep",
        "arrays-1000-deep",
        "arrays-50000-deep",
        "objects-50000-deep",
        "repeated-keys",
        "prototype-keys",
        "empty",
        "white-space",
        "truncated",
        "trailing-garbage",
        "top-level-null",
        "top-level-array",
        "top-level-string",
        "top-level-number",
        "top-level-false",
        "top-level-array-of-one",
        "top-level-string-of-json",
        "binary",
        "long-string",
        "megabyte-string",
        "megabyte-garbage",
        "type-none",
        "type-text",
        "type-garbage",
        "type-charset-unknown",
        "encoding-gzip",
    }
)
BODIES: Final = (*_encoding(), *_numbers(), *_structure(), *_syntax(), *_size(), *_types())
