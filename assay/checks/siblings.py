"""What one workload must not do to another, or an update to what only the creation decides."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

from assay.checks import lifecycle
from assay.checks.answer import BUSY
from assay.checks.exchange import Exchange
from assay.checks.probe import PLAIN_SPEC, Probe, created_id
from assay.contract.request import Expectation, Outcome, Request

_OPEN: Final = Expectation(Outcome.OPEN)
_SETTLES: Final = 0.2
"""Seconds for an update to show, should it show late."""
_AGES: Final = 1.5
"""Seconds from the creation to the update: more than ``same_metadata`` lets a rounded createdAt differ (1 s)."""


def of_one_prefix(probe: Probe, test: str) -> None:
    """Two creations with one prefix: two names, and the deletion of one leaves the other alone.

    Raises ContractBreachError.
    """
    body = probe.body(useGivenNameAsPrefix=True)
    with (
        probe.several(2),
        probe.creating(Request("create", body=body), test=test, expectation=_OPEN) as one,
        probe.creating(Request("create", body=body), test=test, expectation=_OPEN) as two,
    ):
        first, second = created_id(one.answer), created_id(two.answer)
        if first is None or second is None:
            return  # whether a prefix may be used twice at a time is not said
        probe.verify(_named_apart(one, two))
        _delete(probe, test, second, two)
        left = Request("read", {"workloadId": first})
        told = probe.send(left, test=test, expectation=Expectation(Outcome.ACCEPT), setup=(one, two))
        probe.verify(_still_there(lifecycle.same_metadata(one.object(), told, "neighbour-delete")))


def _delete(probe: Probe, test: str, identity: str, created: Exchange) -> None:
    request = Request("delete", {"workloadId": identity})
    probe.verify(probe.send(request, test=test, expectation=_OPEN, setup=(created,)))


def _named_apart(one: Exchange, two: Exchange) -> Exchange:
    if one.object().get("name") != two.object().get("name"):
        return two
    return two.with_deviations(
        lifecycle.violation(
            "name-prefix-random",
            "/response/202/body/name",
            "two workloads that were created with one prefix have one name",
            "“The final name of the workload will be composed of the name followed by a random set of characters.”",
        )
    )


def _still_there(told: Exchange) -> Exchange:
    body = told.object()
    if told.accepted and body.get("desiredPhase") != "Deleted" and body.get("deletedAt") is None:
        return told
    return told.with_deviations(
        lifecycle.violation(
            "delete-neighbour",
            "/response/body",
            "deleting one workload has deleted another one of the same prefix",
            "A deletion names one workload, by its id.",
        )
    )


def spelt(probe: Probe, test: str) -> None:
    """A name with capitals, where it is taken, is the workload's name. Raises ContractBreachError."""
    body = probe.body(name=f"{probe.name()}-CamelCase")
    with probe.creating(Request("create", body=body), test=test, expectation=_OPEN) as created:
        told = created.object()
        if created.accepted and not told.get("name") == told.get("requestedName") == body["name"]:
            created = created.with_deviations(
                lifecycle.violation(
                    "name-as-given",
                    "/response/202/body/name",
                    "a name with capitals is not the workload's name as it was given",
                    "“If useGivenNameAsPrefix, in the creation request, is false, name and requestedName should be "
                    "identical.”",
                )
            )
        probe.verify(created)


def after_a_refusal(probe: Probe, test: str) -> None:
    """The name of a refused creation is as free as it was before. Raises ContractBreachError."""
    bad = probe.body({**PLAIN_SPEC, "priorityClass": "no-such-class"})
    with probe.creating(Request("create", body=bad), test=test) as refused:
        probe.verify(refused)
        if refused.accepted:
            return  # told by the rule's own test
    good = {**bad, "spec": dict(PLAIN_SPEC)}
    with probe.creating(Request("create", body=good), test=test, expectation=_OPEN) as created:
        probe.verify(_free(replace(created, setup=(refused,))))


def _free(created: Exchange) -> Exchange:
    if created.accepted or created.status is None or not 400 <= created.status < 500 or created.status in BUSY:
        return created
    return created.with_deviations(
        lifecycle.violation(
            "refused-create-keeps-name",
            "/response/status",
            f"a name is refused ({created.status}) because a creation with it was refused before",
            "A refused request has no effect: the same creation under another name is accepted.",
        )
    )


def aged(probe: Probe, test: str) -> None:
    """A read and an update, a while after the creation, tell its metadata. Raises ContractBreachError."""
    with probe.workload(test) as workload:
        time.sleep(_AGES)
        known = workload.created.object()
        probe.verify(lifecycle.same_metadata(known, lifecycle.read(probe, test, workload), "read"))
        updated = lifecycle.patch(probe, test, workload, {"command": "serve"})
        probe.verify(lifecycle.same_metadata(known, updated, "update"))
        probe.verify(lifecycle.same_metadata(known, lifecycle.read(probe, test, workload), "update"))


def renamed(probe: Probe, test: str) -> None:
    """An update that names metadata beside the spec may be refused or not, but moves none of it.

    Raises ContractBreachError. No id is among it: a workload that took one could not be deleted any more.
    """
    with probe.workload(test) as workload:
        known = workload.created.object()
        beside = {
            "name": probe.name(),
            "requestedName": probe.name(),
            "createdBy": "nobody",
            "createdAt": "2020-01-01T00:00:00Z",
        }
        request = Request("update", {"workloadId": workload.id}, body={**beside, "spec": {"command": "serve"}})
        updated = probe.send(request, test=test, expectation=_OPEN, setup=(workload.created,))
        probe.verify(updated)
        time.sleep(_SETTLES)
        probe.verify(lifecycle.same_metadata(known, lifecycle.read(probe, test, workload), "update"))
