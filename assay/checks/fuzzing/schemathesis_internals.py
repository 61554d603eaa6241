"""The parts of Schemathesis that its documentation does not offer for use from outside, all of them.

Written against Schemathesis 4.32; ``tests/checks/test_schemathesis_internals.py`` fails first where an upgrade moves
something.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import CHECKS, CheckContext, CheckFunction, load_all_checks, run_checks
from schemathesis.config import ChecksConfig
from schemathesis.core.failures import Failure
from schemathesis.generation.drivers import ExamplesGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.meta import CoveragePhaseData
from schemathesis.generation.overrides import Override
from schemathesis.generation.stateful import APIStateMachine
from schemathesis.generation.stateful.state_machine import normalize_name
from schemathesis.openapi.checks import JsonSchemaError
from schemathesis.schemas import APIOperation, BaseSchema

AnyCase: TypeAlias = Case[Any]
"""A case of whatever operation."""

AnyOperation: TypeAlias = APIOperation[Any, Any, Any, Any]

__all__ = ["APIStateMachine", "AnyCase", "AnyOperation", "Failure", "JsonSchemaError"]


def examples(operation: AnyOperation) -> list[AnyCase]:
    """The document's examples; one generated case when it has none."""
    return list(ExamplesGenerator(operation=operation, override=Override(), feedback=NO_FEEDBACK, fill_missing=True))


def coverage_cases(schema: BaseSchema, operation: AnyOperation) -> list[AnyCase]:
    """All coverage cases of an operation, those that break the schema too."""
    configured = schema.config.generation_for(operation=operation, phase="coverage")
    return list(
        schema.iter_coverage_cases(operation, generation_modes=list(GenerationMode), generation_config=configured)
    )


def is_valid(case: AnyCase) -> bool:
    """Whether Schemathesis made the case to keep the schema."""
    meta = case.meta
    return meta is None or meta.generation.mode.is_positive


def kind_of(case: AnyCase) -> str:
    """What a coverage case is about: its mode, scenario and where its parameter stands; "" for any other case."""
    meta = case.meta
    if meta is None or not isinstance(meta.phase.data, CoveragePhaseData):
        return ""
    return f"{meta.generation.mode.value} {meta.phase.data.scenario.value} {meta.phase.data.parameter_location}"


def only_beginning_with(base: type[APIStateMachine], label: str) -> dict[str, object]:
    """Attributes of a subclass of a state machine in which every scenario begins with the operation ``label``.

    Schemathesis doubts that a creation with a projectId that nothing produces can succeed, so it also begins with
    reads and updates of random ids. Here the project is known, and random ids are the fuzzing phase's.
    """
    begins = normalize_name(f"RANDOM -> {label}")
    if begins not in base.root_rules:
        return {}
    hidden: dict[str, object] = dict.fromkeys(base.root_rules - {begins})
    return {**hidden, "root_rules": frozenset({begins}), "_root_labels": frozenset({label})}


def registered_checks() -> frozenset[str]:
    """The names of all checks that the installed Schemathesis brings."""
    load_all_checks()
    return frozenset(CHECKS.get_all_names())


def failures_of(case: AnyCase, response: Response, names: list[str]) -> list[tuple[str, Failure]]:
    """What the checks of these names find in an answer, each with the name of the check."""
    load_all_checks()
    checks: list[CheckFunction] = [CHECKS.get_one(name) for name in names]  # type: ignore[misc]
    context = CheckContext(
        override=None,
        auth=None,
        headers=None,
        config=ChecksConfig(),
        transport_kwargs=None,
        response_checks=None,
    )
    failures: list[tuple[str, Failure]] = []

    def failed(name: str, _collected: set[Failure], failure: Failure) -> None:
        failures.append((name, failure))

    run_checks(case=case, response=response, ctx=context, checks=checks, on_failure=failed)
    return failures
