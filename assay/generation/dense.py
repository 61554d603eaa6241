"""Dense valid bodies: every field of the contract occurs often, and every body is accepted by the oracle.

Plain Schemathesis hardly gets there: of 300 positive creation bodies of the 2.22 document 0 to 7 set gpuRequestType
and 0 to 17 the mandatory image. Here every leaf stands in at least 20 of 500 draws.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import Json
from assay.contract.schema import Node
from assay.generation.assumed import Assumptions
from assay.generation.completion import Judge, mandatory
from assay.generation.couplings import SETTLE
from assay.generation.genome import NULL_CODE, Gene, Plan, gene
from assay.generation.hypothesis_internals import SeparateBytes
from assay.generation.samples import PLAIN_SPEC, pool

Body = dict[str, Any]
T = TypeVar("T")

_SECTION_PRESENT: Final = 80  # a section is there in 11 of 16 draws
_FIELD_PRESENT: Final = 128  # a single field in 1 of 2
_GPU: Final = ("/spec/compute/gpu", "/spec/compute/migProfile")


def create_bodies(
    oracle: Oracle, project: str, cluster: str, *, gpu: bool = True, references: bool = True
) -> SearchStrategy[Body]:
    """Dense valid creation bodies for ``project`` (id) and ``cluster`` (UUID).

    Without ``gpu`` no GPU is asked for. Without ``references`` nothing is named that must exist on the target (a
    secret, a node pool, an entry of a policy), so that the acceptance assumes nothing. The name is a DNS label but
    not unique: the caller sets one before sending. Shrinks towards the plain body with nothing but the image.
    """

    def body(spec: Json, head: bytes) -> Body:
        names = pool(oracle.bodies[oracle.contract.creation.name].find("/name"))
        value: Body = {"name": str(names.pick(head[0]))}
        if head[1] >= _FIELD_PRESENT:
            value["useGivenNameAsPrefix"] = bool(head[2] % 2)
        return {**value, "projectId": project, "clusterId": cluster, "spec": spec}

    head = SeparateBytes("head", 3)
    return st.builds(body, _specs(oracle, oracle.contract.creation.name, gpu, references), head)


def update_bodies(oracle: Oracle, *, gpu: bool = True, references: bool = True) -> SearchStrategy[Body]:
    """Dense valid update bodies for a workload that was created with the plain spec (see ``create_bodies``)."""
    return _specs(oracle, oracle.contract.updating.name, gpu, references).map(lambda spec: {"spec": spec})


def draws(strategy: SearchStrategy[T], count: int, seed: int) -> list[T]:
    """``count`` draws of a strategy, the same for the same seed; for load tests and figures, without shrinking."""
    found: list[T] = []

    @seeded(seed)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(drawn: T) -> None:
        found.append(drawn)

    collect()
    return found


@lru_cache(maxsize=16)
def _specs(oracle: Oracle, operation: str, gpu: bool, references: bool) -> SearchStrategy[Json]:
    judge = Judge(oracle, operation)
    needed = {node.pointer: mandatory(judge, node.pointer) for node in judge.node.walk() if node.properties}
    free = Assumptions(judge.node, needed)
    plan = Plan(
        mandatory=needed,
        settle=SETTLE,
        values=pool if references else free.values,
        omit=lambda node: (not gpu and node.pointer.startswith(_GPU)) or (not references and free.cannot_be(node)),
        # Whether null in an update clears or means nothing the document does not say.
        nulls=judge.kind is Kind.CREATE,
    )
    kept = [child for child in judge.node.find("/spec").properties.values() if not plan.omit(child)]
    groups = _groups([(child, gene(child, plan)) for child in kept])

    def spec(*codes: bytes) -> Json:
        value: Body = dict(PLAIN_SPEC)
        for group, code in zip(groups, codes, strict=True):
            _read(group, code, value, plan.nulls)
        return value

    return st.builds(spec, *(_bytes(group) for group in groups))


Group = list[tuple[Node, Gene]]


def _groups(sections: Group) -> list[Group]:
    """One draw of bytes for all single fields of the spec, one for each section, which so shrinks away as a whole."""
    single = [item for item in sections if item[1].size == 1]
    return [single, *([item] for item in sections if item[1].size > 1)]


def _bytes(group: Group) -> SearchStrategy[bytes]:
    return SeparateBytes(group[0][0].pointer, sum(1 + part.size for _, part in group))


def _read(group: Group, code: bytes, value: Body, nulls: bool) -> None:
    at = 0
    for node, part in group:
        threshold = _SECTION_PRESENT if part.size > 1 else _FIELD_PRESENT
        if code[at] >= threshold:
            value[node.name] = part.read(code, at + 1, 0)
        elif nulls and code[at] == NULL_CODE and node.nullable and node.name not in PLAIN_SPEC:
            value[node.name] = None
        at += 1 + part.size
