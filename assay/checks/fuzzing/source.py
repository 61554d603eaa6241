"""What Schemathesis generates for an operation: examples, coverage cases, strategies, and the state machine."""

from __future__ import annotations

import copy
import random
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.drivers import ExamplesGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.meta import CoveragePhaseData
from schemathesis.generation.overrides import Override
from schemathesis.generation.stateful import APIStateMachine
from schemathesis.schemas import APIOperation, BaseSchema

from assay.checks.fuzzing.translate import AnyCase
from assay.contract.documents import Contract
from assay.contract.request import Json, Role

# Two draws of three are valid by the schema: what gets past the door tells more than one more 400.
_MODES: Final = (GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


class CaseSource:
    """Schemathesis on the corrected contract. Safe to share between threads, as Schemathesis's own workers do."""

    def __init__(self, contract: Contract) -> None:
        # The default configuration, not a discovered one: a schemathesis.toml lying about must not change a verdict.
        config = SchemathesisConfig()
        self._schema = schemathesis.openapi.from_dict(_with_links(contract), config=config)
        # Tokens are the client's; how a missing or a forged one is met, the access tests judge.
        self._schema.config.generation.with_security_parameters = False
        # Undeclared methods are for the robustness tests (see ``treatment``).
        self._schema.config.phases.coverage.unexpected_methods = set()
        self._operations: dict[Role, APIOperation[Any, Any, Any, Any]] = {
            role: self._schema[operation.path][operation.method] for role, operation in contract.operations.items()
        }
        self._roles = {(item.method, item.path): role for role, item in contract.operations.items()}

    @property
    def schema(self) -> BaseSchema:
        return self._schema

    def role(self, case: AnyCase) -> Role:
        """The role of the operation that a case belongs to."""
        return self._roles[case.operation.method.upper(), case.operation.path]

    def examples(self, role: Role) -> list[AnyCase]:
        """The document's examples; one generated case when it has none."""
        generator = ExamplesGenerator(
            operation=self._operations[role], override=Override(), feedback=NO_FEEDBACK, fill_missing=True
        )
        return list(generator)

    def coverage(self, role: Role, limit: int | None, seed: int) -> tuple[list[AnyCase], int]:
        """At most ``limit`` of the operation's coverage cases, and how many there are.

        The choice takes every kind of case in turn, and within a kind by ``seed``, so that runs with different
        seeds cover them all.
        """
        operation = self._operations[role]
        configured = self._schema.config.generation_for(operation=operation, phase="coverage")
        cases = list(
            self._schema.iter_coverage_cases(
                operation, generation_modes=list(GenerationMode), generation_config=configured
            )
        )
        return _spread(cases, limit, random.Random(seed)), len(cases)

    def fuzzing(self, role: Role) -> st.SearchStrategy[AnyCase]:
        """Cases that keep the schema and cases that break it, two to one."""
        operation = self._operations[role]
        if role is Role.DELETE:
            # All that can be broken is the id, and a deletion only goes to ids that are known (see ``fitting``).
            return operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        modes = {mode: operation.as_strategy(generation_mode=mode) for mode in GenerationMode}
        return st.sampled_from(_MODES).flatmap(modes.__getitem__)

    def state_machine(self) -> type[APIStateMachine]:
        """A fresh state machine class over the linked operations."""
        return self._schema.as_state_machine()


def _spread(cases: list[AnyCase], limit: int | None, rng: random.Random) -> list[AnyCase]:
    kinds: dict[str, list[AnyCase]] = defaultdict(list)
    for case in cases:
        kinds[_kind(case)].append(case)
    for group in kinds.values():
        rng.shuffle(group)
    chosen: list[AnyCase] = []
    groups: Iterable[list[AnyCase]] = kinds.values()
    while groups := [group for group in groups if group]:
        chosen += [group.pop() for group in groups]
    return chosen if limit is None else chosen[:limit]


def _kind(case: AnyCase) -> str:
    meta = case.meta
    if meta is None or not isinstance(meta.phase.data, CoveragePhaseData):
        return ""
    return f"{meta.generation.mode.value} {meta.phase.data.scenario.value} {meta.phase.data.parameter_location}"


def _with_links(contract: Contract) -> dict[str, Json]:
    """A copy of the document with links that Schemathesis does not infer.

    It infers create -> read, update, delete from the ids' names. It does not see that the metrics belong to the
    workload, nor that a deleted workload's id is worth sending again.
    """
    document = copy.deepcopy(dict(contract.document))
    created = {"workloadId": "$response.body#/workloadId"}
    deleted = {"workloadId": "$request.path.workloadId"}
    _link(document, contract, Role.CREATE, {"MetricsOfCreated": (Role.METRICS, created)})
    _link(
        document,
        contract,
        Role.DELETE,
        {
            "ReadDeleted": (Role.READ, deleted),
            "UpdateDeleted": (Role.UPDATE, deleted),
            "DeleteAgain": (Role.DELETE, deleted),
        },
    )
    return document


def _link(
    document: dict[str, Json], contract: Contract, source: Role, links: dict[str, tuple[Role, dict[str, str]]]
) -> None:
    operation = contract.operations[source]
    responses = document["paths"][operation.path][operation.method.lower()]["responses"]
    for status, response in responses.items():
        if str(status).startswith("2"):
            # A shared response ($ref) is copied, so that the links belong to this operation alone.
            own = copy.deepcopy(dict(contract.at(response["$ref"]) if "$ref" in response else response))
            own["links"] = {
                name: {"operationRef": _reference(contract, target), "parameters": parameters}
                for name, (target, parameters) in links.items()
            }
            responses[status] = own


def _reference(contract: Contract, role: Role) -> str:
    operation = contract.operations[role]
    path = operation.path.replace("~", "~0").replace("/", "~1")
    return f"#/paths/{path}/{operation.method.lower()}"
