"""What the suite uses of Schemathesis's inside is where it was: fails first when an upgrade moves it."""

from __future__ import annotations

from assay.checks.fuzzing import schemathesis_internals
from assay.checks.fuzzing.case_sender import to_response
from assay.checks.fuzzing.source import CaseSource
from assay.client.exchange import Answer
from assay.contract import documents

SOURCE = CaseSource(documents.load())


def test_a_case_knows_how_it_was_made() -> None:
    cases, total = SOURCE.coverage("read", None, 1)
    assert len(cases) == total > 0
    assert {schemathesis_internals.is_valid(case) for case in cases} == {True, False}
    assert all(schemathesis_internals.kind_of(case).count(" ") >= 2 for case in cases)


def test_examples_are_made_where_the_document_has_none() -> None:
    assert SOURCE.examples("create")


def test_a_machine_can_begin_with_one_operation_only() -> None:
    base, label = SOURCE.state_machine(), SOURCE.label("create")
    attributes = schemathesis_internals.only_beginning_with(base, label)
    assert len(base.root_rules) > 1
    assert attributes["root_rules"] == {next(iter(attributes["root_rules"]))} < base.root_rules  # type: ignore[call-overload]
    assert attributes["_root_labels"] == {label}
    assert hasattr(base, "_root_labels")


def test_checks_run_by_name() -> None:
    case = SOURCE.examples("read")[0]
    answer = to_response(Answer(500, {"content-type": "application/json"}, b"{}"), case)
    found = schemathesis_internals.failures_of(case, answer, ["not_a_server_error"])
    assert [name for name, _ in found] == ["not_a_server_error"]
    assert "not_a_server_error" in schemathesis_internals.registered_checks()
