"""Specs that name things which may not exist on the target (a secret, a volume, a node pool), read back where taken.

A target may refuse them, and nothing is said about that here. What it takes it must store like everything else.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from assay.checks import lifecycle
from assay.checks.created import spec_echo
from assay.checks.generation import generating
from assay.checks.probe import Probe, created_id
from assay.checks.stages import leaves
from assay.contract.request import Expectation, Json, Outcome, Request
from assay.generation.dense import create_bodies, draws

SPECS: Final = 12
"""With greedy choice, twelve of 200 draws hold every leaf that 200 draws hold at all."""

_DRAWS: Final = 200
_OPEN: Final = Expectation(Outcome.OPEN)
_LOCK: Final = threading.Lock()
_CHOSEN: Final[WeakKeyDictionary[Probe, list[dict[str, Any]]]] = WeakKeyDictionary()


def spec(probe: Probe, number: int) -> Mapping[str, Json]:
    """The ``number``-th of SPECS dense specs with references; the empty one when fewer hold all there is."""
    with _LOCK:
        if probe not in _CHOSEN:
            _CHOSEN[probe] = _choose(probe)
        chosen = _CHOSEN[probe]
    return chosen[number] if number < len(chosen) else {}


def read_back(probe: Probe, test: str, number: int) -> None:
    """Create, and read what was taken. Raises ContractBreachError when the read does not hold what was sent."""
    sent = spec(probe, number)
    if not sent:
        return
    request = Request("create", body=probe.body(sent))
    with probe.creating(request, test=test, expectation=_OPEN) as created:
        identity = created_id(created.answer)
        if not created.accepted or identity is None:
            return
        told = probe.send(
            Request("read", {"workloadId": identity}),
            test=test,
            expectation=Expectation(Outcome.ACCEPT),
            setup=(created,),
        )
        if told.accepted:
            told = lifecycle.same_metadata(created.object(), told, "read")
            told = told.with_deviations(*spec_echo(sent, told.object(), "read"))
        probe.verify(told)


def _choose(probe: Probe) -> list[dict[str, Any]]:
    bodies = create_bodies(probe.oracle, probe.project, probe.cluster, gpu=False, references=True)
    with generating():
        drawn = [body["spec"] for body in draws(bodies, _DRAWS, probe.session.settings.seed)]
    held_by = [(spec, frozenset(leaves(spec))) for spec in drawn]
    chosen: list[dict[str, Any]] = []
    seen: set[str] = set()
    while len(chosen) < SPECS:
        best, held = max(held_by, key=lambda item: len(item[1] - seen))
        if not held - seen:
            break
        chosen.append(best)
        seen |= held
    return chosen
