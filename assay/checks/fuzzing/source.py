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
from schemathesis.schemas import APIOperation

from assay.checks.fuzzing.translate import AnyCase
from assay.contract.documents import Contract
from assay.contract.request import Json

# Two draws of three are valid by the schema: what gets past the door tells more than one more 400.
_MODES: Final = (GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
# Stands for whatever id the request is fitted with.
_ANY_ID: Final = "3f2a6c1e-5d0b-4e8f-9a47-c61d80b2e935"

_IN_BODY: Final = "$response.body#/workloadId"
_IN_PATH: Final = "$request.path.workloadId"
_LINKS: Final = (
    ("create", _IN_BODY, ("metrics",)),
    ("read", _IN_BODY, ("metrics", "read")),
    ("update", _IN_PATH, ("metrics",)),
    ("delete", _IN_PATH, ("read", "update", "delete")),
)


class CaseSource:
    """Schemathesis on the corrected contract. Safe to share between threads, as Schemathesis's own workers do."""

    def __init__(self, contract: Contract) -> None:
        # The default configuration, not a discovered one: a schemathesis.toml lying about must not change a verdict.
        config = SchemathesisConfig()
        self._schema = schemathesis.openapi.from_dict(_with_links(contract), config=config)
        # Tokens are the client's; how a missing or a forged one is met, the access tests judge.
        self._schema.config.generation.with_security_parameters = False
        # NUL is for the robustness tests too: many servers cannot store it, and any drawn string would become a gap.
        self._schema.config.generation.allow_x00 = False
        # Undeclared methods are for the robustness tests (see ``treatment``).
        self._schema.config.phases.coverage.unexpected_methods = set()
        # A sequence that begins with a refused creation leads nowhere; broken bodies are for the other phases.
        self._schema.config.phases.stateful.generation.modes = [GenerationMode.POSITIVE]
        self._operations: dict[str, APIOperation[Any, Any, Any, Any]] = {
            role: self._schema[operation.path][operation.method] for role, operation in contract.operations.items()
        }
        self._roles = {(item.method, item.path): role for role, item in contract.operations.items()}

    def operation(self, case: AnyCase) -> str:
        """The role of the operation that a case belongs to."""
        return self._roles[case.operation.method.upper(), case.operation.path]

    def label(self, role: str) -> str:
        """Schemathesis's name for the operation: method and path."""
        return str(self._operations[role].label)

    def examples(self, role: str) -> list[AnyCase]:
        """The document's examples; one generated case when it has none."""
        generator = ExamplesGenerator(
            operation=self._operations[role], override=Override(), feedback=NO_FEEDBACK, fill_missing=True
        )
        return list(generator)

    def coverage(self, role: str, limit: int | None, seed: int) -> tuple[list[AnyCase], int]:
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
        return spread(cases, limit, seed), len(cases)

    def fuzzing(self, role: str) -> st.SearchStrategy[AnyCase]:
        """Cases that keep the schema and cases that break it, two to one."""
        if role == "delete":
            # All that can be broken is the id, and a deletion only goes to ids that are known (see ``fitting``).
            return self.valid(role)
        # Nor does an update go to a malformed id, so what is broken must be its body.
        fixed = {"workloadId": _ANY_ID} if role == "update" else None
        broken = self._operations[role].as_strategy(generation_mode=GenerationMode.NEGATIVE, path_parameters=fixed)
        modes = {GenerationMode.POSITIVE: self.valid(role), GenerationMode.NEGATIVE: broken}
        return st.sampled_from(_MODES).flatmap(modes.__getitem__)

    def valid(self, role: str) -> st.SearchStrategy[AnyCase]:
        """Cases that keep the schema."""
        return self._operations[role].as_strategy(generation_mode=GenerationMode.POSITIVE)

    def state_machine(self) -> type[APIStateMachine]:
        """A fresh state machine class over the linked operations."""
        return self._schema.as_state_machine()


def is_valid(case: AnyCase) -> bool:
    """Whether Schemathesis made the case to keep the schema."""
    meta = case.meta
    return meta is None or meta.generation.mode.is_positive


def spread(cases: list[AnyCase], limit: int | None, seed: int) -> list[AnyCase]:
    """At most ``limit`` of the coverage cases, every kind in turn, chosen by ``seed``."""
    rng = random.Random(seed)
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
    workload, that a workload can be read twice, nor that a deleted workload's id is worth sending again.
    """
    document = copy.deepcopy(dict(contract.document))
    for source, id_in, targets in _LINKS:
        _link(document, contract, source, id_in, targets)
    return document


def _link(document: dict[str, Json], contract: Contract, source: str, id_in: str, targets: tuple[str, ...]) -> None:
    operation = contract.operations[source]
    responses = document["paths"][operation.path][operation.method.lower()]["responses"]
    for status, response in responses.items():
        if str(status).startswith("2"):
            # A shared response ($ref) is copied, so that the links belong to this operation alone.
            own = copy.deepcopy(dict(contract.at(response["$ref"]) if "$ref" in response else response))
            own["links"] = {
                f"{source}-{target}": {
                    "operationRef": _reference(contract, target),
                    "parameters": {"workloadId": id_in},
                }
                for target in targets
            }
            responses[status] = own


def _reference(contract: Contract, role: str) -> str:
    operation = contract.operations[role]
    path = operation.path.replace("~", "~0").replace("/", "~1")
    return f"#/paths/{path}/{operation.method.lower()}"
