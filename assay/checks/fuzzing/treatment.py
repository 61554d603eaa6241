"""What becomes of each check that Schemathesis registers, and how the failures of the kept ones become deviations.

A check is *used* as it is, *wrapped* (used where it can be judged fairly) or *replaced* (another part of the suite
judges the same thing with more knowledge). ``TREATMENT`` is that table; a test asserts that it names every
registered check, so that a new version of Schemathesis cannot add one silently:

=============================  ========  =====================================================================
check                          here      reason
=============================  ========  =====================================================================
not_a_server_error             wrapped   503 is waited out by the client and never a finding of a contract check
status_code_conformance        wrapped   429 and 503 left out; the class (gap or violation) is the answer check's
content_type_conformance       wrapped   429 and 503 left out
response_headers_conformance   wrapped   429 and 503 left out
response_schema_conformance    wrapped   429 and 503 left out
negative_data_rejection        replaced  by the oracle: what Schemathesis calls negative may be lawful (an unknown
                                         property, a float without a fraction, a date in ISO 8601)
positive_data_acceptance       replaced  by the oracle: a schema-valid body may break a rule of the prose
missing_required_header        replaced  by the access tests; Authorization is the only required header
unsupported_method             replaced  by the robustness tests; Schemathesis would send DELETE to the collection
                                         and other people's workloads may be behind it
allow_header_conformance       replaced  by the robustness tests, with unsupported_method
use_after_free                 replaced  by the stateful machine's own model: deletion may be asynchronous
ensure_resource_availability   replaced  by the expectation: the machine knows which workloads live
ignored_auth                   replaced  by the access tests, which send each way of being nobody once
object_level_authorization     replaced  by the access tests, which have a second identity
=============================  ========  =====================================================================

One fact is one finding: where the suite's own answer checks report the same thing, the Schemathesis failure is
dropped (``_SAME``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemathesis import Response

from assay.checks.exchange import Deviation, violation
from assay.checks.fuzzing.schemathesis_internals import AnyCase, Failure, JsonSchemaError, failures_of
from assay.client.patience import BUSY


class Use(StrEnum):
    """What the suite does with a check."""

    USED = "used"
    WRAPPED = "wrapped"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Treatment:
    """``use`` and why; ``same`` names the suite's own checks that report the same fact."""

    use: Use
    why: str
    same: frozenset[str] = frozenset()


def _wrapped(why: str, *same: str) -> Treatment:
    return Treatment(Use.WRAPPED, why, frozenset(same))


def _replaced(why: str) -> Treatment:
    return Treatment(Use.REPLACED, why)


_BUSY = "429 and 503 may come at any time; the client waits them out"
_ORACLE = "the oracle states the expectation from schema, rules and silences; the schema alone decides too much"
_ACCESS = "the access tests judge it, with every way of being nobody and with a second identity"
_METHODS = "the robustness tests send wrong methods; DELETE on a collection is not for a cluster that is shared"

TREATMENT: Final[dict[str, Treatment]] = {
    "not_a_server_error": _wrapped(_BUSY, "server-error"),
    "status_code_conformance": _wrapped(_BUSY, "status-documented", "server-error"),
    "content_type_conformance": _wrapped(_BUSY, "content-type"),
    "response_headers_conformance": _wrapped(_BUSY),
    "response_schema_conformance": _wrapped(_BUSY, "body-schema", "body-json", "content-type"),
    "negative_data_rejection": _replaced(_ORACLE),
    "positive_data_acceptance": _replaced(_ORACLE),
    "missing_required_header": _replaced(_ACCESS),
    "unsupported_method": _replaced(_METHODS),
    "allow_header_conformance": _replaced(_METHODS),
    "use_after_free": _replaced("deletion may be asynchronous; the machine's model knows what was deleted"),
    "ensure_resource_availability": _replaced("the machine's model knows what lives and expects it to be found"),
    "ignored_auth": _replaced(_ACCESS),
    "object_level_authorization": _replaced(_ACCESS),
}


KEPT: Final = [name for name, item in TREATMENT.items() if item.use is not Use.REPLACED]
"""The checks that run on every answer, in the table's order."""


def deviations(case: AnyCase, response: Response, known: frozenset[str], operation: str) -> Iterator[Deviation]:
    """Yield what Schemathesis's checks find in ``response`` and the suite's own checks (``known``) did not report.

    ``operation`` is the operation's id, for the summary.
    """
    if response.status_code in BUSY:
        return
    for name, failure in failures_of(case, response, KEPT):
        if not TREATMENT[name].same & known:
            yield _deviation(name, failure, response.status_code, operation)


def _deviation(name: str, failure: Failure, status: int, operation: str) -> Deviation:
    rule, place = None, f"/response/{status}"
    if isinstance(failure, JsonSchemaError):
        rule = str(failure.schema_path[-1]) if failure.schema_path else None
        steps = ("*" if isinstance(step, int) else str(step) for step in failure.instance_path)
        place += "".join(f"/{step}" for step in ("body", *steps))
    return violation(
        f"schemathesis-{name.replace('_', '-')}",
        place,
        f"{operation} answers {status}: {failure.title[:1].lower()}{failure.title[1:]}",
        f"Schemathesis's {name}: {' '.join(failure.message.split())[:400]}",
        rule,
    )
