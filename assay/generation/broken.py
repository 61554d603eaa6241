"""Dense bodies with exactly one thing wrong: what a reader of the plain violations might overlook among much else."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from assay.contract.oracle import Oracle
from assay.contract.request import Json, Outcome, Source
from assay.contract.schema import Node
from assay.generation import places
from assay.generation.cases import Subject
from assay.generation.completion import Judge
from assay.generation.violations import Probe, violations

Broken = tuple[Any, Subject]


def broken_bodies(oracle: Oracle, operation: str, bodies: SearchStrategy[Any]) -> SearchStrategy[Broken]:
    """Bodies drawn from ``bodies`` (all accepted), each with one schema keyword broken at one place, and which.

    The oracle refuses every one for that place alone. Shrinks to the body that holds little but the broken place.
    """
    judge = Judge(oracle, operation)
    every = _probes(judge.node)

    def wrong(body: Json, code: int) -> Broken | None:
        """The first violation from ``code`` on whose place is filled and that breaks nothing else too."""
        filled = set(places.keys(body))
        for step in range(len(every)):
            pointer, place, probe = every[(code + step) % len(every)]
            if pointer not in filled:
                continue
            found = places.put(body, place, probe.value)
            subject = Subject(Source.SCHEMA, probe.keyword, "/body" + place)
            expectation = judge.expect(found)
            if expectation.outcome is Outcome.REJECT and subject.decides(expectation.reasons):
                return found, subject
        return None

    found = st.builds(wrong, bodies, st.integers(0, len(every) - 1))
    return found.filter(lambda item: item is not None)  # type: ignore[return-value]


def _probes(root: Node) -> list[tuple[str, str, Probe]]:
    """Every violation of every keyword: the node's pointer, the place that is changed, the probe.

    One list for all bodies, so that a choice stays the same choice while a body shrinks around it; in an order that
    mixes keywords, because the first one from a random place on is taken, and a node's first one is always its type.
    """
    found = [
        (node.pointer, f"{node.pointer}/{probe.name}" if probe.name else node.pointer, probe)
        for node in root.walk()
        if node.pointer
        for probe in violations(node)
    ]
    return sorted(found, key=lambda item: crc32(f"{item[1]} {item[2].keyword} {item[2].variant}".encode()))
