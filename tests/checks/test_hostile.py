"""Robustness checks, both ways: any lawful refusal passes, every failure is named after what provoked it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from assay.checks.exchange import Deviation, Exchange
from assay.checks.hostile import INJECTED, OPEN, Hostile, blame
from assay.checks.hostile_bodies import BODIES, CORE, RARE, BodyCase, HostileBody, creations, updates
from assay.checks.hostile_requests import HEADERS, methods, paths, queries, unwanted_bodies
from assay.client.exchange import Answer, Kind, NoAnswer
from assay.contract import documents
from assay.contract.oracle import Oracle
from assay.contract.request import Outcome, Request
from assay.findings.model import Class
from assay.reference.behaviour import Behaviour
from assay.reference.variants import VARIANTS
from contract_tests import test_robustness as contract
from tests.checks.stage import InProcess, Stage, Tamper, stage

pytestmark = pytest.mark.slow

__all__ = ["stage"]

Make = Callable[..., Stage]
CONTRACT = documents.load()
CREATIONS, UPDATES = creations(CONTRACT), updates(CONTRACT)
PATHS, METHODS, QUERIES = tuple(paths(CONTRACT)), tuple(methods(CONTRACT)), tuple(queries(CONTRACT))
UNWANTED_BODIES = tuple(unwanted_bodies(CONTRACT))
ERROR = {"content-type": "application/json"}
TABLES: tuple[tuple[Callable[..., None], Sequence[Any]], ...] = (
    (contract.test_create, CREATIONS),
    (contract.test_update, UPDATES),
    (contract.test_path, PATHS),
    (contract.test_method, METHODS),
    (contract.test_query, QUERIES),
    (contract.test_headers, HEADERS),
    (contract.test_unwanted_body, UNWANTED_BODIES),
)


def error(status: int) -> Answer:
    return Answer(status, ERROR, json.dumps({"code": status, "message": "no"}).encode())


def creation(name: str) -> BodyCase:
    return next(case for case in CREATIONS if case.hostile.id == name)


def update(name: str) -> BodyCase:
    return next(case for case in UPDATES if case.hostile.id == name)


def is_plain_read(method: str, target: str) -> bool:
    plain = len(target) < 80 and "?" not in target and "%" not in target
    return method == "GET" and (plain or target.startswith("/api/v1/workloads?"))


def sabotage(change: Callable[[Answer], Answer | NoAnswer | None], *, success: bool = False) -> Tamper:
    """Changes the answer to everything that is neither a plain read nor (unless ``success``) accepted."""

    def tamper(_: InProcess, method: str, target: str, answer: Answer) -> Answer | NoAnswer | None:
        if is_plain_read(method, target) or (answer.status < 300 and not success):
            return None
        return change(answer)

    return tamper


def run_all(on: Stage, *, large: bool) -> dict[str, set[str]]:
    """Every case that is (not) large; {case id: checks of violations} for those with any."""
    found: dict[str, set[str]] = {}
    with contract.SHARED.acquire(on.target, "test"):
        for function, cases in TABLES:
            for case in cases:
                if case.hostile.large is large and (checks := on.run(function, case)):
                    found.setdefault(case.hostile.id, set()).update(checks)
    return found


def test_ids_are_unique_and_chosen_ones_exist() -> None:
    ids = [case.hostile.id for _, cases in TABLES[1:] for case in cases] + [case.hostile.id for case in BODIES]
    own = {case.hostile.id for case in BODIES}
    assert len(own) == len(BODIES)
    assert {case for case in ids if ids.count(case) > 2} == set()
    assert own > CORE
    assert own > RARE
    assert not CORE & RARE


def test_the_reference_passes_everything(stage: Make) -> None:
    lawful = stage()
    assert run_all(lawful, large=False) == {}
    assert lawful.live() == []


def test_a_workload_that_shows_late_is_waited_for(stage: Make) -> None:
    lawful = stage(VARIANTS["creations-show-late"].change(Behaviour()))
    assert lawful.run(contract.test_path, PATHS[0]) == set()
    assert lawful.live() == []


@pytest.mark.parametrize(
    "lawful",
    [
        sabotage(lambda _: Answer(400, {"content-type": "text/html"}, b"<h1>400</h1>")),
        sabotage(lambda answer: Answer(415, {}, b"") if answer.status == 400 else None),
        sabotage(lambda answer: error(422) if answer.status == 400 else None),
    ],
    ids=["proxy-page", "415", "422"],
)
def test_refusals_before_the_api_are_lawful_for_http_cases(stage: Make, lawful: Tamper) -> None:
    """What a proxy says to odd paths, headers, types and queries is not the API's; bodies the API itself answers."""
    on = stage(tamper=lawful)
    with contract.SHARED.acquire(on.target, "test"):
        for function, cases in TABLES:
            for case in cases:
                if case.hostile.http:
                    assert on.run(function, case) == set(), case.hostile.id


def test_a_server_that_cuts_large_requests_off_is_lawful(stage: Make) -> None:
    def cut(transport: InProcess, _: str, target: str, __: Answer) -> NoAnswer | None:
        _, _, headers, content = transport.sent[-1]
        size = len(content) + len(target) + sum(len(name) + len(value) for name, value in headers.items())
        return NoAnswer("reset", "connection reset by peer") if size > 3_500 else None

    on = stage(tamper=cut)
    assert run_all(on, large=True) == {}
    assert "hostile-megabyte-string-cut-off" in on.journaled(Class.GAP)


FAILURES: dict[str, tuple[Callable[[Answer], Answer | NoAnswer], str]] = {
    "500": (lambda _: error(500), ""),
    "502 without a body": (lambda _: Answer(502), ""),
    "hang": (lambda _: NoAnswer("timeout", "time ran out"), ""),
    "garbage": (lambda _: NoAnswer("protocol", "not HTTP"), ""),
}


@pytest.mark.parametrize("name", FAILURES)
def test_every_failure_is_named_after_its_case(stage: Make, name: str) -> None:
    broken = stage(tamper=sabotage(FAILURES[name][0], success=True))
    # Failing deletions, creations and the set-up itself are other tests' business: cases that need no workload.
    for case in CREATIONS:
        assert f"hostile-{case.hostile.id}" in broken.run(contract.test_create, case)


def only(*, fail: Callable[[str, str, bytes], bool], answer: Answer | NoAnswer) -> Tamper:
    def tamper(transport: InProcess, method: str, target: str, _: Answer) -> Answer | NoAnswer | None:
        return answer if fail(method, target, transport.sent[-1][3]) else None

    return tamper


CULPRITS: dict[str, tuple[Callable[..., None], Any, Callable[[str, str, bytes], bool]]] = {
    "hostile-nul-escape": (contract.test_update, update("nul-escape"), lambda _, __, sent: b"\\u0000" in sent),
    "hostile-nan": (contract.test_create, creation("nan"), lambda _, __, sent: b"NaN" in sent),
    "hostile-arrays-1000-deep": (
        contract.test_create,
        creation("arrays-1000-deep"),
        lambda _, __, sent: b"[" * 1000 in sent,
    ),
    "hostile-path-encoded-nul": (contract.test_path, PATHS[0], lambda _, target, __: target.endswith("%00")),
    "hostile-query-bad-escape": (contract.test_query, QUERIES[0], lambda _, target, __: "%zz" in target),
    "hostile-method-metrics-delete": (
        contract.test_method,
        next(case for case in METHODS if case.hostile.id == "method-metrics-delete"),
        lambda method, target, _: method == "DELETE" and target.endswith("/metrics"),
    ),
    "hostile-body-on-read-garbage": (
        contract.test_unwanted_body,
        next(case for case in UNWANTED_BODIES if case.hostile.id == "body-on-read-garbage"),
        lambda method, _, sent: method == "GET" and sent.startswith(b"\x00"),
    ),
}


@pytest.mark.parametrize("answer", [error(500), NoAnswer("timeout", "time ran out")], ids=["500", "hang"])
@pytest.mark.parametrize("check", CULPRITS)
def test_one_weak_place_gives_one_finding(stage: Make, check: str, answer: Answer | NoAnswer) -> None:
    function, case, fails = CULPRITS[check]
    broken = stage(tamper=only(fail=fails, answer=answer))
    assert broken.run(function, case) == {check}
    assert broken.live() == []


def header_case(name: str) -> Any:
    return next(case for case in HEADERS if case.hostile.id == name)


def test_a_weak_header_reader_is_caught(stage: Make) -> None:
    def tamper(transport: InProcess, *_: object) -> Answer | None:
        return error(500) if "traceparent" in transport.sent[-1][2] else None

    assert stage(tamper=tamper).run(contract.test_headers, header_case("header-traceparent")) == {
        "hostile-header-traceparent"
    }


@pytest.mark.parametrize(
    "answer",
    [NoAnswer("reset", "closed"), Answer(400, {"content-type": "text/plain"}, b"Bad Request"), error(500)],
    ids=["reset", "desynchronised", "500"],
)
@pytest.mark.parametrize(
    ("function", "case"),
    [(contract.test_update, update("half")), (contract.test_create, creation("binary"))],
    ids=["half", "binary"],
)
def test_a_connection_that_breaks_afterwards_is_caught(
    stage: Make, function: Callable[..., None], case: BodyCase, answer: Answer | NoAnswer
) -> None:
    broken_at: list[int] = []

    def tamper(transport: InProcess, method: str, target: str, _: Answer) -> Answer | NoAnswer | None:
        content = transport.sent[-1][3]
        if content.startswith(b"\x00") or (content and not content.endswith(b"}")):
            broken_at.append(len(transport.sent))
        return answer if broken_at and len(transport.sent) == broken_at[-1] + 1 else None

    assert stage(tamper=tamper).run(function, case) == {f"hostile-{case.hostile.id}-next-request"}


@pytest.mark.parametrize("answer", [NoAnswer("reset", "closed"), Answer(502)], ids=["reset", "502"])
def test_what_breaks_once_is_of_the_way(stage: Make, answer: Answer | NoAnswer) -> None:
    reads: list[str] = []

    def tamper(_: InProcess, method: str, target: str, __: Answer) -> Answer | NoAnswer | None:
        reads.extend([target] if is_plain_read(method, target) and "filterBy" not in target else [])
        return answer if len(reads) == 1 and method == "GET" else None

    on = stage(tamper=tamper)
    assert on.run(contract.test_create, creation("binary")) == set()
    assert on.target.session.disturbances.kinds.total() == 1


class TestLeniency:
    """Taking what is no JSON: a gap where RFC 8259 leaves it to the reader, a violation where nothing was said."""

    @staticmethod
    def accepting(_: Answer) -> Answer:
        return Answer(202, ERROR, b"{}")

    def test_a_body_that_says_nothing_must_be_refused(self, stage: Make) -> None:
        broken = stage(tamper=sabotage(self.accepting))
        for name in ("truncated", "empty", "white-space", "word", "binary"):
            assert broken.run(contract.test_create, creation(name)) & {f"hostile-{name}", "schema-enforced"}

    def test_a_generous_reader_leaves_a_gap(self, stage: Make) -> None:
        broken = stage(tamper=sabotage(self.accepting))
        for name in ("trailing-garbage", "nan", "invalid-utf8"):
            assert broken.run(contract.test_create, creation(name)) == {
                "body-schema"
            }  # the {} of the sabotage itself
            assert f"hostile-{name}-accepted" in broken.journaled(Class.GAP)

    def test_a_reader_may_ignore_a_byte_order_mark(self, stage: Make) -> None:
        broken = stage(tamper=sabotage(self.accepting))
        broken.run(contract.test_create, creation("bom"))
        assert "hostile-bom-accepted" not in broken.journaled(Class.GAP)


@pytest.mark.parametrize(("status", "kept"), [(417, 0), (409, 1)])
def test_an_expectation_that_nobody_can_meet_may_be_told_so(status: int, kept: int) -> None:
    undocumented = Deviation(Class.GAP, "status-documented", str(status), "/response/status", "", "")
    exchange = Exchange(Request("read"), OPEN, Answer(status), (undocumented,), "test")
    assert len(blame(exchange, header_case("header-expect").hostile, "get_inference").deviations) == kept


def test_an_injected_header_is_caught(stage: Make) -> None:
    def tamper(_: InProcess, __: str, target: str, answer: Answer) -> Answer | None:
        return Answer(answer.status, {**answer.headers, INJECTED: "yes"}, answer.body) if "%0d%0a" in target else None

    broken = stage(tamper=tamper)
    for function, table in ((contract.test_path, PATHS), (contract.test_query, QUERIES)):
        [case] = [case for case in table if "line-break" in case.hostile.id]
        assert broken.run(function, case) == {"hostile-header-injection"}


def test_another_workload_under_an_odd_path_is_caught(stage: Make) -> None:
    def tamper(transport: InProcess, method: str, target: str, answer: Answer) -> Answer | None:
        if method != "GET" or "%7b" not in target:
            return None
        return Answer(200, ERROR, json.dumps({"workloadId": "00000000-0000-4000-8000-000000000001"}).encode())

    [case] = [case for case in PATHS if case.hostile.id == "path-braces"]
    assert stage(tamper=tamper).run(contract.test_path, case) == {"hostile-path-other-workload"}


def test_an_id_may_be_read_by_other_code_before_metrics(stage: Make) -> None:
    fails = only(fail=lambda _, target, __: "%00/metrics?" in target, answer=error(500))
    found = {case.hostile.id: stage(tamper=fails).run(contract.test_path, case) for case in PATHS[-6:]}
    assert {name: checks for name, checks in found.items() if checks} == {
        "path-metrics-encoded-nul": {"hostile-path-metrics-encoded-nul"}
    }


def test_white_space_is_no_body_to_some_readers_of_updates(stage: Make) -> None:
    accepting = only(
        fail=lambda method, _, sent: method in {"PATCH", "POST"} and sent.isspace(),
        answer=Answer(202, ERROR, b"{}"),
    )
    shapeless = {"body-schema"}  # of the answer {}
    assert stage(tamper=accepting).run(contract.test_update, update("white-space")) == shapeless
    assert stage(tamper=accepting).run(contract.test_create, creation("white-space")) == {
        *shapeless,
        "schema-enforced",
    }


def test_a_method_in_small_letters_is_of_the_operation_that_it_nearly_is() -> None:
    """A server that takes "get" for GET and fails there fails in reading, which is one finding and not two."""
    nearest = {case.hostile.id: case.operation.id for case in METHODS if case.method == "get"}
    assert nearest["method-item-lower-case-get"] == CONTRACT.reading.id


def test_501_is_lawful_for_methods_and_a_success_is_a_gap(stage: Make) -> None:
    put = next(case for case in METHODS if case.hostile.id == "method-item-put")
    for answer in (Answer(501), Answer(200)):
        on = stage(tamper=only(fail=lambda method, _, __: method == "PUT", answer=answer))
        assert on.run(contract.test_method, put) == set()
        assert ("hostile-method-accepted" in on.journaled(Class.GAP)) == (answer.status == 200)


def test_503_is_never_a_finding(stage: Make) -> None:
    on = stage(tamper=only(fail=lambda method, _, __: method == "PATCH", answer=Answer(503)))
    assert on.run(contract.test_update, update("nul-byte")) == set()


CREATE = {"name": "assay-x", "projectId": "1", "clusterId": "71f69d83-ba66-4822-adf5-55ce55efd210", "spec": {}}


def test_no_case_expects_an_acceptance_without_a_valid_body() -> None:
    """What the oracle would accept holds JSON; and every creation keeps the name under which it is looked for."""
    oracle = Oracle(CONTRACT)
    for case in (*CREATIONS, *UPDATES):
        request = case.request(CREATE, {"workload": "x"})
        if case.expectation(oracle, request).outcome is Outcome.ACCEPT:
            assert json.loads(request.raw or b"") == request.body
        if case in CREATIONS:
            assert isinstance(request.body, dict)
            assert str(request.body["name"]).startswith("assay-x")


@pytest.mark.parametrize(
    ("kind", "large", "cls"),
    [("reset", True, Class.GAP), ("reset", False, Class.VIOLATION), ("timeout", True, Class.VIOLATION)],
)
def test_a_cut_is_only_forgiven_where_much_is_sent(stage: Make, kind: Kind, large: bool, cls: Class) -> None:
    probe = HostileBody(Hostile("probe", "a probe", large=large), lambda meant: json.dumps(dict(meant)).encode())
    case = BodyCase(probe, CONTRACT.updating)
    on = stage(tamper=only(fail=lambda method, _, __: method == "PATCH", answer=NoAnswer(kind, "cut")))
    found = on.run(contract.test_update, case)
    assert found == ({"hostile-probe"} if cls is Class.VIOLATION else set())
