"""Cases: from Schemathesis to a Request and back, coverage chosen by the seed, bodies repaired until valid."""

from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from schemathesis import GenerationMode

from assay.checks.fuzzing.case_sender import to_request
from assay.checks.fuzzing.fitting import Fitter, repair
from assay.checks.fuzzing.schemathesis_internals import AnyCase
from assay.checks.fuzzing.source import CaseSource, spread
from assay.checks.target import PLAIN_SPEC
from assay.client.exchange import to_wire
from assay.clock import utc
from assay.contract import documents
from assay.contract.oracle import Oracle
from assay.contract.request import ABSENT, Outcome, Request

pytestmark = pytest.mark.slow

CONTRACT = documents.load()
ORACLE = Oracle(CONTRACT)
SOURCE = CaseSource(CONTRACT)
PROJECT, CLUSTER = "1", "8f1c2b7e-52d4-4a53-9c0e-6d2f3b9a4e10"
IDS = {"workload": "11111111-2222-4333-8444-555555555555"}


@cache
def creations() -> list[AnyCase]:
    """All coverage cases of a creation; they take 2 s of generating."""
    return SOURCE.coverage("create", None, 1)[0]


def drawn(strategy: st.SearchStrategy[AnyCase], count: int) -> list[AnyCase]:
    cases: list[AnyCase] = []

    @seeded(7)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(case: AnyCase) -> None:
        cases.append(case)

    collect()
    return cases


@pytest.mark.parametrize("role", list(CONTRACT.operations))
def test_a_request_goes_out_as_schemathesis_would_send_it(role: str) -> None:
    for case in drawn(SOURCE.fuzzing(role), 10):
        theirs = requests.Request(**case.as_transport_kwargs(base_url="http://target.invalid")).prepare()
        ours = to_wire(CONTRACT, to_request(case, role))
        parts, expected = urlsplit(ours.target), urlsplit(str(theirs.url))
        assert unquote(parts.path) == unquote(expected.path)
        assert unquote(parts.query) == unquote(expected.query.replace("+", "%20"))
        if isinstance(case.body, bytes):
            assert ours.content == theirs.body
        assert (ours.content is None) == (theirs.body is None)


def test_a_list_is_one_query_pair() -> None:
    queries = [dict(to_request(case, "metrics").query) for case in drawn(SOURCE.fuzzing("metrics"), 15)]
    assert any("," in query.get("metricType", "") for query in queries)


def test_a_content_type_without_content_is_sent_as_a_header() -> None:
    cases, _ = SOURCE.coverage("read", None, 1)
    found = [to_request(case, "read") for case in cases]
    assert any(("content-type", "multipart/form-data") in request.headers for request in found)
    assert all(request.body is ABSENT and request.raw is None for request in found)


@pytest.mark.parametrize("role", ["read", "delete", "metrics"])
def test_neither_tokens_nor_undeclared_methods_are_generated(role: str) -> None:
    cases, _ = SOURCE.coverage(role, None, 1)
    assert {case.method for case in cases} == {CONTRACT.operations[role].method}
    assert not any("authorization" in {name.lower() for name in case.headers} for case in cases)


def test_coverage_takes_every_kind_first_and_others_with_another_seed() -> None:
    everything = creations()
    assert len(everything) > 1000
    some, again, other = (spread(everything, 24, seed) for seed in (1, 1, 2))
    assert scenarios(some) == scenarios(everything)
    assert [case.body for case in some] == [case.body for case in again] != [case.body for case in other]


def scenarios(cases: list[AnyCase]) -> set[str]:
    return {case.meta.phase.data.scenario for case in cases if case.meta}  # type: ignore[union-attr]


@pytest.mark.parametrize("role", ["create", "update"])
def test_some_bodies_break_the_schema_and_the_others_are_repaired_and_keep_what_is_good(role: str) -> None:
    fitter = Fitter(CONTRACT, PROJECT, CLUSTER, lambda: "assay-1", frugal=False, now=utc)
    cases = drawn(SOURCE.fuzzing(role), 40)
    valid = [case for case in cases if case.meta and case.meta.generation.mode is GenerationMode.POSITIVE]
    assert len(cases) // 3 < len(valid) < len(cases)
    requests = [fitter.fit(to_request(case, role), IDS) for case in valid if isinstance(case.body, dict)]
    repaired = [repair(ORACLE, request, PLAIN_SPEC, before=PLAIN_SPEC) for request in requests]
    before, after = accepted(requests), accepted(repaired)
    assert len(after) == len(repaired) > len(before)
    # Nearly all updates that Schemathesis draws name nothing; creations have what is worth keeping.
    assert role == "update" or any(len(body["spec"]) > 2 for body in after)


def accepted(requests: list[Request]) -> list[Any]:
    """The bodies that the oracle accepts."""
    return [item.body for item in requests if ORACLE.expect(item, PLAIN_SPEC).outcome is Outcome.ACCEPT]


def test_a_sound_body_is_not_touched() -> None:
    body = {"name": "a", "projectId": "1", "clusterId": CLUSTER, "spec": {**PLAIN_SPEC, "command": "run"}}
    request = Request("create", body=body)
    assert repair(ORACLE, request, PLAIN_SPEC).body == body


def test_what_cannot_be_repaired_comes_back_as_it_was() -> None:
    for request in (Request("create", body=[1]), Request("create", body={"name": 5, "spec": {}})):
        assert repair(ORACLE, request, PLAIN_SPEC) == request


def test_links_lead_from_creation_to_metrics_and_from_deletion_on() -> None:
    rules = " ".join(dir(SOURCE.state_machine()))
    assert "create_metrics" in rules
    assert "delete_read" in rules
    assert "links" not in str(CONTRACT.document["paths"])
