"""`assay cleanup` begins with the questions of `assay doctor` that need no place, and creates nothing."""

from __future__ import annotations

import pytest

from assay.client.ledger import Ledger
from tests.cli.conftest import Assay
from tests.client.plane import PROJECT, SECRET, Plane
from tests.client.servers import Reply, always, serving

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
