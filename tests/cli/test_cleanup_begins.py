"""`assay cleanup` begins with the questions of `assay doctor` that need no place, and creates nothing."""

from __future__ import annotations

import pytest

from assay.client.ledger import Ledger
from tests.cli.conftest import Assay
from tests.client.plane import OUTSIDER_SECRET, PROJECT, SECRET, Plane
from tests.client.servers import Reply, Seen, always, error, serving

pytestmark = pytest.mark.slow


def left(base_url: str, plane: Plane) -> None:
    """What a killed run leaves: one workload, on record."""
    workload = plane.store({"name": "assay-t-1", "projectId": PROJECT})
    ledger = Ledger.open("run-1", base_url, project=PROJECT, mark="assay-t")
    ledger.intend("assay-t-1")
    ledger.created("assay-t-1", workload["workloadId"])
    ledger.close()


def test_a_refused_secret_is_told_as_doctor_tells_it(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    plane = Plane()
    monkeypatch.setenv("ASSAY_CLIENT_ID", "researcher")
    with serving(plane) as server:
        left(server.base_url, plane)
        monkeypatch.setenv("ASSAY_CLIENT_SECRET", "wrong")
        said = assay("cleanup", "--base-url", server.base_url, "--yes")
        assert said.code == 2
        assert "refused the credentials" in said.err
        assert len(plane.workloads) == 1
        monkeypatch.setenv("ASSAY_CLIENT_SECRET", SECRET)
        said = assay("cleanup", "--base-url", server.base_url, "--yes")
        assert (said.code, plane.workloads) == (0, {})
        assert "1 deleted, 0 left behind" in said.out
        assert server.count("POST", "/api/v1/workloads") == 0


def test_what_is_no_api_is_not_asked_to_delete(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_TOKEN", "token-of-the-tests")
    page = Reply(200, raw=b"<html><title>Shop</title>", headers={"Content-Type": "text/html"})
    with serving(always(page)) as shop:
        left(shop.base_url, Plane())
        said = assay("cleanup", "--base-url", shop.base_url, "--yes")
        assert said.code == 3
        assert "not a Run:ai API" in said.err
        assert shop.count("DELETE") == 0


def test_what_is_hidden_from_an_identity_without_rights_is_not_taken_for_gone(
    assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = Plane()
    route = plane.route

    def hiding(seen: Seen, path: str, caller: str) -> Reply:
        hidden = caller == "outsider" and path.rpartition("/")[2] in plane.workloads
        return error(404, "Resource id not found.") if hidden else route(seen, path, caller)

    plane.route = hiding  # type: ignore[method-assign]
    monkeypatch.setenv("ASSAY_CLIENT_ID", "outsider")
    monkeypatch.setenv("ASSAY_CLIENT_SECRET", OUTSIDER_SECRET)
    with serving(plane) as server:
        left(server.base_url, plane)
        said = assay("cleanup", "--base-url", server.base_url, "--yes")
        assert said.code == 2
        assert f"project {PROJECT} may not be used with these credentials (403" in said.err
        assert len(server.seen) <= 5
        assert len(plane.workloads) == 1
        monkeypatch.setenv("ASSAY_CLIENT_ID", "researcher")
        monkeypatch.setenv("ASSAY_CLIENT_SECRET", SECRET)
        plane.workloads.clear()
        said = assay("cleanup", "--base-url", server.base_url, "--yes")
        assert said.code == 0
        assert "1 gone, 0 deleted, 0 left behind" in said.out
