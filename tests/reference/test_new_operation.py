"""A new operation is a row of the table, a path of the document and one handler module; nothing else is touched."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay.contract import documents
from assay.contract.documents import Contract
from assay.errors import ContractError
from assay.reference import handlers
from assay.reference.app import App
from assay.reference.behaviour import Behaviour
from assay.reference.defects import catalogue
from tests.reference.harness import COLLECTION, NOWHERE, OUTSIDER, RESEARCHER, Harness, assert_error

ROWS = """
operations:
  revisions:
    method: get
    path: /workloads/inferences/{workloadId}/revisions
    kind: list
    needs: {workloadId: workload}
  count_revisions:
    method: get
    path: /workloads/inferences/{workloadId}/revisions/count
    kind: list
    needs: {workloadId: workload}
  revision:
    method: get
    path: /workloads/inferences/revisions/{revisionId}
    kind: read
    needs: {revisionId: revision}
resources:
  revision: {operation: revisions, id: /revisions/*/id}
"""
SCHEMA = """
type: object
required: [id, number]
properties:
  id: {type: string, format: uuid}
  number: {type: integer, format: int32, minimum: 0}
"""
HANDLERS = '''
"""Revisions of a workload."""

import uuid

from assay.reference.handlers import finds, handles
from assay.reference.http import Refusal, Reply


def revisions_of(plane, workload):
    return [
        {"id": str(uuid.uuid5(uuid.UUID(workload.id), str(item.number))), "number": item.number}
        for item in plane.lifecycle.revisions(workload)
    ]


@finds("revision")
def find_revision(plane, admitted, revision_id):
    for workload in plane.store.live(plane.now()):
        for revision in revisions_of(plane, workload):
            if revision["id"] == revision_id.lower():
                plane.permitted_workload(admitted.operation, workload.id, admitted.call.caller)
                return revision
    raise Refusal(404, f"there is no revision {revision_id[:60]}")


@handles("get_inference_workload_revisions")  # by operationId
def revisions(plane, admitted):
    found = revisions_of(plane, admitted.workload)
    return Reply(200, {"revisions": found[-1:] if admitted.query["latest"] else found})


@handles("count_revisions")  # by the name of the row
def count(plane, admitted):
    return Reply(200, {"count": len(revisions_of(plane, admitted.workload))})


@handles("revision")
def revision(plane, admitted):
    return Reply(200, admitted.found["revision"])
'''


def described(operation_id: str, parameters: list[Any], schema: Any, *, optional: bool = False) -> dict[str, Any]:
    """A GET operation of the document, answered with ``schema``."""
    error = {
        "description": "Error",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    success = {"description": "OK", "content": {"application/json": {"schema": schema}}}
    refusals = {str(status): error for status in (401, 403, 404)}
    return {
        "operationId": operation_id,
        "parameters": parameters,
        "responses": {"200": success, **refusals, **({"400": error} if optional else {})},
    }


def path_id(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    """The shipped contract and three operations on revisions."""
    folder = tmp_path_factory.mktemp("openapi") / documents.VERSION
    shutil.copytree(documents.version_folder(), folder)
    table = folder / "operations.yaml"
    rows, more = yaml.safe_load(table.read_text()), yaml.safe_load(ROWS)
    table.write_text(yaml.safe_dump({key: {**rows[key], **more[key]} for key in rows}, sort_keys=False))
    document = yaml.safe_load((folder / documents.DOCUMENT).read_text())
    latest = {"name": "latest", "in": "query", "required": False, "schema": {"type": "boolean", "default": False}}
    one = yaml.safe_load(SCHEMA)
    many = {"type": "object", "required": ["revisions"], "properties": {"revisions": {"type": "array", "items": one}}}
    number = {"type": "object", "required": ["count"], "properties": {"count": {"type": "integer"}}}
    workload, revision = path_id("workloadId"), path_id("revisionId")
    listing = described("get_inference_workload_revisions", [workload, latest], many, optional=True)
    document["paths"] |= {
        f"{COLLECTION}/{{workloadId}}/revisions": {"get": listing},
        f"{COLLECTION}/{{workloadId}}/revisions/count": {"get": described("count_revisions", [workload], number)},
        f"{COLLECTION}/revisions/{{revisionId}}": {"get": described("get_revision", [revision], one)},
    }
    (folder / documents.DOCUMENT).write_text(yaml.safe_dump(document, sort_keys=False))
    return documents.load_version(folder)


@pytest.fixture
def handled(contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contract:
    """The same, and one module that handles the three operations."""
    (tmp_path / "revisions.py").write_text(HANDLERS)
    monkeypatch.setattr(handlers, "__path__", [*handlers.__path__, str(tmp_path)])
    for known in (handlers._HANDLERS, handlers._FINDERS):
        for name in (*contract.operations, *contract.resources):
            if name in known:
                monkeypatch.setitem(known, name, known[name])
    monkeypatch.delitem(sys.modules, "assay.reference.handlers.revisions", raising=False)
    return contract


def test_an_operation_without_a_handler_is_named_at_the_start(contract: Contract) -> None:
    with pytest.raises(ContractError, match="no handler for revisions") as raised:
        App(Behaviour().build(contract, lambda: 0.0))
    assert "assay/reference/handlers" in (raised.value.hint or "")


def test_the_operations_are_served(handled: Contract) -> None:
    harness = Harness(handled)
    path = harness.running(spec={"image": "x"})
    harness.send("PATCH", path, {"spec": {"image": "y"}})
    listed = harness.send("GET", f"{path}/revisions").json["revisions"]
    assert [item["number"] for item in listed] == [0, 1]
    assert harness.send("GET", f"{path}/revisions/count").json == {"count": 2}
    assert harness.send("GET", f"{path}/revisions?latest=true").json == {"revisions": listed[1:]}
    assert harness.send("GET", f"{COLLECTION}/revisions/{listed[1]['id']}").json == listed[1]
    assert harness.send("GET", path).json["spec"] == {"image": "y"}


def test_what_is_common_to_operations_is_done_for_them(handled: Contract) -> None:
    harness = Harness(handled)
    path = harness.running()
    revision = f"{COLLECTION}/revisions/{harness.send('GET', f'{path}/revisions').json['revisions'][0]['id']}"
    for target in (f"{path}/revisions", f"{path}/revisions/count", revision):
        assert_error(harness.send("GET", target, token=None), 401)
        assert_error(harness.send("GET", target, token=OUTSIDER), 403)
        assert_error(harness.send("PUT", target), 405)
    for target in (f"{COLLECTION}/{NOWHERE}/revisions", f"{COLLECTION}/revisions/{NOWHERE}", f"{path}/revisions/x"):
        assert_error(harness.send("GET", target), 404)
    assert_error(harness.send("GET", f"{COLLECTION}/no-uuid/revisions"), 400)
    assert_error(harness.send("GET", f"{path}/revisions?latest=perhaps"), 400)
    harness.send("DELETE", path)
    harness.now += 10
    for target in (f"{path}/revisions", revision):
        assert_error(harness.send("GET", target), 404)


DEFECTS: list[tuple[str, str, str | None, int, int]] = [
    ("identity/revision/no-token", f"{COLLECTION}/revisions/%s", None, 401, 200),
    ("response-status/count_revisions/200-204", "%s/revisions/count", RESEARCHER, 200, 204),
    ("response-status/revisions/401-400", "%s/revisions", None, 401, 400),
    ("crash/revision/path.unknown", f"{COLLECTION}/revisions/{NOWHERE}", RESEARCHER, 404, 500),
]


@pytest.mark.parametrize(("defect", "target", "token", "right", "wrong"), DEFECTS, ids=[row[0] for row in DEFECTS])
def test_it_has_the_defects_that_every_operation_has(
    handled: Contract, defect: str, target: str, token: str | None, right: int, wrong: int
) -> None:
    for harness, status in ((Harness(handled), right), (Harness(handled, defect=defect), wrong)):
        path = harness.running()
        one = harness.send("GET", f"{path}/revisions").json["revisions"][0]["id"]
        where = target.replace("%s", one if "revisions/%s" in target else path)
        assert harness.send("GET", where, token=token).status == status


def test_no_defect_of_the_shipped_operations_has_another_name(contract: Contract) -> None:
    before, after = catalogue(documents.load()), catalogue(contract)
    assert before.keys() <= after.keys()
    new = {defect.operation for name, defect in after.items() if name not in before}
    assert new == {"revisions", "count_revisions", "revision"}
