"""The specs and changes that scenarios play with, and dense specs drawn so that few of them hold all there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from assay.checks.generation_lock import generating
from assay.checks.target import TargetUnderTest
from assay.contract.oracle import Oracle
from assay.contract.request import Json
from assay.generation.dense import create_bodies, draws

DENSE_SPECS: Final = 10
"""Dense specs that are created and read back: with greedy choice ten of 200 draws hold every leaf that needs nothing
from the target (measured over seeds 0 to 19: nine or ten)."""

REFERRING_SPECS: Final = 12
"""Specs that name things which may not exist on the target (a secret, a volume, a node pool): with greedy choice
twelve of 200 draws hold every leaf that 200 draws hold at all."""

_DRAWS: Final = 200


@dataclass(frozen=True, slots=True)
class SpecChange:
    """A change under test: the spec ``before`` it and the ``patch`` (for creations: the spec itself)."""

    id: str
    patch: Mapping[str, Json]
    before: Mapping[str, Json]


RICH: Final[dict[str, Json]] = {
    "image": "registry.example/echo:1.0",
    "imagePullPolicy": "IfNotPresent",
    "command": "serve",
    "args": "--workers 2",
    "workingDir": "/srv",
    "createHomeDir": True,
    "priorityClass": "medium",
    "environmentVariables": [{"name": "MODE", "value": "one"}, {"name": "LEVEL", "value": "info"}],
    "labels": [{"name": "team", "value": "blue"}],
    "annotations": [{"name": "note", "value": "first"}],
    "compute": {"cpuCoreRequest": 0.1, "cpuMemoryRequest": "64Mi"},
    "autoscaling": {"minReplicas": 1, "maxReplicas": 2, "metric": "concurrency", "metricThreshold": 5},
    "servingConfiguration": {"requestTimeoutSeconds": 30},
    "probes": {"readiness": {"periodSeconds": 10, "handler": {"httpGet": {"path": "/ready", "port": 8080}}}},
    "servingPort": {"container": 8080, "protocol": "http"},
    "security": {"runAsNonRoot": True, "capabilities": ["CHOWN"]},
    "storage": {"emptyDirVolume": [{"path": "/scratch", "sizeLimit": "1Gi"}]},
    "relatedUrls": [{"url": "https://wandb.example.com/run", "type": "wandb"}],
}
"""A spec that fills many sections with plain values, so that a neighbour that an update loses is seen."""

_AFFINITY: Final = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}

_PATCHES: Final[dict[str, Mapping[str, Json]]] = {
    "command": {"command": "serve-more"},
    "args": {"args": "--workers 3"},
    "image": {"image": "registry.example/echo:1.1"},
    "image-pull-policy": {"imagePullPolicy": "Always"},
    "working-dir": {"workingDir": "/opt"},
    "create-home-dir": {"createHomeDir": False},
    "priority-class": {"priorityClass": "high"},
    "environment": {"environmentVariables": [{"name": "MODE", "value": "two"}]},
    "compute": {"compute": {"cpuCoreRequest": 0.2, "cpuMemoryRequest": "128Mi"}},
    "autoscaling": {
        "autoscaling": {"minReplicas": 2, "maxReplicas": 3, "metric": "throughput", "metricThreshold": 7}
    },
    "serving-configuration": {
        "servingConfiguration": {"requestTimeoutSeconds": 60, "initializationTimeoutSeconds": 90}
    },
    "probes": {"probes": {"readiness": {"periodSeconds": 20, "handler": {"httpGet": {"path": "/up", "port": 8081}}}}},
    "pod-affinity": {"podAffinity": {"type": "Preferred", "key": "zone"}},
    "node-affinity": {"nodeAffinityRequired": _AFFINITY},
    "several-at-once": {"command": "all", "args": "--all", "compute": {"cpuCoreRequest": 0.3}},
}

CHANGES: Final = tuple(SpecChange(name, patch, RICH) for name, patch in _PATCHES.items())

_BAD_PATCHES: Final[dict[str, Mapping[str, Json]]] = {
    "bad-rule": {"command": "half", "priorityClass": "no-such-class"},
    "bad-bound": {"command": "half", "compute": {"cpuCoreRequest": -1, "cpuMemoryRequest": "128Mi"}},
    "bad-type": {"args": "half", "createHomeDir": "yes"},
    "bad-entry": {"args": "half", "environmentVariables": [{"value": "nameless"}]},
    "bad-section": {"image": "registry.example/echo:1.2", "autoscaling": {"metric": "latency", "minReplicas": 0}},
}

REFUSED_CHANGES: Final = tuple(SpecChange(name, patch, RICH) for name, patch in _BAD_PATCHES.items())

_BAD_SPECS: Final[dict[str, Mapping[str, Json]]] = {
    "without-image": {"command": "serve"},
    "bad-rule": {**RICH, "priorityClass": "no-such-class"},
    "bad-bound": {**RICH, "compute": {"cpuCoreRequest": -1}},
    "bad-type": {**RICH, "createHomeDir": "yes"},
    "bad-last-entry": {**RICH, "labels": [{"name": "team", "value": "blue"}, {"value": "nameless"}]},
}

REFUSED_CREATIONS: Final = tuple(SpecChange(name, spec, {}) for name, spec in _BAD_SPECS.items())


def dense_spec(target: TargetUnderTest, number: int) -> Mapping[str, Json]:
    """The ``number``-th of DENSE_SPECS dense specs that together hold as many leaves as such a number can."""
    return target.state.keep("dense specs", lambda: _choose(target, DENSE_SPECS, references=False))[number]


def referring_spec(target: TargetUnderTest, number: int) -> Mapping[str, Json]:
    """The ``number``-th of REFERRING_SPECS specs with references; the empty one when fewer hold all there is."""
    chosen = target.state.keep("referring specs", lambda: _choose(target, REFERRING_SPECS, references=True))
    return chosen[number] if number < len(chosen) else {}


def _choose(target: TargetUnderTest, count: int, *, references: bool) -> list[dict[str, Any]]:
    """At most ``count`` dense specs, each the one that adds most; with references, as long as it adds any."""
    gpu = not references and target.allows_gpus(1)
    with generating():
        drawn = _drawn(target.oracle, target.project, target.cluster, gpu, references, target.session.settings.seed)
    held_by = [(spec, held) for spec, held in drawn if references or target.affords(spec)]
    chosen: list[dict[str, Any]] = []
    seen: set[str] = set()
    while len(chosen) < count:
        spec, held = max(held_by, key=lambda item: len(item[1] - seen))
        if references and not held - seen:
            break
        chosen.append(deepcopy(spec))
        seen |= held
    return chosen


@lru_cache(maxsize=4)
def _drawn(
    oracle: Oracle, project: str, cluster: str, gpu: bool, references: bool, seed: int
) -> tuple[tuple[dict[str, Any], frozenset[str]], ...]:
    """Dense specs, each with its leaves. Kept, for `assay prove` asks 3,000 targets alike, and they take a second."""
    bodies = create_bodies(oracle, project, cluster, gpu=gpu, references=references)
    specs = [body["spec"] for body in draws(bodies, _DRAWS, seed)]
    return tuple((spec, frozenset(leaves(spec))) for spec in specs)


def leaves(value: Json, pointer: str = "") -> Iterator[str]:
    """The pointers (``*`` for list positions) of the plain values of ``value`` that must come back.

    Nulls need not, nor what an excluded entry says.
    """
    if isinstance(value, Mapping):
        if value.get("exclude") is True:
            return
        for name, item in value.items():
            yield from leaves(item, f"{pointer}/{name}")
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, f"{pointer}/*")
    elif value is not None:
        yield pointer
