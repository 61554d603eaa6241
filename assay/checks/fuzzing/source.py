"""What Schemathesis generates for an operation: examples, coverage cases, strategies, and the state machine.

How much of it depends on the profile, so that a gate stays quick and a certificate stands on more.
"""

from __future__ import annotations

import copy
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from assay.checks.fuzzing import schemathesis_internals
from assay.checks.fuzzing.schemathesis_internals import AnyCase, AnyOperation, APIStateMachine
from assay.contract.documents import Contract, Operation
from assay.contract.operations import Kind
from assay.contract.request import Json

# Two draws of three are valid by the schema: what gets past the door tells more than one more 400.
_MODES: Final = (GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
# Stands for whatever id the request is fitted with.
_ANY_ID: Final = "3f2a6c1e-5d0b-4e8f-9a47-c61d80b2e935"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Cases per operation and phase.

    ``coverage`` None sends every coverage case. ``shrinks`` limits the cases tried after a first failure. A
    scenario of the stateful phase has at most ``steps`` requests.
    """

    coverage: int | None
    fuzzing: int
    scenarios: int
    steps: int
    shrinks: int


# Gate: 24 + 36 cases and about 1.4 requests each are 500 of the gate's 6,000 requests; on a target that takes 150 ms
# the longest item (creation, two requests a case) takes 11 s. Certify sends every coverage case (1,160 for a
# creation): about 7,000 of 60,000 requests.
PROFILES: Final = {
    "gate": Sizes(coverage=24, fuzzing=36, scenarios=12, steps=8, shrinks=60),
    "certify": Sizes(coverage=None, fuzzing=400, scenarios=100, steps=10, shrinks=250),
}


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; those of the gate for a profile without its own."""
    return PROFILES.get(profile, PROFILES["gate"])


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
        self._operations: dict[str, AnyOperation] = {
            name: self._schema[operation.path][operation.method] for name, operation in contract.operations.items()
        }
        self._contract = contract
        self._names = {(item.method, item.path): name for name, item in contract.operations.items()}

    def operation(self, case: AnyCase) -> str:
        """The name of the operation that a case belongs to."""
        return self._names[case.operation.method.upper(), case.operation.path]

    def label(self, name: str) -> str:
        """Schemathesis's name for the operation: method and path."""
        return str(self._operations[name].label)

    def examples(self, name: str) -> list[AnyCase]:
        """The document's examples; one generated case when it has none."""
        return schemathesis_internals.examples(self._operations[name])

    def coverage(self, name: str, limit: int | None, seed: int) -> tuple[list[AnyCase], int]:
        """At most ``limit`` of the operation's coverage cases, and how many there are.

        The choice takes every kind of case in turn, and within a kind by ``seed``, so that runs with different
        seeds cover them all.
        """
        cases = schemathesis_internals.coverage_cases(self._schema, self._operations[name])
        return spread(cases, limit, seed), len(cases)

    def fuzzing(self, name: str) -> st.SearchStrategy[AnyCase]:
        """Cases that keep the schema and cases that break it, two to one."""
        operation = self._contract.operations[name]
        writes = operation.writes is not None and bool(operation.needs)
        if writes and operation.body is None:
            # All that can be broken is the id, and a deletion only goes to ids that are known (see ``fitting``).
            return self.valid(name)
        # Nor does an update go to a malformed id, so what is broken must be its body.
        fixed = dict.fromkeys(operation.needs, _ANY_ID) if writes else None
        broken = self._operations[name].as_strategy(generation_mode=GenerationMode.NEGATIVE, path_parameters=fixed)
        modes = {GenerationMode.POSITIVE: self.valid(name), GenerationMode.NEGATIVE: broken}
        return st.sampled_from(_MODES).flatmap(modes.__getitem__)

    def valid(self, name: str) -> st.SearchStrategy[AnyCase]:
        """Cases that keep the schema."""
        return self._operations[name].as_strategy(generation_mode=GenerationMode.POSITIVE)

    def state_machine(self) -> type[APIStateMachine]:
        """A fresh state machine class over the linked operations."""
        return self._schema.as_state_machine()


def spread(cases: list[AnyCase], limit: int | None, seed: int) -> list[AnyCase]:
    """At most ``limit`` of the coverage cases, every kind in turn, chosen by ``seed``."""
    rng = random.Random(seed)
    kinds: dict[str, list[AnyCase]] = defaultdict(list)
    for case in cases:
        kinds[schemathesis_internals.kind_of(case)].append(case)
    for group in kinds.values():
        rng.shuffle(group)
    chosen: list[AnyCase] = []
    groups: Iterable[list[AnyCase]] = kinds.values()
    while groups := [group for group in groups if group]:
        chosen += [group.pop() for group in groups]
    return chosen if limit is None else chosen[:limit]


def _with_links(contract: Contract) -> dict[str, Json]:
    """A copy of the document with links that Schemathesis does not infer.

    It infers create -> read, update, delete from the ids' names. It does not see that the metrics belong to the
    workload, that a workload can be read twice, nor that a deleted workload's id is worth sending again.
    """
    main = contract.main_resource
    below = tuple(
        operation
        for operation in contract.operations.values()
        if operation.kind in {Kind.MEASURE, Kind.LIST} and [*operation.needs.values()] == [main]
    )
    create, read, update, delete = contract.creation, contract.reading, contract.updating, contract.deletion
    in_body = f"$response.body#{contract.resources[main].id}"
    document = copy.deepcopy(dict(contract.document))
    for source, id_in, targets in (
        (create, in_body, below),
        (read, in_body, (*below, read)),
        (update, _in_path(update), below),
        (delete, _in_path(delete), (read, update, delete)),
    ):
        _link(document, contract, source, id_in, targets)
    return document


def _in_path(operation: Operation) -> str:
    (parameter,) = operation.needs
    return f"$request.path.{parameter}"


def _link(
    document: dict[str, Json], contract: Contract, source: Operation, id_in: str, targets: tuple[Operation, ...]
) -> None:
    responses = document["paths"][source.path][source.method.lower()]["responses"]
    for status, response in responses.items():
        if str(status).startswith("2"):
            # A shared response ($ref) is copied, so that the links belong to this operation alone.
            own = copy.deepcopy(dict(contract.at(response["$ref"]) if "$ref" in response else response))
            own["links"] = {
                f"{source.name}-{target.name}": {
                    "operationRef": _reference(target),
                    "parameters": dict.fromkeys(target.needs, id_in),
                }
                for target in targets
            }
            responses[status] = own


def _reference(operation: Operation) -> str:
    path = operation.path.replace("~", "~0").replace("/", "~1")
    return f"#/paths/{path}/{operation.method.lower()}"
