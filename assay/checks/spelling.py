"""What must survive how it is spelled: texts in every field, and ids whose letters have no case.

A text that nobody compares with an unlike one may be trimmed, folded or normalised unnoticed: so each is unlike what
such a server would make of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from assay.checks import settling
from assay.checks.claims import ACCEPTED
from assay.checks.echo import spec_echo
from assay.checks.exchange import Deviation, Exchange, gap
from assay.checks.resources import known_ids, plain_request
from assay.checks.target import PLAIN_SPEC, LiveWorkload, TargetUnderTest
from assay.client.creation import created_id
from assay.client.patience import BUSY
from assay.contract.documents import Operation
from assay.contract.operations import Kind
from assay.contract.request import Expectation, Json, Outcome, Reason, Source

_OPEN: Final = Expectation(Outcome.OPEN)

UNLIKE: Final[Mapping[str, tuple[str, str]]] = {
    "blanks": ("  two  words ", "\tother words\n"),
    "case": ("MiXeD CaSe", "mIxEd cAsE"),
    "composed": ("Caf\u00e9", "\u00c5ngstr\u00f6m"),
    "decomposed": ("Cafe\u0301", "A\u030angstro\u0308m"),
    "line-ends": ("one\r\ntwo\rthree\n", "three\rtwo\r\none"),
}
"""By name: a text to create with, and one to update to."""


def fields(target: TargetUnderTest, test: str, name: str) -> None:
    """Create and update with a text in every field that takes any; what is taken comes back to the letter.

    A target may refuse such a text, and nothing is said about that: then it is asked for two fields only. Raises
    ContractBreachError.
    """
    first, second = UNLIKE[name]
    for spec in (_everywhere(first), {**PLAIN_SPEC, "command": first, "args": first}):
        request = target.contract.creation.request(body=target.body(spec))
        with target.creating(request, test=test, expectation=_OPEN) as created:
            identity = created_id(created.answer)
            if identity is None:
                continue
            target.verify(_holding(target, test, identity, spec, (created,)))
            change = {"command": second, "args": second}
            update = target.contract.updating.request(workload=identity, body={"spec": change})
            updated = target.send(update, test=test, expectation=_OPEN, setup=(created,))
            target.verify(updated)
            if updated.accepted:
                target.verify(_holding(target, test, identity, change, (created, updated)))
            return


def _everywhere(text: str) -> dict[str, Json]:
    return {
        **PLAIN_SPEC,
        "command": text,
        "args": text,
        "annotations": [{"name": "note", "value": text}],
        "environmentVariables": [{"name": "NOTE", "value": text, "description": text}],
    }


def _holding(
    target: TargetUnderTest, test: str, identity: str, sent: Mapping[str, Json], setup: tuple[Exchange, ...]
) -> Exchange:
    def missing(body: Mapping[str, Json]) -> list[Deviation]:
        return [*spec_echo(sent, body, "read")]

    seen = settling.until(target, test, identity, lambda body: not missing(body), setup)
    return seen.with_deviations(*missing(seen.object())) if seen.accepted else seen


# --- ids ---------------------------------------------------------------------------------------------------------

_POD_PATIENCE: Final = 5.0
"""Seconds to wait for what belongs to a workload; whose does not come in time is not asked for."""

_WHY: Final = (
    "The schema's format is uuid: its hexadecimal digits are case insensitive on input (RFC 9562, 4; RFC 4122, 3). "
    "The document does not repeat it, and small letters are what it shows."
)


def cluster_in_capitals(target: TargetUnderTest, test: str) -> None:
    """A creation may write the cluster's id in capitals; a refusal is a gap. Raises ContractBreachError."""
    if target.cluster == target.cluster.upper():
        return
    focus = Reason(Source.SCHEMA, "format", "/body/clusterId", "")
    request = target.contract.creation.request(body=target.body(clusterId=target.cluster.upper()))
    with target.creating(request, test=test, focus=(focus,)) as created:
        target.verify(created)


def id_in_capitals(target: TargetUnderTest, test: str, operation: Operation) -> None:
    """An operation that takes a workload's id takes it in capitals too; a refusal is a gap.

    Raises ContractBreachError.
    """
    with target.workload(test) as workload:
        if workload.id == workload.id.upper():
            return
        ids = known_ids(target, test, operation, workload.id, patience=_POD_PATIENCE)
        setup: tuple[Exchange, ...] = (workload.created,)
        if operation.kind is not Kind.DELETE:  # what is refused in small letters too says nothing of capitals
            plain = _send(target, test, operation, ids, setup)
            if not plain.accepted:
                return
            setup = (*setup, plain)
        capital = _send(target, test, operation, {**ids, **_capital(target, workload)}, setup)
        target.verify(capital.with_deviations(*_refused(capital, operation)))


def _capital(target: TargetUnderTest, workload: LiveWorkload) -> dict[str, str]:
    return {target.contract.main_resource: workload.id.upper()}


def _send(
    target: TargetUnderTest, test: str, operation: Operation, ids: Mapping[str, str], setup: tuple[Exchange, ...]
) -> Exchange:
    request = plain_request(operation, ids, target.now(), {"command": "serve"})
    return target.send(request, test=test, expectation=_OPEN, setup=setup)


def _refused(exchange: Exchange, operation: Operation) -> Iterator[Deviation]:
    status = exchange.status
    if status is not None and 400 <= status < 500 and status not in BUSY:
        yield gap(
            "id-in-capitals",
            f"/path/{next(iter(operation.needs))}",
            f"{operation.id} does not know ({status}) a {operation.subject} by its id in capitals",
            _WHY,
            claims=(ACCEPTED,),
        )
