"""What one workload must not do to another, or an update to what only the creation decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from assay.checks import lifecycle
from assay.checks.answer import BUSY
from assay.checks.echo import spec_echo
from assay.checks.exchange import Exchange, violation
from assay.checks.specs import RICH
from assay.checks.target import PLAIN_SPEC, LiveWorkload, TargetUnderTest
from assay.client.creation import created_id
from assay.contract.request import Expectation, Outcome

_OPEN: Final = Expectation(Outcome.OPEN)
_SETTLES: Final = 0.2
"""Seconds for an update to show, should it show late."""
_AGES: Final = 1.5
"""Seconds from the creation to the update: more than ``same_metadata`` lets a rounded createdAt differ (1 s)."""


def of_one_prefix(target: TargetUnderTest, test: str) -> None:
    """Two creations with one prefix: two names, and the deletion of one leaves the other alone.

    Raises ContractBreachError.
    """
    body = target.body(useGivenNameAsPrefix=True)
    with (
        target.several(2),
        target.creating(target.contract.creation.request(body=body), test=test, expectation=_OPEN) as one,
        target.creating(target.contract.creation.request(body=body), test=test, expectation=_OPEN) as two,
    ):
        first, second = created_id(one.answer), created_id(two.answer)
        if first is None or second is None:
            return  # whether a prefix may be used twice at a time is not said
        target.verify(_named_apart(one, two))
        _delete(target, test, second, two)
        left = target.contract.reading.request(workload=first)
        seen = target.send(left, test=test, expectation=Expectation(Outcome.ACCEPT), setup=(one, two))
        target.verify(_still_there(lifecycle.same_metadata(one.object(), seen, "neighbour-delete")))


def _delete(target: TargetUnderTest, test: str, identity: str, created: Exchange) -> None:
    request = target.contract.deletion.request(workload=identity)
    target.verify(target.send(request, test=test, expectation=_OPEN, setup=(created,)))


def _named_apart(one: Exchange, two: Exchange) -> Exchange:
    if one.object().get("name") != two.object().get("name"):
        return two
    return two.with_deviations(
        violation(
            "name-prefix-random",
            "/response/202/body/name",
            "two workloads that were created with one prefix have one name",
            "“The final name of the workload will be composed of the name followed by a random set of characters.”",
        )
    )


def _still_there(seen: Exchange) -> Exchange:
    body = seen.object()
    if seen.accepted and body.get("desiredPhase") != "Deleted" and body.get("deletedAt") is None:
        return seen
    return seen.with_deviations(
        violation(
            "delete-neighbour",
            "/response/body",
            "deleting one workload has deleted another one of the same prefix",
            "A deletion names one workload, by its id.",
        )
    )


def spelt(target: TargetUnderTest, test: str) -> None:
    """A name with capitals, where it is taken, is the workload's name. Raises ContractBreachError."""
    body = target.body(name=f"{target.name()}-CamelCase")
    with target.creating(target.contract.creation.request(body=body), test=test, expectation=_OPEN) as created:
        seen = created.object()
        if created.accepted and not seen.get("name") == seen.get("requestedName") == body["name"]:
            created = created.with_deviations(
                violation(
                    "name-as-given",
                    "/response/202/body/name",
                    "a name with capitals is not the workload's name as it was given",
                    "“If useGivenNameAsPrefix, in the creation request, is false, name and requestedName should be "
                    "identical.”",
                )
            )
        target.verify(created)


def after_a_refusal(target: TargetUnderTest, test: str) -> None:
    """The name of a refused creation is as free as it was before. Raises ContractBreachError."""
    bad = target.body({**PLAIN_SPEC, "priorityClass": "no-such-class"})
    with target.creating(target.contract.creation.request(body=bad), test=test) as refused:
        target.verify(refused)
        if refused.accepted:
            return  # told by the rule's own test
    good = {**bad, "spec": dict(PLAIN_SPEC)}
    with target.creating(target.contract.creation.request(body=good), test=test, expectation=_OPEN) as created:
        target.verify(_free(replace(created, setup=(refused,))))


def _free(created: Exchange) -> Exchange:
    if created.accepted or created.status is None or not 400 <= created.status < 500 or created.status in BUSY:
        return created
    return created.with_deviations(
        violation(
            "refused-create-keeps-name",
            "/response/status",
            f"a name is refused ({created.status}) because a creation with it was refused before",
            "A refused request has no effect: the same creation under another name is accepted.",
        )
    )


def aged(target: TargetUnderTest, test: str) -> None:
    """A read and an update, a while after the creation, tell its metadata. Raises ContractBreachError."""
    with target.workload(test) as workload:
        target.clock.sleep(_AGES)
        known = workload.created.object()
        target.verify(lifecycle.same_metadata(known, lifecycle.read(target, test, workload), "read"))
        updated = lifecycle.patch(target, test, workload, {"command": "serve"})
        target.verify(lifecycle.same_metadata(known, updated, "update"))
        target.verify(lifecycle.same_metadata(known, lifecycle.read(target, test, workload), "update"))


def renamed(target: TargetUnderTest, test: str) -> None:
    """An update that names metadata beside the spec may be refused or not, but moves none of it.

    Raises ContractBreachError. No id is among it: a workload that took one could not be deleted any more.
    """
    with target.workload(test) as workload:
        known = workload.created.object()
        beside = {
            "name": target.name(),
            "requestedName": target.name(),
            "createdBy": "nobody",
            "createdAt": "2020-01-01T00:00:00Z",
        }
        request = target.contract.updating.request(
            workload=workload.id, body={**beside, "spec": {"command": "serve"}}
        )
        updated = target.send(request, test=test, expectation=_OPEN, setup=(workload.created,))
        target.verify(updated)
        target.clock.sleep(_SETTLES)
        target.verify(lifecycle.same_metadata(known, lifecycle.read(target, test, workload), "update"))


def updated_beside(target: TargetUnderTest, test: str) -> None:
    """An update of one workload changes nothing of another one."""
    with target.workload(test, RICH) as neighbour, target.workload(test) as workload:
        answered = lifecycle.patch(target, test, workload, {"command": "assay-for-one-only", "args": "--one"})
        seen = lifecycle.read(target, test, neighbour, setup=(neighbour.created, workload.created, answered))
        target.verify(answered, _untouched(seen, neighbour))


def _untouched(exchange: Exchange, workload: LiveWorkload) -> Exchange:
    same = lifecycle.same_metadata(workload.created.object(), exchange, "neighbour-update")
    if not exchange.accepted or not [*spec_echo(workload.spec, exchange.object(), "read")]:
        return same
    return same.with_deviations(
        violation(
            "update-neighbour",
            "/response/body/spec",
            "updating one workload has changed another one",
            "An update names one workload.",
        )
    )
