"""Dense bodies: every field of the contract occurs often. All are accepted by the oracle, or refused for one thing.

Plain Schemathesis hardly gets there: of 300 positive creation bodies of the 2.22 document 0 to 7 set gpuRequestType
and 0 to 17 the mandatory image. Here every leaf stands in at least 20 of 500 draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar, cast
from zlib import crc32

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from assay.contract import pointers
from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import Json, Outcome, Source
from assay.contract.schema import Node
from assay.contract.unstated import Unstated
from assay.generation.base_requests import Judge, mandatory
from assay.generation.cases import Subject
from assay.generation.choice_decoder import NULL_CODE, Decoder, DrawPlan, decoder
from assay.generation.dependent_fields import SETTLE
from assay.generation.hypothesis_internals import SeparateBytes
from assay.generation.ordinary import filling, ordinary, usable
from assay.generation.values import PLAIN_SPEC, KeywordValue, Pool, pool, violations

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
    plan = DrawPlan(
        mandatory=needed,
        settle=SETTLE,
        values=pool if references else free.values,
        omit=lambda node: (not gpu and node.pointer.startswith(_GPU)) or (not references and free.cannot_be(node)),
        # Whether null in an update clears or means nothing the document does not say.
        nulls=judge.kind is Kind.CREATE,
    )
    kept = [child for child in judge.node.find("/spec").properties.values() if not plan.omit(child)]
    groups = _groups([(child, decoder(child, plan)) for child in kept])

    def spec(*codes: bytes) -> Json:
        value: Body = dict(PLAIN_SPEC)
        for group, code in zip(groups, codes, strict=True):
            _read(group, code, value, plan.nulls)
        return value

    return st.builds(spec, *(_bytes(group) for group in groups))


Group = list[tuple[Node, Decoder]]


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


# The document contradicts itself on a toleration's value, so only one that excludes an entry of the target's policy
# is known to be accepted (dependent_fields.py), and that assumes the entry.
_ONLY_EXCLUDED: Final = "/spec/tolerations"


class Assumptions:
    """Answers for the tree of one body; ``mandatory`` holds what its objects cannot be without, by pointer."""

    def __init__(self, root: Node, mandatory: Mapping[str, frozenset[str]]) -> None:
        self._root = root
        self._unstated = Unstated(root)
        self._mandatory = mandatory

    def cannot_be(self, node: Node) -> bool:
        """Whether even the smallest value of ``node`` assumes something."""
        return node.pointer == _ONLY_EXCLUDED or self._assumed(node, self._smallest(node))

    def values(self, node: Node) -> Pool:
        """The plain values of a leaf that assume nothing."""
        every = pool(node)
        free = tuple(value for value in every.values if not self._assumed(node, value))
        return Pool(free or every.values, every.distinct)

    def _assumed(self, node: Node, value: Json) -> bool:
        body = pointers.put(usable(self._root, {}, node.pointer), node.pointer, value)
        _, assumed = self._unstated.questions_and_assumptions(body)
        return bool(assumed)

    def _smallest(self, node: Node) -> Any:
        if node.properties:
            needed = self._mandatory.get(node.pointer, frozenset())
            smallest = {name: self._smallest(child) for name, child in node.properties.items() if name in needed}
            return {**ordinary(node), **smallest} or dict(filling(node))
        if node.items is not None:
            return [self._smallest(node.items)]
        return pool(node).values[0]


Broken = tuple[Any, Subject]


def broken_bodies(oracle: Oracle, operation: str, bodies: SearchStrategy[Any]) -> SearchStrategy[Broken]:
    """Bodies drawn from ``bodies`` (all accepted), each with one schema keyword broken at one place, and which.

    The oracle refuses every one for that place alone. Shrinks to the body that holds little but the broken place.
    """
    judge = Judge(oracle, operation)
    every = _keyword_values(judge.node)

    def wrong(body: Json, code: int) -> Broken | None:
        """The first violation from ``code`` on whose place is filled and that breaks nothing else too."""
        filled = set(pointers.keys(body))
        for step in range(len(every)):
            pointer, place, candidate = every[(code + step) % len(every)]
            if pointer not in filled:
                continue
            found = pointers.put(body, place, candidate.value)
            subject = Subject(Source.SCHEMA, candidate.keyword, "/body" + place)
            expectation = judge.expect(found)
            if expectation.outcome is Outcome.REJECT and subject.decides(expectation.reasons):
                return found, subject
        return None

    found = st.builds(wrong, bodies, st.integers(0, len(every) - 1))
    return cast("SearchStrategy[Broken]", found.filter(lambda item: item is not None))


def _keyword_values(root: Node) -> list[tuple[str, str, KeywordValue]]:
    """Every violation of every keyword: the node's pointer, the place that is changed, the candidate.

    One list for all bodies, so that a choice stays the same choice while a body shrinks around it; in an order that
    mixes keywords, because the first one from a random place on is taken, and a node's first one is always its type.
    """
    found = [
        (node.pointer, f"{node.pointer}/{candidate.name}" if candidate.name else node.pointer, candidate)
        for node in root.walk()
        if node.pointer
        for candidate in violations(node)
    ]
    return sorted(found, key=lambda item: crc32(f"{item[1]} {item[2].keyword} {item[2].variant}".encode()))
