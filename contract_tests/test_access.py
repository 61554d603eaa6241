"""Who has no right gets nothing: neither an answer, nor a change, nor a hint."""

import dataclasses
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from assay.checks import access
from assay.checks.access_forgeries import FORGERIES, Forgery, OpaqueTokenError
from assay.checks.deviation import Deviation
from assay.checks.exchange import Exchange
from assay.checks.lending import Lending, readable
from assay.checks.metrics_host import first_pod
from assay.checks.probe import PLAIN_SPEC, Probe, Workload
from assay.contract.request import Request

pytestmark = pytest.mark.concurrent

READS = ("read", "metrics", "pod_metrics")
MARK = "ASSAY_UNAUTHORIZED"


@contextmanager
def private_workload(probe: Probe, test: str) -> Iterator[Workload]:
    """A workload whose name, image and variable cannot be met anywhere else."""
    name = probe.session.name("private")
    spec = {
        **PLAIN_SPEC,
        "image": f"registry.example/{name}-image:1.0",
        "environmentVariables": [{"name": "ASSAY_PRIVATE", "value": f"{name}-value"}],
    }
    with readable(probe, test, spec, name=name) as workload:
        yield workload


@contextmanager
def read_workload(probe: Probe, test: str) -> Iterator[tuple[Workload, str]]:
    """The same with the id of one of its pods; of nobody's when it gets none."""
    with private_workload(probe, test) as workload:
        yield workload, first_pod(probe, workload.id) or str(uuid.uuid4())


SHARED = Lending(private_workload)
READ = Lending(read_workload)


def secrets_of(workload: Workload) -> dict[str, str]:
    return {
        "name": workload.name,
        "image": f"registry.example/{workload.name}-image:1.0",
        "environment variable": f"{workload.name}-value",
    }


def request_for(role: str, workload: Workload, *, pod: str = "", mark: str = MARK) -> Request:
    """A valid request of ``role``; an update adds an environment variable called ``mark``."""
    path = {"workloadId": workload.id}
    if role == "update":
        return Request(role, path=path, body={"spec": {"environmentVariables": [{"name": mark, "value": "x"}]}})
    if role not in {"metrics", "pod_metrics"}:
        return Request(role, path=path)
    end = datetime.now(UTC).replace(microsecond=0)
    span = {"start": end - timedelta(minutes=1), "end": end}
    query = (("metricType", "THROUGHPUT"), *((key, f"{at:%Y-%m-%dT%H:%M:%SZ}") for key, at in span.items()))
    if role == "pod_metrics":
        path["podId"] = pod
    return Request(role, path=path, query=query)


def header_of(probe: Probe, forgery: Forgery) -> str | None:
    try:
        return forgery.header(probe.session.token())
    except OpaqueTokenError:
        pytest.skip("the token is no JWT, so its parts cannot be forged")


def forge(probe: Probe, test: str, forgery: Forgery, request: Request, workload: Workload) -> Exchange:
    """Send ``request`` for ``workload`` with forged credentials, and judge the answer."""
    exchange = probe.send(
        request,
        test=test,
        expectation=access.UNAUTHENTICATED,
        also=access.JUDGED_HERE,
        auth=header_of(probe, forgery),
        setup=(workload.created,),
    )
    exchange = dataclasses.replace(exchange, shell=forgery.shell)
    return exchange.with_deviations(*access.forged(exchange, forgery), *access.leaks(exchange, secrets_of(workload)))


def owner_read(probe: Probe, test: str, workload: Workload) -> Exchange:
    return probe.send(Request("read", path={"workloadId": workload.id}), test=test, also=frozenset({404}))


def ids(role: str) -> str:
    return role.replace("_", "-")


def forged(*roles: str) -> pytest.MarkDecorator:
    """Every forgery for each of ``roles``; ids such as ``read/tampered-signature``."""
    cases = [pytest.param(role, item, id=f"{ids(role)}/{item.id}") for role in roles for item in FORGERIES]
    return pytest.mark.parametrize(("role", "forgery"), cases)


@forged(*READS)
def test_forged_read(probe: Probe, test: str, role: str, forgery: Forgery) -> None:
    with READ.borrow(probe, test) as (workload, pod):
        probe.verify(forge(probe, test, forgery, request_for(role, workload, pod=pod), workload))


@forged("update")
def test_forged_update(probe: Probe, test: str, role: str, forgery: Forgery) -> None:
    """Each forgery carries a mark of its own, so all of them can share one workload."""
    mark = f"{MARK}_{forgery.id.upper().replace('-', '_')}"
    with SHARED.borrow(probe, test) as workload:
        exchange = forge(probe, test, forgery, request_for(role, workload, mark=mark), workload)
        after = owner_read(probe, test, workload)
        probe.verify(exchange.with_deviations(*access.side_effects(exchange, after, marks=[mark])), after)


@forged("delete")
def test_forged_delete(probe: Probe, test: str, role: str, forgery: Forgery) -> None:
    with private_workload(probe, test) as workload:
        exchange = forge(probe, test, forgery, request_for(role, workload), workload)
        after = owner_read(probe, test, workload)
        probe.verify(exchange.with_deviations(*access.side_effects(exchange, after)), after)


@forged("create")
def test_forged_create(probe: Probe, test: str, role: str, forgery: Forgery) -> None:
    name = probe.name()
    request = Request(role, body=probe.body(name=name))
    with probe.creating(
        request,
        test=test,
        expectation=access.UNAUTHENTICATED,
        also=access.JUDGED_HERE,
        auth=header_of(probe, forgery),
    ) as exchange:
        exchange = dataclasses.replace(exchange, shell=forgery.shell)
        probe.verify(
            exchange.with_deviations(*access.forged(exchange, forgery), *unwanted(probe, test, exchange, name))
        )


def unwanted(probe: Probe, test: str, refused: Exchange, name: str) -> Iterator[Deviation]:
    """What a refused creation created all the same; it is removed at once."""
    if refused.accepted:
        return
    found = probe.session.find_by_name(name) or []
    for entry in found:
        probe.delete(str(entry["id"]), test=test, setup=(refused,))
    yield from access.created(refused, found)


def need_outsider(probe: Probe, test: str) -> None:
    """Skip unless a second identity is set and the target knows it: a refusal of everybody says nothing."""
    if not probe.session.has_outsider:
        pytest.skip("no second identity is set (ASSAY_OUTSIDER_TOKEN, or its client id and secret)")
    nobody = Request("read", path={"workloadId": str(uuid.uuid4())})
    known = probe.send(nobody, test=test, expectation=access.FOREIGN, also=access.JUDGED_HERE, auth="outsider")
    if known.status == 401:
        pytest.skip("the second identity is refused everywhere (401), so its refusals say nothing about rights")


@pytest.mark.parametrize("role", [*READS, "update", "delete"], ids=lambda role: f"{ids(role)}/outsider")
def test_outsider(probe: Probe, test: str, role: str) -> None:
    need_outsider(probe, test)
    with private_workload(probe, test) as workload:
        pod = (first_pod(probe, workload.id) if role == "pod_metrics" else None) or str(uuid.uuid4())
        exchange = probe.send(
            request_for(role, workload, pod=pod),
            test=test,
            expectation=access.FOREIGN,
            also=access.JUDGED_HERE,
            auth="outsider",
            setup=(workload.created,),
        )
        after = owner_read(probe, test, workload)
        probe.verify(
            exchange.with_deviations(
                *access.foreign(exchange),
                *access.leaks(exchange, secrets_of(workload)),
                *access.side_effects(exchange, after, marks=[MARK]),
            ),
            after,
        )


@pytest.mark.parametrize("role", ["create"], ids=lambda role: f"{ids(role)}/outsider")
def test_outsider_create(probe: Probe, test: str, role: str) -> None:
    """Into a project in which the other identity has no right."""
    need_outsider(probe, test)
    name = probe.name()
    request = Request(role, body=probe.body(name=name))
    with probe.creating(
        request, test=test, expectation=access.FOREIGN, also=access.JUDGED_HERE, auth="outsider"
    ) as exchange:
        probe.verify(exchange.with_deviations(*access.foreign(exchange), *unwanted(probe, test, exchange, name)))
