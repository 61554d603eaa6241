"""Requests that are valid by themselves, and the ids of what exists: both from what the operations table says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from assay.checks.target import TargetUnderTest
from assay.client.exchange import Answer
from assay.contract.documents import Contract, Operation
from assay.contract.operations import Resource
from assay.contract.request import ABSENT, Expectation, Json, Outcome, Request
from assay.generation.cases import plain_query
from assay.polling import look_until

POD_PATIENCE: Final = 10.0
"""Pods follow a creation within seconds; the embedded control plane shows the first after 0.2 s."""

_POLL: Final = 0.4  # seconds
_SPAN: Final = timedelta(minutes=1)
_OPEN: Final = Expectation(Outcome.OPEN)


def plain_request(operation: Operation, ids: Mapping[str, str], now: datetime, change: Json = None) -> Request:
    """A valid request to ``operation``: ids by resource, the minute before ``now`` where it asks for times.

    ``change`` is the spec that an operation with a body sends.
    """
    times = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (now - _SPAN, now))
    query = tuple((name, str(value)) for name, value in plain_query(operation, *times).items())
    return operation.request(ids, query=query, body={"spec": change} if operation.body is not None else ABSENT)


def known_ids(
    target: TargetUnderTest, test: str, operation: Operation, main: str, *, patience: float = POD_PATIENCE
) -> dict[str, str]:
    """Ids by resource for all that the path of ``operation`` names, around the live workload ``main``.

    Resources are looked for where the table says; one of which there is none gets the id of nobody.
    """
    ids = {target.contract.main_resource: main}
    for name in operation.needs.values():
        if name not in ids:
            ids[name] = find_id(target, test, name, ids, patience=patience) or str(uuid4())
    return ids


def listed_resources(contract: Contract, operation: Operation) -> list[str]:
    """The resources on its path that an operation of the contract lists; such ids are known, or do not exist."""
    main = contract.main_resource
    needed = [name for name in operation.needs.values() if name != main]
    return [name for name in needed if contract.resources[name].operation is not None]


def find_id(
    target: TargetUnderTest, test: str, name: str, ids: Mapping[str, str], *, patience: float = POD_PATIENCE
) -> str | None:
    """The id of a resource, waited for ``patience`` seconds; None where there is none, or no list of them."""
    resource = target.contract.resources[name]
    found = look_until(
        lambda: _listed(target, test, resource, ids),
        lambda found: found is None or found,
        within=patience,
        every=_POLL,
        clock=target.clock,
    )
    if found:
        target.state.found.belongs(ids[target.contract.main_resource], found[0])
    return found[0] if found else None


def _listed(target: TargetUnderTest, test: str, resource: Resource, ids: Mapping[str, str]) -> list[str] | None:
    """The ids that the target lists; None when it has no such list."""
    if resource.path is not None:
        main = quote(ids[target.contract.main_resource], safe="")
        answer = target.session.get(re.sub(r"\{[^}]*\}", main, resource.path))
        return resource.ids_in(answer.json()) if isinstance(answer, Answer) and answer.status == 200 else None
    assert resource.operation is not None
    origin = target.contract.operations[resource.operation]
    exchange = target.send(plain_request(origin, ids, target.now()), test=test, expectation=_OPEN)
    return resource.ids_in(exchange.body()) if exchange.accepted else None
