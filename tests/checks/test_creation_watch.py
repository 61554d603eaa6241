"""Creations that have begun to be refused end a run with one cause, and accuse nobody; a defect is told from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from assay.checks.exchange import ContractBreachError
from assay.checks.target import CannotCreateError
from assay.client.exchange import Answer
from assay.contract.request import Request
from assay.errors import TargetLostError
from assay.findings.record import Record, TestOutcome
from tests.checks.stage import InProcess, Stage, stage

__all__ = ["stage"]  # the fixture

Make = Callable[..., Stage]
Tamper = Callable[[InProcess, str, str, Answer], Answer | None]
LOWER = " (lower --max-live, or have the project's quota raised)"
CREATE = "/api/v1/workloads/inferences"


def refusing(status: int, message: str, *, after: int = 2, creations_only: bool = True, named: str = "") -> Tamper:
    """After so many creations every creation (every request) is refused; ``named``: of these names alone."""
    seen = 0

    def tamper(transport: InProcess, method: str, target: str, _: Answer) -> Answer | None:
        nonlocal seen
        is_creation = method == "POST" and target == CREATE
        seen += is_creation
        body = json.loads(transport.sent[-1][3] or b"{}") if is_creation else {}
        if named and named not in body.get("name", ""):
            return None
        if seen <= after or (creations_only and not is_creation):
            return None
        error = {"code": status, "message": message.format(seen=seen)}
        return Answer(status, {"content-type": "application/json"}, json.dumps(error).encode())

    return tamper


def create_until_the_end(made: Stage, most: int = 20) -> tuple[int, str]:
    """Create as tests do until the run ends; how often, and why it ended ("": it did not)."""
    for number in range(1, most + 1):
        try:
            with made.target.workload(f"test-{number}"):
                pass
        except TargetLostError as error:
            made.target.recorder.run_is_over(error)
            return number, error.message
        except ContractBreachError as breach:
            made.target.recorder.write(*breach.findings)
        except CannotCreateError:
            pass
    return most, ""


def record_of(made: Stage) -> Record:
    return Record.of({"t": kind, **event} for kind, event in made.journal._written)


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (403, "You do not have sufficient permissions.", "with 403: You do not have sufficient permissions."),
        (
            400,
            "quota exceeded: {seen} of 10 devices",
            "with 400: quota exceeded: of devices" + LOWER,
        ),
    ],
)
def test_creations_that_are_all_refused_end_the_run(stage: Make, status: int, message: str, words: str) -> None:
    made = stage(tamper=refusing(status, message))
    number, why = create_until_the_end(made)
    assert number == 5  # two are accepted, two are refused and judged, and the third refusal asks for a plain one
    assert "every creation is refused, a plain one too," in why
    assert why.endswith(words)
    assert [event["what"] for event in made.journal.of("problem")] == [why]
    assert len(made.findings()) >= 2
    record = record_of(made)
    assert record.findings == {}
    assert record.problems == [why]
    with pytest.raises(TargetLostError, match="every creation is refused"):
        made.target.send(Request("read", {"workloadId": "0"}), test="later")


def test_a_status_that_answers_everything_is_named_so(stage: Make) -> None:
    for status in (200, 302, 403, 500):
        made = stage(tamper=refusing(status, "no", creations_only=False))
        number, why = create_until_the_end(made)
        assert number == 5
        assert f"every request is answered with {status}: no" in why
        assert record_of(made).findings == {}


@pytest.mark.parametrize(("status", "named"), [(204, ""), (500, ""), (400, "assay-t-w-")])
def test_a_defect_is_judged(stage: Make, status: int, named: str) -> None:
    """A failure of creations alone is the target's, and a plain workload may have another name than ours."""
    made = stage(tamper=refusing(status, "oops", named=named))
    if named:
        made.target._sender._watch._plain = lambda: made.target.body(name="plain")
    number, why = create_until_the_end(made)
    assert (number, why) == (20, "")
    judged = {finding.check for finding in record_of(made).findings.values()}
    assert judged & {"accepts-valid", "server-error", "status-documented"}


def test_asking_for_a_plain_workload_becomes_rare(stage: Make) -> None:
    made = stage(tamper=refusing(400, "oops", named="assay-t-w-"))
    asked: list[str] = []

    def plain() -> dict[str, Any]:
        asked.append("once more")
        return made.target.body(name=f"plain-{len(asked)}")

    made.target._sender._watch._plain = plain
    create_until_the_end(made, 50)
    assert len(asked) == 4  # after 3, 6, 12 and 24 refusals in a row
    assert not any(name.startswith("plain") for name in made.live())


def test_what_a_withdrawn_cause_broke_is_not_tested(stage: Make) -> None:
    made = stage(tamper=refusing(403, "no"))
    _, why = create_until_the_end(made)
    refused = next(event for event in made.findings() if event["kind"] == "accepts-valid")
    made.journal.write("test", id=refused["test"], outcome="failed", seconds=0.1)
    made.journal.write("test", id="a", outcome="error", message="CannotCreateError: not created: 403 x")
    made.journal.write("test", id="b", outcome="error", message="KeyError: 403")
    made.journal.write("test", id="c", outcome="passed")
    record = record_of(made)
    outcomes = {name: test.outcome for name, test in record.tests.items()}
    assert outcomes == {
        refused["test"]: TestOutcome.SKIPPED,
        "a": TestOutcome.SKIPPED,
        "b": TestOutcome.ERROR,
        "c": TestOutcome.PASSED,
    }
    assert record.tests["a"].message == why
