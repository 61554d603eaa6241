"""Who has no right gets nothing: neither an answer, nor a change, nor a hint."""

import dataclasses
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest

from assay.checks import access
from assay.checks.access import FORGERIES, Forgery, OpaqueTokenError
from assay.checks.exchange import Deviation, Exchange
from assay.checks.resources import find_id, known_ids, plain_request
from assay.checks.shared_fixture import SharedFixture, readable
from assay.checks.target import PLAIN_SPEC, LiveWorkload, TargetUnderTest
from assay.contract.documents import Contract, Operation
from assay.contract.request import Request

pytestmark = pytest.mark.concurrent

MARK = "ASSAY_UNAUTHORIZED"
POD_PATIENCE = 5.0
"""Seconds to wait for what belongs to a workload; of what does not come in time, nobody's is asked for."""


@contextmanager
def private_workload(target: TargetUnderTest, test: str) -> Iterator[LiveWorkload]:
    """A workload whose name, image and variable cannot be met anywhere else."""
    name = target.session.name("private")
    spec = {
        **PLAIN_SPEC,
        "image": f"registry.example/{name}-image:1.0",
        "environmentVariables": [{"name": "ASSAY_PRIVATE", "value": f"{name}-value"}],
    }
    with readable(target, test, spec, name=name) as workload:
        yield workload


@contextmanager
def read_workload(target: TargetUnderTest, test: str) -> Iterator[tuple[LiveWorkload, dict[str, str]]]:
    """The same with the ids of what belongs to it, by resource; of those that it gets in time."""
    with private_workload(target, test) as workload:
        contract = target.contract
        ids = {contract.main_resource: workload.id}
        for operation in reads(contract):
            for resource in operation.needs.values():
                if resource not in ids:
                    found = find_id(target, test, resource, ids, patience=POD_PATIENCE)
                    ids[resource] = found or str(uuid.uuid4())
        yield workload, ids


SHARED = SharedFixture(private_workload)
READ = SharedFixture(read_workload)


def reads(contract: Contract) -> list[Operation]:
    """The operations that tell something of a workload."""
    return [each for each in contract.needing(contract.main_resource) if each.writes is None]


def updates(contract: Contract) -> list[Operation]:
    return [contract.updating]


def deletions(contract: Contract) -> list[Operation]:
    return [contract.deletion]


def creations(contract: Contract) -> list[Operation]:
    return [contract.creation]


def on_a_workload(contract: Contract) -> list[Operation]:
    return [*reads(contract), *updates(contract), *deletions(contract)]


def secrets_of(workload: LiveWorkload) -> dict[str, str]:
    return {
        "name": workload.name,
        "image": f"registry.example/{workload.name}-image:1.0",
        "environment variable": f"{workload.name}-value",
    }


def request_for(target: TargetUnderTest, operation: Operation, ids: dict[str, str], *, mark: str = MARK) -> Request:
    """A valid request of ``operation``; an update adds an environment variable called ``mark``."""
    return plain_request(operation, ids, target.now(), {"environmentVariables": [{"name": mark, "value": "x"}]})


def ids_of(target: TargetUnderTest, workload: LiveWorkload) -> dict[str, str]:
    return {target.contract.main_resource: workload.id}


def header_of(target: TargetUnderTest, forgery: Forgery) -> str | None:
    try:
        return forgery.header(target.session.token())
    except OpaqueTokenError:
        pytest.skip("the token is no JWT, so its parts cannot be forged")


def forge(target: TargetUnderTest, test: str, forgery: Forgery, request: Request, workload: LiveWorkload) -> Exchange:
    """Send ``request`` for ``workload`` with forged credentials, and judge the answer."""
    exchange = target.send(
        request,
        test=test,
        expectation=access.UNAUTHENTICATED,
        also=access.JUDGED_HERE,
        auth=header_of(target, forgery),
        setup=(workload.created,),
    )
    exchange = dataclasses.replace(exchange, shell=forgery.shell)
    return exchange.with_deviations(*access.forged(exchange, forgery), *access.leaks(exchange, secrets_of(workload)))


def owner_read(target: TargetUnderTest, test: str, workload: LiveWorkload) -> Exchange:
    return target.send(target.contract.reading.request(workload=workload.id), test=test, also=frozenset({404}))


def called(operation: Operation) -> str:
    return operation.name.replace("_", "-")


def forged(operations: Callable[[Contract], Iterable[Operation]]) -> pytest.MarkDecorator:
    """Every forgery for each of ``operations``; ids such as ``read/tampered-signature``."""

    def cases(contract: Contract) -> list[object]:
        return [
            pytest.param(operation, item, id=f"{called(operation)}/{item.id}")
            for operation in operations(contract)
            for item in FORGERIES
        ]

    return pytest.mark.from_contract(("operation", "forgery"), cases)


def outsider(operations: Callable[[Contract], Iterable[Operation]]) -> pytest.MarkDecorator:
    """Each of ``operations``, for the second identity."""

    def cases(contract: Contract) -> list[object]:
        return [pytest.param(each, id=f"{called(each)}/outsider") for each in operations(contract)]

    return pytest.mark.from_contract("operation", cases)


@forged(reads)
def test_forged_read(target: TargetUnderTest, test: str, operation: Operation, forgery: Forgery) -> None:
    with READ.acquire(target, test) as (workload, ids):
        request = request_for(target, operation, ids)
        target.verify(forge(target, test, forgery, request, workload))


@forged(updates)
def test_forged_update(target: TargetUnderTest, test: str, operation: Operation, forgery: Forgery) -> None:
    """Each forgery carries a mark of its own, so all of them can share one workload."""
    mark = f"{MARK}_{forgery.id.upper().replace('-', '_')}"
    with SHARED.acquire(target, test) as workload:
        exchange = forge(
            target,
            test,
            forgery,
            request_for(target, operation, ids_of(target, workload), mark=mark),
            workload,
        )
        after = owner_read(target, test, workload)
        target.verify(exchange, access.effects(exchange, after, marks=[mark]), after)


@forged(deletions)
def test_forged_delete(target: TargetUnderTest, test: str, operation: Operation, forgery: Forgery) -> None:
    with private_workload(target, test) as workload:
        exchange = forge(target, test, forgery, request_for(target, operation, ids_of(target, workload)), workload)
        after = owner_read(target, test, workload)
        target.verify(exchange, access.effects(exchange, after), after)


@forged(creations)
def test_forged_create(target: TargetUnderTest, test: str, operation: Operation, forgery: Forgery) -> None:
    name = target.name()
    request = operation.request(body=target.body(name=name))
    with target.creating(
        request,
        test=test,
        expectation=access.UNAUTHENTICATED,
        also=access.JUDGED_HERE,
        auth=header_of(target, forgery),
    ) as exchange:
        exchange = dataclasses.replace(exchange, shell=forgery.shell)
        target.verify(
            exchange.with_deviations(*access.forged(exchange, forgery), *unwanted(target, test, exchange, name))
        )


def unwanted(target: TargetUnderTest, test: str, refused: Exchange, name: str) -> Iterator[Deviation]:
    """What a refused creation created all the same; it is removed at once."""
    if refused.accepted:
        return
    found = target.session.find_by_name(name) or []
    for entry in found:
        target.delete(str(entry["id"]), test=test, setup=(refused,))
    yield from access.created(refused, found)


def need_outsider(target: TargetUnderTest, test: str) -> None:
    """Skip unless a second identity is set and the target knows it: a refusal of everybody says nothing."""
    if not target.session.has_outsider:
        pytest.skip("no second identity is set (ASSAY_OUTSIDER_TOKEN, or its client id and secret)")
    nobody = target.contract.reading.request(workload=str(uuid.uuid4()))
    known = target.send(nobody, test=test, expectation=access.FOREIGN, also=access.JUDGED_HERE, auth="outsider")
    if known.status == 401:
        pytest.skip("the second identity is refused everywhere (401), so its refusals say nothing about rights")


@outsider(on_a_workload)
def test_outsider(target: TargetUnderTest, test: str, operation: Operation) -> None:
    need_outsider(target, test)
    with private_workload(target, test) as workload:
        ids = known_ids(target, test, operation, workload.id, patience=POD_PATIENCE)
        exchange = target.send(
            request_for(target, operation, ids),
            test=test,
            expectation=access.FOREIGN,
            also=access.JUDGED_HERE,
            auth="outsider",
            setup=(workload.created,),
        )
        after = owner_read(target, test, workload)
        target.verify(
            exchange.with_deviations(
                *access.foreign(exchange),
                *access.leaks(exchange, secrets_of(workload)),
            ),
            access.effects(exchange, after, marks=[MARK]),
            after,
        )


@outsider(creations)
def test_outsider_create(target: TargetUnderTest, test: str, operation: Operation) -> None:
    """Into a project in which the other identity has no right."""
    need_outsider(target, test)
    name = target.name()
    request = operation.request(body=target.body(name=name))
    with target.creating(
        request, test=test, expectation=access.FOREIGN, also=access.JUDGED_HERE, auth="outsider"
    ) as exchange:
        target.verify(exchange.with_deviations(*access.foreign(exchange), *unwanted(target, test, exchange, name)))
