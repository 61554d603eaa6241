"""Versions: each with documents, operations and rules of its own, several in one process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import yaml

from assay.contract.documents import VERSION, Contract, load, load_version, shipped, version_folder
from assay.contract.operations import TABLE
from assay.contract.oracle import Oracle
from assay.contract.request import Outcome, Request
from assay.contract.rules import catalogue, compute
from assay.contract.rules.base import Rule, between, since
from assay.errors import UsageError

LATER: Final = "2.30"
GONE: Final = "compute/portion-between-zero-and-one"
BREACH: Final = {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 2}


def create(contract: Contract) -> Request:
    spec = {"image": "registry.example/echo:1.0", "compute": BREACH}
    head = {"name": "a", "projectId": "1", "clusterId": "6d1c0f3e-8b7a-4c55-9a61-0f2d3c4b5a69"}
    return contract.creation.request(body={**head, "spec": spec})


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Contract]:
    """A later version: one operation less, and without the sentence of one rule."""
    load()  # which is kept: made now, it has the rules of its own version, whatever was loaded before this test
    folder = tmp_path / LATER
    shutil.copytree(version_folder(), folder)
    table = yaml.safe_load((folder / TABLE).read_text())
    del table["operations"]["pod_metrics"], table["resources"]["pod"]
    (folder / TABLE).write_text(yaml.safe_dump(table, sort_keys=False))
    monkeypatch.setattr(compute, "RULES", tuple(until_2_29(rule) for rule in compute.RULES))
    catalogue.catalogue.cache_clear()
    yield load_version(folder)
    catalogue.catalogue.cache_clear()


def until_2_29(rule: Rule) -> Rule:
    return replace(rule, versions=between("2.22", "2.29")) if rule.id == GONE else rule


def test_two_versions_live_beside_each_other(later: Contract) -> None:
    earlier = load_version(version_folder())
    assert (earlier.edition, later.edition) == (VERSION, LATER)
    assert set(earlier.operations) - set(later.operations) == {"pod_metrics"}
    assert set(earlier.resources) - set(later.resources) == {"pod"}
    assert {rule.id for rule in earlier.rules} - {rule.id for rule in later.rules} == {GONE}
    assert earlier.rule(GONE).id == GONE
    with pytest.raises(UsageError, match=GONE):
        later.rule(GONE)


def test_each_oracle_knows_the_rules_of_its_version(later: Contract) -> None:
    expected = Oracle(load()).expect(create(load()))
    assert (expected.outcome, [reason.id for reason in expected.reasons]) == (Outcome.REJECT, [GONE])
    assert Oracle(later).expect(create(later)).outcome is Outcome.ACCEPT
    assert Oracle(load()).expect(create(load())) == expected


def test_a_document_of_the_users_own_is_held_to_its_version_where_that_is_shipped(tmp_path: Path) -> None:
    text = load().source.read_text()
    for number, version in enumerate((VERSION, "latest", "../../etc")):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text.replace("version: '2.22'", f"version: {version!r}"))
        mine = load(file)
        assert (mine.version, mine.edition) == (version, VERSION)
        assert mine.rules == load().rules


def test_ranges_of_versions() -> None:
    assert [version in since("2.22") for version in ("2.9", "2.21", "2.22", "2.100", "3.0")] == [
        *(False, False),
        *(True, True, True),
    ]
    assert [version in between("2.9", "2.22") for version in ("2.8", "2.9", "2.21", "2.22", "2.23")] == [
        False,
        *(True, True, True),
        False,
    ]


def test_what_is_shipped() -> None:
    assert VERSION in shipped()
