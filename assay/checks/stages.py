"""The specs and changes that the lifecycle scenarios play with."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from assay.checks.generation import generating
from assay.checks.probe import Probe
from assay.contract.request import Json
from assay.generation.dense import create_bodies, draws

DENSE_SPECS: Final = 10
"""Dense specs that are created and read back: with greedy choice ten of 200 draws hold every leaf that needs nothing
from the target (measured over seeds 0 to 19: nine or ten)."""

_DRAWS: Final = 200


@dataclass(frozen=True, slots=True)
class Change:
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

CHANGES: Final = tuple(Change(name, patch, RICH) for name, patch in _PATCHES.items())

_BAD_PATCHES: Final[dict[str, Mapping[str, Json]]] = {
    "bad-rule": {"command": "half", "priorityClass": "no-such-class"},
    "bad-bound": {"command": "half", "compute": {"cpuCoreRequest": -1, "cpuMemoryRequest": "128Mi"}},
    "bad-type": {"args": "half", "createHomeDir": "yes"},
    "bad-entry": {"args": "half", "environmentVariables": [{"value": "nameless"}]},
    "bad-section": {"image": "registry.example/echo:1.2", "autoscaling": {"metric": "latency", "minReplicas": 0}},
}

REFUSED_CHANGES: Final = tuple(Change(name, patch, RICH) for name, patch in _BAD_PATCHES.items())

_BAD_SPECS: Final[dict[str, Mapping[str, Json]]] = {
    "without-image": {"command": "serve"},
    "bad-rule": {**RICH, "priorityClass": "no-such-class"},
    "bad-bound": {**RICH, "compute": {"cpuCoreRequest": -1}},
    "bad-type": {**RICH, "createHomeDir": "yes"},
    "bad-last-entry": {**RICH, "labels": [{"name": "team", "value": "blue"}, {"value": "nameless"}]},
}

REFUSED_CREATIONS: Final = tuple(Change(name, spec, {}) for name, spec in _BAD_SPECS.items())

_LOCK: Final = threading.Lock()
_CHOSEN: Final[WeakKeyDictionary[Probe, list[dict[str, Any]]]] = WeakKeyDictionary()


def dense_spec(probe: Probe, number: int) -> Mapping[str, Json]:
    """The ``number``-th of DENSE_SPECS dense specs that together hold as many leaves as such a number can."""
    with _LOCK:
        if probe not in _CHOSEN:
            _CHOSEN[probe] = _choose(probe)
        return _CHOSEN[probe][number]


def _choose(probe: Probe) -> list[dict[str, Any]]:
    gpu = probe.allows_gpus(1)
    bodies = create_bodies(probe.oracle, probe.project, probe.cluster, gpu=gpu, references=False)
    with generating():
        specs = [body["spec"] for body in draws(bodies, _DRAWS, probe.session.settings.seed)]
    held_by = [(spec, frozenset(leaves(spec))) for spec in specs if probe.affords(spec)]
    chosen: list[dict[str, Any]] = []
    seen: set[str] = set()
    while len(chosen) < DENSE_SPECS:
        spec, held = max(held_by, key=lambda item: len(item[1] - seen))
        chosen.append(spec)
        seen |= held
    return chosen


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
