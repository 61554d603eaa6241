"""The operations table: rows, kinds, resources, and the requests that are built from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.contract import documents
from assay.contract.documents import Contract
from assay.contract.operations import Kind, Resource, read_table
from assay.contract.request import Request
from assay.errors import ContractError


@pytest.fixture(scope="module")
def contract() -> Contract:
    return documents.load()


def test_the_four_operations_on_a_workload_are_found_by_kind(contract: Contract) -> None:
    four = (contract.creation, contract.reading, contract.updating, contract.deletion)
    assert [operation.id for operation in four] == [
        "create_inference1",
        "get_inference",
        "update_inference_spec",
        "delete_inference",
    ]
    assert [operation.name for operation in contract.of_kind(Kind.MEASURE)] == ["metrics", "pod_metrics"]
    assert contract.of_kind(Kind.LIST) == ()


def test_a_request_names_the_resources_that_the_path_needs(contract: Contract) -> None:
    asked = contract.operations["pod_metrics"].request(workload="w", pod="p", query=(("start", "s"),))
    assert asked == Request("pod_metrics", {"workloadId": "w", "podId": "p"}, (("start", "s"),))
    assert contract.reading.request(workload="w", pod="left out") == Request("read", {"workloadId": "w"})
    assert contract.creation.request(body={"name": "x"}) == Request("create", {}, body={"name": "x"})


def test_a_request_without_an_id_that_the_path_needs_is_an_error(contract: Contract) -> None:
    with pytest.raises(ContractError, match="pod_metrics needs the id of a pod"):
        contract.operations["pod_metrics"].request(workload="w")


def test_a_deleted_workload_ends_every_operation_but_the_creation(contract: Contract) -> None:
    assert [operation.name for operation in contract.needing("workload")] == [
        name for name in contract.operations if name != "create"
    ]
    assert [operation.name for operation in contract.needing("pod")] == ["pod_metrics"]


def test_ids_are_found_in_answers() -> None:
    pods = Resource("pod", id="/pods/*/id", path="/pods")
    assert pods.ids_in({"pods": [{"id": "1"}, {"name": "no id"}, {"id": "2"}]}) == ["1", "2"]
    assert pods.ids_in({"pods": None}) == pods.ids_in([]) == pods.ids_in(None) == []
    assert Resource("workload", id="/workloadId", operation="create").ids_in({"workloadId": "w"}) == ["w"]


def test_parameters_may_be_called_otherwise_in_a_document(contract: Contract) -> None:
    row = contract.operations["pod_metrics"].row
    path = "/v2/workloads/inferences/{id}/pods/{pod}/metrics"
    assert row.is_at("GET", path)
    assert row.needs_at(path) == {"id": "workload", "pod": "pod"}


def test_lawful_statuses_stand_in_the_table_with_their_reasons(contract: Contract) -> None:
    rows = {name: operation.row for name, operation in contract.operations.items()}
    assert {name: set(row.also) for name, row in rows.items() if row.also} == {
        "update": {409},
        "metrics": {404},
        "pod_metrics": {404},
    }
    assert {name: set(row.gone) for name, row in rows.items() if row.gone} == {
        "read": {404, 410},
        "delete": {404, 409, 410},
    }
    assert all(reason for row in rows.values() for reason in (*row.also.values(), *row.gone.values()))


ROW = "{method: get, path: '/w/{id}', kind: read, needs: {id: w}}"
ORIGIN = "{operation: one, id: /id}"


@pytest.mark.parametrize(
    ("row", "origin", "problem"),
    [
        ("{method: get, path: '/w/{id}', kind: read}", ORIGIN, "'one': needs does not say which resource {id} names"),
        (ROW.replace("id: w", "id: v"), ORIGIN, "'one': there is no resource 'v'"),
        (ROW.replace("kind: read", "kind: read, writes: v"), ORIGIN, "'one': there is no resource 'v'"),
        (ROW.replace("kind: read", "kind: reed"), ORIGIN, "'reed' is not a valid Kind"),
        (ROW.replace("kind: read", "kind: read, need: {}"), ORIGIN, "'one' has no column 'need'"),
        (ROW, "{operation: two, id: /id}", "'w': there is no operation 'two'"),
        (ROW, "{id: /id}", "'w' comes either from an operation or from a path"),
        (ROW, "{operation: one, path: /w, id: /id}", "'w' comes either from an operation or from a path"),
    ],
)
def test_a_mistake_in_a_table_is_named(tmp_path: Path, row: str, origin: str, problem: str) -> None:
    file = tmp_path / "operations.yaml"
    file.write_text(f"operations: {{one: {ROW}}}\nresources: {{w: {ORIGIN}}}\n")
    assert list(read_table(file).rows) == ["one"]
    file.write_text(f"operations: {{one: {row}}}\nresources: {{w: {origin}}}\n")
    with pytest.raises(ContractError) as caught:
        read_table(file)
    assert problem in caught.value.message
    assert str(file) in caught.value.message


def test_a_table_that_is_none_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "operations.yaml"
    file.write_text("operations: {create: {method: post}}")
    with pytest.raises(ContractError, match=r"operations\.yaml is no table of operations"):
        read_table(file)
