"""The answer to a creation: names, place, id, times and spec, judged against what was asked for."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from assay.checks.echo import CreatedChecks, moment, server_time, spec_echo
from assay.checks.run_state import RunState
from assay.client.exchange import Answer
from assay.clock import VirtualClock
from assay.findings.model import Class

ID = "71f69d83-ba66-4822-adf5-55ce55efd210"
DATE = "Mon, 01 Jun 2026 12:00:00 GMT"
SENT: dict[str, Any] = {"name": "a", "projectId": "1", "clusterId": ID, "spec": {"image": "i"}}
GOT: dict[str, Any] = {
    "name": "a",
    "requestedName": "a",
    "workloadId": ID,
    "projectId": "1",
    "clusterId": ID,
    "createdAt": "2026-06-01T12:00:01Z",
    "desiredPhase": "Running",
    "deletedAt": None,
    "spec": {"image": "i"},
}


def found(got: dict[str, Any], sent: dict[str, Any] = SENT, date: str | None = DATE) -> list[tuple[str, str]]:
    answer = Answer(202, {"date": date} if date else {}, json.dumps(got).encode())
    return [(one.check, one.location) for one in CreatedChecks(RunState()).judge(sent, got, answer)]


def got(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**GOT, **changes}.items() if value is not ...}


PREFIXED = {**SENT, "useGivenNameAsPrefix": True}
LAWFUL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as-sent": (GOT, SENT),
    "ids-in-capitals": (got(clusterId=ID.upper()), SENT),
    "deleted-at-absent": (got(deletedAt=...), SENT),
    "stopped": (got(desiredPhase="Stopped"), SENT),
    "with-a-suffix": (got(name="a-x7k2p"), PREFIXED),
    "suffix-without-a-hyphen": (got(name="ax7"), PREFIXED),
    "not-prefixed": (GOT, {**SENT, "useGivenNameAsPrefix": False}),
    "prefix-null": (GOT, {**SENT, "useGivenNameAsPrefix": None}),
    "clock-four-minutes-off": (got(createdAt="2026-06-01T12:04:00Z"), SENT),
    "another-zone": (got(createdAt="2026-06-01T17:30:00+05:30"), SENT),
    "nanoseconds": (got(createdAt="2026-06-01T12:00:00.123456789Z"), SENT),
    "broken-fields-are-the-schema's": (got(name=7, workloadId=None, createdAt=5), SENT),
    "spec-of-no-object-is-the-schema's": (GOT, {**SENT, "spec": 7}),
}
UNLAWFUL: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = {
    "other-name": (got(name="b"), SENT, [("name-as-given", "name")]),
    "name-cut": (got(name=""), SENT, [("name-as-given", "name")]),
    "suffix-unasked": (got(name="a-x7"), SENT, [("name-as-given", "name")]),
    "other-requested-name": (got(requestedName="b"), SENT, [("requested-name", "requestedName")]),
    "requested-name-with-suffix": (
        got(name="a-x7", requestedName="a-x7"),
        PREFIXED,
        [("requested-name", "requestedName")],
    ),
    "suffix-missing": (GOT, PREFIXED, [("name-prefix", "name")]),
    "suffix-first": (got(name="x7-a"), PREFIXED, [("name-prefix", "name")]),
    "other-project": (got(projectId="2"), SENT, [("create-place", "projectId")]),
    "other-cluster": (got(clusterId=ID.replace("7", "8")), SENT, [("create-place", "clusterId")]),
    "born-deleted": (got(desiredPhase="Deleted"), SENT, [("create-phase", "desiredPhase")]),
    "created-yesterday": (got(createdAt="2026-05-31T12:00:00Z"), SENT, [("created-at", "createdAt")]),
    "created-tomorrow": (got(createdAt="2026-06-02T12:00:00Z"), SENT, [("created-at", "createdAt")]),
    "local-time-called-utc": (got(createdAt="2026-06-01T17:30:00Z"), SENT, [("created-at", "createdAt")]),
    "deleted-already": (got(deletedAt="2026-06-01T12:00:00Z"), SENT, [("deleted-at", "deletedAt")]),
    "spec-changed": (got(spec={"image": "j"}), SENT, [("create-echo", "spec/image")]),
}


@pytest.mark.parametrize(("answered", "sent"), LAWFUL.values(), ids=LAWFUL)
def test_lawful(answered: dict[str, Any], sent: dict[str, Any]) -> None:
    assert found(answered, sent) == []


@pytest.mark.parametrize(("answered", "sent", "wanted"), UNLAWFUL.values(), ids=UNLAWFUL)
def test_unlawful(answered: dict[str, Any], sent: dict[str, Any], wanted: list[tuple[str, str]]) -> None:
    places = [(check, location.rsplit("/body/", 1)[1]) for check, location in found(answered, sent)]
    assert places == wanted


@pytest.mark.parametrize("spec", [..., None])
def test_an_answer_without_the_spec_is_a_gap(spec: Any) -> None:
    answered = got(spec=spec)
    (deviation,) = CreatedChecks(RunState()).judge(SENT, answered, Answer(202, {"date": DATE}))
    assert (deviation.check, deviation.cls) == ("create-echo", Class.GAP)


def test_the_step_is_named() -> None:
    (deviation,) = spec_echo({"image": "i"}, {"spec": {}}, "update")
    assert (deviation.check, deviation.location) == ("update-echo", "/response/body/spec/image")


def test_one_id_for_two_workloads() -> None:
    checks = CreatedChecks(RunState())
    answer = Answer(202, {"date": DATE})
    assert list(checks.judge(SENT, GOT, answer)) == []
    again = [one.check for one in checks.judge(SENT, got(workloadId=ID.upper()), answer)]
    assert again == ["id-unique"]
    assert list(checks.judge(SENT, got(workloadId=ID.replace("7", "8")), answer)) == []


def test_of_parallel_creations_with_one_id_exactly_one_is_the_first() -> None:
    checks = CreatedChecks(RunState())
    answer = Answer(202, {"date": DATE})
    with ThreadPoolExecutor(8) as pool:
        judged = list(pool.map(lambda _: list(checks.judge(SENT, GOT, answer)), range(40)))
    assert sorted(len(each) for each in judged) == [0] + [1] * 39


@pytest.mark.parametrize(
    ("text", "moment_"),
    [
        ("2026-06-01T12:00:00Z", datetime(2026, 6, 1, 12, tzinfo=UTC)),
        ("2026-06-01t12:00:00z", datetime(2026, 6, 1, 12, tzinfo=UTC)),
        ("2026-06-01T17:30:00+05:30", datetime(2026, 6, 1, 12, tzinfo=UTC)),
        ("2026-06-01T12:00:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1780315200, None),
    ],
)
def test_moment(text: Any, moment_: datetime | None) -> None:
    assert moment(text) == moment_


def test_a_creation_time_is_wrong_when_it_is_far_from_the_targets_clock_and_from_ours() -> None:
    """Our machine may be an hour off, and so may the gateway that writes the Date."""
    here = VirtualClock(datetime(2026, 6, 1, 13, tzinfo=UTC).timestamp())
    checks = CreatedChecks(RunState(), here)

    def judged(created: str) -> list[str]:
        answered = {**got(createdAt=created), "workloadId": created}
        return [one.check for one in checks.judge(SENT, answered, Answer(202, {"date": DATE}))]

    assert judged("2026-06-01T12:00:00Z") == judged("2026-06-01T13:00:00Z") == []
    assert judged("2026-06-01T14:00:00Z") == ["created-at"]


@pytest.mark.parametrize("date", ["nonsense", "", None])
def test_without_a_usable_date_our_own_clock_counts(date: str | None) -> None:
    answer = Answer(202, {} if date is None else {"date": date})
    clock = VirtualClock()
    assert server_time(answer, clock) == datetime.fromtimestamp(clock.now, UTC)
    assert list(CreatedChecks(RunState()).judge(SENT, got(createdAt="2020-01-01T00:00:00Z"), answer)) == []
    assert server_time(Answer(202, {"date": DATE}), clock) == datetime(2026, 6, 1, 12, tzinfo=UTC)
