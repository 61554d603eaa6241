"""Ordinary entries and sections: what a person would write around the one value that a case is about.

The contract lets an entry be a name alone and a section be empty, and no sentence says that such a thing is of any
use; a server may want more. So a case that is about one field of an entry says all that makes the entry usable, and
no section is left empty by the null that a case puts into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from assay.contract import pointers
from assay.contract.request import Json
from assay.contract.schema import Node
from assay.generation.values import sample

_PORT: Final = 8080

_USABLE: Final[Mapping[str, Mapping[str, Json]]] = {
    "/spec/probes/readiness": {"handler": {"httpGet": {"path": "/", "port": _PORT}}},
    "/spec/probes/readiness/handler": {"httpGet": {"path": "/", "port": _PORT}},
    "/spec/probes/readiness/handler/httpGet": {"path": "/", "port": _PORT},
    "/spec/podAffinity": {"type": "Required", "key": "key-0"},
    "/spec/environmentVariables/*": {"name": "VARIABLE_0", "value": "value-0"},
    "/spec/annotations/*": {"name": "name-0", "value": "value-0"},
    "/spec/labels/*": {"name": "name-0", "value": "value-0"},
    "/spec/ports/*": {"container": _PORT, "serviceType": "ClusterIP", "name": "name-0"},
    "/spec/exposedUrls/*": {"container": _PORT, "toolType": "tool-type-0", "toolName": "tool-name-0"},
    "/spec/relatedUrls/*": {"url": "https://service-0.example.com/home", "type": "type-0", "name": "name-0"},
    "/spec/compute/extendedResources/*": {"resource": "example.com/device-0", "quantity": "1"},
    "/spec/storage/pvc/*": {
        "path": "/data/folder-0",
        "claimInfo": {"size": "1Gi", "accessModes": {"readWriteOnce": True}},
    },
    "/spec/storage/pvc/*/claimInfo": {"size": "1Gi", "accessModes": {"readWriteOnce": True}},
    "/spec/storage/emptyDirVolume/*": {"path": "/data/folder-0", "sizeLimit": "1Gi"},
    "/spec/servingPort": {"container": _PORT, "protocol": "http"},
}
"""By the pointer of an object what makes it usable; each value is plain (``assay/generation/values.py``)."""

_FILLING: Final[Mapping[str, Mapping[str, Json]]] = {
    "/spec/probes": {"readiness": {"handler": {"httpGet": {"path": "/", "port": _PORT}}}},
    "/spec/compute": {"cpuCoreRequest": 0.1, "cpuMemoryRequest": "64Mi"},
    "/spec/storage": {
        "emptyDirVolume": [{"path": "/data/folder-0", "sizeLimit": "1Gi"}],
        "nfs": [{"path": "/data/folder-0", "server": "nfs-0.example.com", "mountPath": "/mnt/volume-0"}],
    },
    "/spec/storage/pvc/*/claimInfo/accessModes": {"readWriteOnce": True, "readWriteMany": True},
    "/spec/security": {"runAsNonRoot": True, "readOnlyRootFilesystem": False},
    "/spec/autoscaling": {"minReplicas": 1, "maxReplicas": 1},
    "/spec/servingConfiguration": {"requestTimeoutSeconds": 60, "initializationTimeoutSeconds": 60},
}
"""By the pointer of a section, whose fields are all optional, what to say in it where it would say nothing else. The
first that is not under test is taken."""


def usable(root: Node, body: Json, pointer: str) -> Any:
    """``body`` in which every object on the way to ``pointer`` holds what makes it usable, beside what it holds."""
    for place in _ancestors(pointer):
        fields = _known(root, place, _USABLE)
        if fields:
            held = pointers.get(body, place)
            body = pointers.put(body, place, {**fields, **(held if isinstance(held, dict) else {})})
    return body


def filled(root: Node, body: Json, pointer: str) -> Any:
    """``body`` in which no object on the way to ``pointer`` holds but nulls, if anything else may be said in it."""
    for place in _ancestors(pointer):
        fields, held = _known(root, place, _FILLING), pointers.get(body, place)
        under_test = pointer.removeprefix(f"{place}/").split("/", 1)[0]
        others = {name: value for name, value in fields.items() if name != under_test}
        if others and isinstance(held, dict) and is_hollow(held):
            body = pointers.put(body, place, {**dict([next(iter(others.items()))]), **held})
    return body


def filling(node: Node) -> Mapping[str, Json]:
    """The least that an object at ``node`` says when it says something: one plain field; the empty one for others."""
    fields = {name: value for name, value in _FILLING.get(node.pointer, {}).items() if name in node.properties}
    return dict([next(iter(fields.items()))]) if fields else {}


def is_hollow(value: Json) -> bool:
    """Whether an object holds nothing but nulls."""
    return isinstance(value, dict) and all(item is None for item in value.values())


def ordinary(node: Node) -> Any:
    """A plain value of any node, usable where it is an object or an entry."""
    if node.items is not None:
        return [ordinary(node.items)]
    value = sample(node)
    return {**value, **_USABLE.get(node.pointer, {})} if isinstance(value, dict) else value


def _known(root: Node, place: str, table: Mapping[str, Mapping[str, Json]]) -> dict[str, Json]:
    """What the table has for a place, as far as the document knows it: an update's schema lacks some fields."""
    fields = table.get(place)
    if fields is None:
        return {}
    try:
        properties = root.find(place).properties
    except KeyError:
        return {}
    return {name: value for name, value in fields.items() if name in properties}


def _ancestors(pointer: str) -> list[str]:
    """The objects and lists on the way to a place, the outermost first; the place itself is none of them."""
    steps = pointer.split("/")
    return ["/".join(steps[:count]) for count in range(2, len(steps))]
