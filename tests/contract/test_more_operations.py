"""A version with more operations needs its table and its document, and no code."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from assay.checks.hostile_requests import methods, paths, queries, unwanted_bodies
from assay.contract.documents import CORRECTIONS, DOCUMENT, Contract, load, load_version, version_folder
from assay.contract.operations import TABLE, Kind
from assay.contract.oracle import Existing, Oracle
from assay.contract.request import Expectation, Outcome, Request
from assay.errors import ContractError
from assay.generation.cases import ACCEPT, NOWHERE, TargetIds
from assay.generation.schema_cases import schema_cases

pytestmark = pytest.mark.slow

WORKLOAD: Final = "6d8e0a4c-1f2b-4c3d-8e5f-000000000002"
REVISION: Final = "6d8e0a4c-1f2b-4c3d-8e5f-000000000003"
ROWS: Final = yaml.safe_load("""
revisions:
  {method: get, path: "/workloads/inferences/{workloadId}/revisions", kind: list, needs: {workloadId: workload}}
count_revisions:
  {method: get, path: "/workloads/inferences/{workloadId}/revisions/count", kind: read, needs: {workloadId: workload}}
revision:
  {method: get, path: "/workloads/inferences/revisions/{revisionId}", kind: read, needs: {revisionId: revision}}
""")
ORIGIN: Final = {"operation": "revisions", "id": "/revisions/*/id"}
PARAMETERS: Final = yaml.safe_load("""
- {name: deleted, in: query, schema: {type: boolean}}
- {name: offset, in: query, schema: {type: integer, format: int32}}
- {name: order, in: query, schema: {type: string, enum: [asc, desc]}}
- {name: limit, in: query, schema: {type: integer, format: int32, minimum: 1, maximum: 500}}
""")
ID: Final = {"in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def operation(name: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    answer = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": name,
        "parameters": list(parameters),
        "responses": {"200": {"description": "Done.", "content": answer}, "404": {"description": "Not found."}},
    }


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    """The shipped version with the operations on revisions added to its document and to its table."""
    folder = tmp_path_factory.mktemp("openapi") / "2.24"
    folder.mkdir()
    shutil.copy(version_folder() / CORRECTIONS, folder)
    document = copy.deepcopy(dict(load().published))
    base, workload = "/api/v1/workloads/inferences", {"name": "workloadId", **ID}
    document["paths"] |= {
        f"{base}/{{workloadId}}/revisions": {"get": operation("list_revisions", workload, *PARAMETERS)},
        f"{base}/{{workloadId}}/revisions/count": {"get": operation("count_revisions", workload, PARAMETERS[0])},
        f"{base}/revisions/{{revisionId}}": {"get": operation("get_revision", {"name": "revisionId", **ID})},
    }
    (folder / DOCUMENT).write_text(yaml.safe_dump(document, sort_keys=False))
    table = yaml.safe_load((version_folder() / TABLE).read_text())
    table["operations"] |= ROWS
    table["resources"]["revision"] = ORIGIN
    (folder / TABLE).write_text(yaml.safe_dump(table, sort_keys=False))
    return load_version(folder)


@pytest.fixture(scope="module")
def oracle(contract: Contract) -> Oracle:
    return Oracle(contract)


def test_the_operations_are_there_and_the_four_on_a_workload_stay_single(contract: Contract) -> None:
    assert {"revisions", "count_revisions", "revision"} < set(contract.operations)
    assert [found.name for found in contract.of_kind(Kind.LIST)] == ["revisions"]
    assert contract.reading.name == "read"
    assert contract.operations["revision"].subject == "revision"


def test_a_revision_ends_with_its_workload(contract: Contract) -> None:
    assert {found.name for found in contract.needing("workload")} == set(contract.operations) - {"create"}
    assert [found.name for found in contract.needing("revision")] == ["revision"]
    assert contract.resources["revision"].ids_in({"revisions": [{"id": REVISION}]}) == [REVISION]


@pytest.mark.parametrize("make", [paths, methods, queries, unwanted_bodies])
def test_they_get_hostile_cases_and_the_others_keep_theirs(
    contract: Contract, make: Callable[[Contract], Iterable[Any]]
) -> None:
    before, now = ([(case.operation.name, case.hostile.id) for case in make(each)] for each in (load(), contract))
    assert [case for case in now if "revision" not in case[0]] == before
    assert {name for name, _ in now} - {name for name, _ in before} == {"revisions", "count_revisions", "revision"}
    assert len(now) == len(set(now))


def test_an_odd_id_stands_where_the_id_belongs(contract: Contract) -> None:
    found = {case.hostile.id: case for case in paths(contract)}
    base = "/api/v1/workloads/inferences"
    assert found["path-revision-encoded-nul"].target(REVISION) == f"{base}/revisions/%00"
    assert found["path-revision-encoded-nul"].hostile.what == "an id of an encoded NUL behind revisions"
    assert found["path-revisions-capitals"].target(WORKLOAD) == f"{base}/{WORKLOAD.upper()}/revisions"
    assert found["path-count-revisions-word-null"].target(WORKLOAD) == f"{base}/null/revisions/count"


def test_the_oracle_judges_them(contract: Contract, oracle: Oracle) -> None:
    known = Existing.of(workload=[WORKLOAD], revision=[REVISION])
    listed, one = contract.operations["revisions"], contract.operations["revision"]
    assert oracle.expect(listed.request(workload=WORKLOAD), existing=known) == Expectation(Outcome.ACCEPT)
    assert oracle.expect(one.request(revision=REVISION), existing=known) == Expectation(Outcome.ACCEPT)
    unknown = oracle.expect(one.request(revision=WORKLOAD), existing=known)
    assert (unknown.outcome, [(reason.id, reason.location) for reason in unknown.reasons]) == (
        Outcome.REJECT,
        [("unknown-revision", "/path/revisionId")],
    )
    unsaid = oracle.expect(one.request(revision=WORKLOAD), existing=Existing.of(workload=[]))
    assert unsaid.outcome is Outcome.ACCEPT


@pytest.mark.parametrize(
    ("name", "value", "outcome", "reason"),
    [
        ("deleted", "true", "accept", None),
        ("deleted", "false", "accept", None),
        *[("deleted", value, "open", "spelling") for value in ("True", "1", "no")],
        ("deleted", "", "open", "empty-parameter"),
        *[("deleted", value, "reject", "type") for value in ("maybe", "2", "null")],
        ("offset", "0", "accept", None),
        ("offset", "2147483647", "accept", None),
        ("offset", "-1", "open", "negative-number"),
        ("offset", "2147483648", "reject", "format"),
        ("offset", "-2147483649", "reject", "format"),
        ("order", "desc", "accept", None),
        ("order", "DESC", "open", "spelling"),
        ("order", "down", "reject", "enum"),
        ("limit", "501", "reject", "maximum"),
        ("limit", "0", "reject", "minimum"),
    ],
)
def test_their_parameters_are_judged(oracle: Oracle, name: str, value: str, outcome: str, reason: str | None) -> None:
    request = oracle.contract.operations["revisions"].request(workload=WORKLOAD, query=((name, value),))
    expectation = oracle.expect(request)
    assert (expectation.outcome, {(item.id, item.location) for item in expectation.reasons}) == (
        outcome,
        {(reason, f"/query/{name}")} if reason else set(),
    )


@pytest.mark.parametrize("name", ["revisions", "count_revisions", "revision"])
def test_their_cases_are_planned_and_built(oracle: Oracle, name: str) -> None:
    found = schema_cases(oracle, name)
    assert found.excluded == ()
    assert {case.side for case in found.cases} >= {"reject"}
    ids = TargetIds("1", NOWHERE, {"workload": WORKLOAD, "revision": REVISION})
    for case in found.cases:
        request = case.build(oracle.contract.operations[name], ids, "assay-1")
        assert oracle.expect(request).outcome is case.outcome, case.id
    if name == "revisions":
        accepted = {case.id for case in found.cases if case.side == ACCEPT}
        assert {f"schema/{name}/query.deleted/type/accept-{value}" for value in ("true", "false")} < accepted


def test_a_plain_request_to_each_operation_is_accepted(contract: Contract, oracle: Oracle) -> None:
    ids = {"workload": WORKLOAD, "pod": REVISION, "revision": REVISION}
    for found in (*contract.of_kind(Kind.READ), *contract.of_kind(Kind.LIST)):
        assert oracle.expect(found.request(ids)) == Expectation(Outcome.ACCEPT)
    assert contract.reading.request(ids) == Request("read", {"workloadId": WORKLOAD})


def test_a_row_that_the_document_lacks_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "2.24"
    shutil.copytree(version_folder(), folder)
    table = yaml.safe_load((folder / TABLE).read_text())
    table["operations"] |= ROWS
    table["resources"]["revision"] = ORIGIN
    (folder / TABLE).write_text(yaml.safe_dump(table, sort_keys=False))
    with pytest.raises(ContractError, match="lacks the inference operations revisions, count_revisions, revision"):
        load_version(folder)
