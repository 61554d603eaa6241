"""A seventh operation is a row of the table, a path of the document and a handler: a gate then tests it by itself.

In a copy of the tree, so that nothing but these three can have been touched.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from assay import folders
from assay.contract.documents import DOCUMENT, version_folder
from assay.contract.operations import TABLE

pytestmark = pytest.mark.slow

ROOT: Final = Path(folders.__file__).resolve().parents[1]
COPIED: Final = ("assay", "openapi", "contract_tests", "load_tests", "reports/baselines")
BASE: Final = "/api/v1/workloads/inferences"
ROWS: Final = yaml.safe_load("""
revisions:
  method: get
  path: /workloads/inferences/{workloadId}/revisions
  kind: list
  needs: {workloadId: workload}
  gone: {404: the revisions end with their workload}
revision:
  method: get
  path: /workloads/inferences/revisions/{revisionId}
  kind: read
  needs: {revisionId: revision}
  gone: {404: a revision ends with its workload}
""")
HANDLERS: Final = '''"""Revisions: each workload has one."""

from assay.reference.handlers import finds, handles
from assay.reference.http import Refusal, Reply


def described(workload):
    return {"id": workload.id[::-1][:8] + workload.id[8:], "workloadId": workload.id}


@finds("revision")
def find(plane, admitted, wanted):
    for workload in plane.store.live(plane.now()):
        if described(workload)["id"] == wanted.lower():
            if not plane.identity.may(admitted.call.caller, workload.project.id):
                raise Refusal(403, "no permission")
            return workload
    raise Refusal(404, "there is no such revision")


@handles("revisions")
def revisions(plane, admitted):
    return Reply(200, {"revisions": [described(admitted.workload)]})


@handles("revision")
def revision(plane, admitted):
    return Reply(200, described(admitted.found["revision"]))
'''


def operation(name: str, parameter: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The document's part: answers as those of its other operations."""
    failures = {"400": "400BadRequest", "401": "401Unauthorized", "403": "403Forbidden", "404": "404NotFound"}
    return {
        "operationId": name,
        "parameters": [
            {"name": parameter, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        ],
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {"schema": schema}}},
            **{status: {"$ref": f"#/components/responses/{named}"} for status, named in failures.items()},
        },
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name)
    version = copy / version_folder().relative_to(ROOT)
    document = yaml.safe_load((version / DOCUMENT).read_text())
    uuid = {"type": "string", "format": "uuid"}
    one = {"type": "object", "required": ["id", "workloadId"], "properties": {"id": uuid, "workloadId": uuid}}
    several = {
        "type": "object",
        "required": ["revisions"],
        "properties": {"revisions": {"type": "array", "items": one}},
    }
    base = "/api/v1/workloads/inferences"
    document["paths"][f"{base}/{{workloadId}}/revisions"] = {
        "get": operation("list_revisions", "workloadId", several)
    }
    document["paths"][f"{base}/revisions/{{revisionId}}"] = {"get": operation("get_revision", "revisionId", one)}
    (version / DOCUMENT).write_text(yaml.safe_dump(document, sort_keys=False))
    table = yaml.safe_load((version / TABLE).read_text())
    table["operations"] |= ROWS
    table["resources"]["revision"] = {"operation": "revisions", "id": "/revisions/*/id"}
    (version / TABLE).write_text(yaml.safe_dump(table, sort_keys=False))
    (copy / "assay" / "reference" / "handlers" / "revisions.py").write_text(HANDLERS)
    return copy


def gate(tree: Path, *only: str) -> dict[str, Any]:
    """The verdict of a gate of the tree on its own embedded control plane."""
    out = tree / "out"
    command = [sys.executable, "-m", "assay", "gate", "--seed", "1", "--out", str(out)]
    done = subprocess.run(
        [*command, *(word for prefix in only for word in ("--only", prefix))],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "ASSAY_STATE_DIR": str(tree / "state")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    verdict: dict[str, Any] = json.loads((out / "verdict.json").read_text())
    return verdict


def test_a_gate_tests_it_and_passes(tree: Path) -> None:
    own = ("lifecycle/gone-revision", "robustness/revision", "schema/revision")
    verdict = gate(tree, "access", "lifecycle/gone", "schemathesis/coverage", *own)
    assert [finding for finding in verdict["findings"] if finding["class"] == "violation"] == []
    covered = verdict["coverage"]["operations"]
    assert {covered[name]["requests"] > 10 for name in ("list_revisions", "get_revision")} == {True}
    assert {covered[name]["2xx"] > 0 for name in ("list_revisions", "get_revision")} == {True}
    assert [item["what"][:18] for item in verdict["not_tested"] if "revision" in item["what"]] == [
        "everything outside"
    ]


def test_a_gate_finds_what_is_wrong_with_it(tree: Path) -> None:
    handlers = tree / "assay" / "reference" / "handlers" / "revisions.py"
    handlers.write_text(HANDLERS.replace('"workloadId": workload.id}', '"workloadId": 1}'))
    with pytest.raises(AssertionError, match="get_revision"):
        gate(tree, "schemathesis/coverage/get_revision")
