"""Judges an answer on its own: documented status, content type, body against the schema, error code, secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from assay.checks import claims
from assay.checks.exchange import Deviation
from assay.client.encodings import MARK
from assay.client.evidence import Mask
from assay.client.exchange import Answer
from assay.client.gateway import ANONYMOUS, TOO_LARGE, gateway_of
from assay.client.patience import BUSY
from assay.contract.documents import Contract, Operation
from assay.contract.operations import Kind
from assay.contract.request import Json
from assay.contract.schema import Validator, of_answer
from assay.findings.model import Class

# Client errors that HTTP itself defines for what a fuzzer sends. The document lists few of them; a server that
# answers so is sensible, and the silence of the document is the gap.
SENSIBLE: Final = frozenset({400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 413, 414, 415, 417, 422, 423, 431})
SUCCESS: Final = range(200, 300)


@cache
def _validators(contract: Contract) -> Mapping[tuple[str, int, str], Validator]:
    """The validator of every documented body, by operation, status and content type; 35 ms, once for a contract."""
    return {
        (name, status, kind): Validator(
            of_answer(contract, schema, f"/paths/{operation.id}/responses/{status}"), "/response/body"
        )
        for name, operation in contract.operations.items()
        for status, response in operation.responses.items()
        for kind, schema in response.content.items()
        if schema is not None
    }


class AnswerChecks:
    """All checks of a single answer."""

    def __init__(self, contract: Contract, mask: Mask) -> None:
        self._contract = contract
        self._mask = mask
        self._validators = _validators(contract)

    def judge(self, name: str, answer: Answer) -> Iterator[Deviation]:
        """Yield every deviation of ``answer`` that can be told without knowing the request."""
        operation = self._contract.operations[name]
        yield from self._echo(answer)
        yield from _internals(operation, answer)
        yield from _wrapping(operation, answer)
        if answer.sealed:
            return  # nothing of it can be read
        # Waiting is part of the client; what is left of these after waiting is a problem of the run, not a finding.
        if (answer.status in BUSY and not answer.stored) or answer.status in TOO_LARGE:
            return
        maker = gateway_of(answer)
        if answer.status >= 500:
            yield server_error(operation, answer, maker)
            return
        if maker is not None:
            return  # not the API's, so nothing of it is held against the document
        response = operation.responses.get(answer.status)
        if response is None:
            yield _undocumented(operation, answer)
            return
        kind = answer.content_type
        if not response.offers(kind):
            yield _content_type(operation, answer, tuple(response.content))
        elif kind == "application/json":
            yield from self._json_body(operation, answer)

    def _json_body(self, operation: Operation, answer: Answer) -> Iterator[Deviation]:
        try:
            body = _strict_json(answer.body)
        except (ValueError, RecursionError) as error:
            yield Deviation(
                Class.VIOLATION,
                "body-json",
                None,
                f"/response/{answer.status}",
                f"{operation.id} answers {answer.status} with a body that is not JSON",
                f"The content type says application/json, but the body is not: {str(error)[:120]}",
                (claims.JSON,),
            )
            return
        validator = self._validators.get((operation.name, answer.status, "application/json"))
        errors = validator.errors(body) if validator is not None else []
        for reason in errors:
            place = reason.location.removeprefix("/response/body") or "the whole body"
            yield Deviation(
                Class.VIOLATION,
                "body-schema",
                reason.id,
                f"/response/{answer.status}{reason.location.removeprefix('/response')}",
                f"{operation.id} answers {answer.status} with a body that breaks '{reason.id}' at {place}",
                f"Schema of the {answer.status} response: {reason.text}",
                claims.of_schema(reason.id, reason.location.removeprefix("/response/body"), validator.node)
                if validator is not None
                else (),
            )
        if not errors and isinstance(body, Mapping):
            yield from _code(operation, answer, body)

    def _echo(self, answer: Answer) -> Iterator[Deviation]:
        text = answer.body.decode("utf-8", "replace") + json.dumps(dict(answer.headers))
        if self._mask.text(text) != text:
            yield Deviation(
                Class.VIOLATION,
                "secret-echoed",
                None,
                "/response",
                "the answer repeats a credential of the caller",
                "A token or client secret in an answer ends up in logs and reports of every client.",
            )


_OF_MARKS: Final = "not every parser takes it (RFC 8259, 8.1)"
_OF_CODINGS: Final = "identity was asked for, and not every client knows it"


def _wrapping(operation: Operation, answer: Answer) -> Iterator[Deviation]:
    """What stood around the body though nobody had asked for it: lawful, if unkind to simple clients."""
    for what in (*answer.undone, *([answer.sealed] if answer.sealed else [])):
        how, kept = ("behind", _OF_MARKS) if what == MARK else ("with Content-Encoding", _OF_CODINGS)
        judged = "; assay does not either, so the body is not judged" if answer.sealed else ""
        yield Deviation(
            Class.ADVISORY,
            "body-wrapping",
            None,
            "/response",
            f"{operation.id} answers {how} {what}, which nobody asked for",
            f"Lawful, but {kept}{judged}.",
        )


def _strict_json(body: bytes) -> Json:
    def refuse(literal: str) -> Json:
        raise ValueError(f"{literal} is no JSON literal")

    return json.loads(body.decode("utf-8"), parse_constant=refuse)


# How the traces of common languages, and the errors of common databases, begin.
_INTERNALS: Final = re.compile(
    r"Traceback \(most recent call last\)|File \"/[^\"]+\", line \d+|goroutine \d+ \["
    r"|^[ \t]*at [\w.$<>]+\([\w.]+:\d+\)"
    r"|\bat /\S+\.[jt]s:\d+:\d+|\b(?:java|javax|org\.springframework)\.[\w.]+Exception\b|SQLSTATE\b|\bORA-\d{5}\b",
    re.MULTILINE,
)

_SHOWN: Final = 20_000
"""Bytes of an error that are looked at: some echo a megabyte that was sent."""


def _internals(operation: Operation, answer: Answer) -> Iterator[Deviation]:
    if answer.status < 400:
        return
    shown = answer.body[:_SHOWN].decode("utf-8", "replace")
    # Within JSON the line breaks of a trace are escaped.
    found = _INTERNALS.search(shown.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"'))
    if found is not None:
        yield Deviation(
            Class.ADVISORY,
            "internals-told",
            None,
            "/response/body",
            f"{operation.id} tells the inside of the server in an error",
            f"“{found[0].strip()[:60]}” helps nobody who calls, and whoever looks for a way in.",
        )


_FAILED: Final = (
    "No request, however malformed, may make the server fail: what it cannot serve it must refuse with a 4xx."
)
_STORED: Final = "Who is answered so sends the request again, and then has two, or is told that the name is in use."

_UNKNOWN: Final = " (the API's own answer or a gateway's: it does not tell)"


def server_error(operation: Operation, answer: Answer, maker: str | None) -> Deviation:
    """The deviation of a failure; ``maker`` is the gateway that answered in place of the API, if one did."""
    by = _UNKNOWN if maker == ANONYMOUS else f" (answered by {maker}, not by the API)" if maker else ""
    times = f", {answer.attempts} times in a row" if maker and answer.attempts > 1 else ""
    created = " although created" if answer.stored else ""
    return Deviation(
        Class.VIOLATION,
        "server-error",
        str(answer.status),
        "/response/status",
        f"{operation.id} answers {answer.status}{created}{by}{times}",
        _STORED if answer.stored else _FAILED,
        (claims.SERVED,),
    )


def _undocumented(operation: Operation, answer: Answer) -> Deviation:
    documented = ", ".join(operation.documented)
    sensible = answer.status in SENSIBLE
    why = f"The document lists {documented} for {operation.method} {operation.path}"
    return Deviation(
        Class.GAP if sensible else Class.VIOLATION,
        "status-documented",
        str(answer.status),
        "/response/status",
        f"{operation.id} answers {answer.status}, which the document does not list",
        f"{why}; {answer.status} is a sensible answer that it forgot." if sensible else f"{why}.",
        (claims.status_among(operation.responses),),
    )


def _content_type(operation: Operation, answer: Answer, documented: tuple[str, ...]) -> Deviation:
    kind = answer.content_type or "no content type"
    return Deviation(
        Class.VIOLATION,
        "content-type",
        None,
        f"/response/{answer.status}/content-type",
        f"{operation.id} answers {answer.status} with {kind}",
        f"The document offers {', '.join(documented) or 'no body'} for {answer.status}.",
        (claims.content_type_among(documented),),
    )


def _code(operation: Operation, answer: Answer, body: Mapping[str, Json]) -> Iterator[Deviation]:
    code = body.get("code")
    is_status_body = answer.status >= 400 or operation.kind is Kind.DELETE
    if is_status_body and isinstance(code, int) and code != answer.status:
        yield Deviation(
            Class.VIOLATION,
            "error-code",
            None,
            f"/response/{answer.status}/body/code",
            f"{operation.id} answers {answer.status}, but the body's code is another one",
            "The code of an error body is the status it is sent with; clients branch on either.",
            (claims.CODED,),
        )
