"""What is plain: values that no lawful server has a reason to refuse beyond the contract (walked in ``unstated``).

The contract often says no more than "a string". A target that also wants a DNS label there is stricter than its
contract (a gap), and one that looks the named secret up and does not find it is not wrong at all. So an accepted
request states what it takes for granted: that an unusual value is fine, or that a named thing exists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from assay.contract.request import Json

LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_WORKLOAD_NAME = re.compile(r"[a-z]([-a-z0-9]{0,45}[a-z0-9])?", re.ASCII)
_PATH = re.compile(r"/[A-Za-z0-9._/-]{0,100}", re.ASCII)
_URL = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._/-]*)?", re.ASCII)
_TEXT = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9 ._:/@]{0,118}[A-Za-z0-9])?", re.ASCII)
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
_GROUPS = re.compile(r"([1-9][0-9]{0,5}(,[1-9][0-9]{0,5})*)?", re.ASCII)
_INTEGER_TEXT = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)

# By the end of the pointer, longest match first; the shape a plain value has where the document only says "string".
_SHAPES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("/spec/environmentVariables/*/name", _ENVIRONMENT_NAME),
    ("/extendedResources/*/quantity", _INTEGER_TEXT),
    ("/storage/configMapVolume/*/subPath", _TEXT),
    ("/podFieldRef/path", _TEXT),
    ("/security/supplementalGroups", _GROUPS),
    ("/httpGet/path", _PATH),
    ("/projectId", _TEXT),
    ("/mountPath", _PATH),
    ("/workingDir", _PATH),
    ("/path", _PATH),
    ("/repository", _URL),
    ("/url", _URL),
    ("/labels/*/name", LABEL),
    ("/annotations/*/name", LABEL),
    ("/claimName", LABEL),
)

# Fields that name something which must exist on the target (or in its policy); the word goes into the reason.
REFERENCES: Final[Mapping[str, str]] = {
    "/spec/nodeType": "a node group of that name",
    "/spec/nodePools/*": "a node pool of that name",
    "/spec/category": "a workload category of that name",
    "/spec/environmentVariables/*/secret/name": "a secret of that name",
    "/spec/environmentVariables/*/configMap/name": "a config map of that name",
    "/spec/imagePullSecrets/*/name": "a pull secret of that name",
    "/spec/exposedUrls/*/authorizedUsers/*": "a user of that name",
    "/spec/exposedUrls/*/authorizedGroups/*": "a group of that name",
    "/spec/servingPort/authorizedUsers/*": "a user of that name",
    "/spec/servingPort/authorizedGroups/*": "a group of that name",
    "/spec/compute/extendedResources/*/resource": "an extended resource of that name",
    "/spec/storage/dataVolume/*/id": "a data volume of that id",
    "/spec/storage/pvc/*/claimInfo/storageClass": "a storage class of that name",
    "/spec/storage/pvc/*/claimInfo/addedAttrValues/*/key": "an attribute that the storage class allows",
    "/spec/storage/git/*/passwordSecret": "a secret of that name",
    "/spec/storage/configMapVolume/*/configMap": "a config map of that name",
    "/spec/storage/secretVolume/*/secret": "a secret of that name",
}
METRIC: Final = "/spec/autoscaling/metric"
BUILT_IN_METRICS: Final = frozenset({"throughput", "concurrency", "latency"})
# Above this a target may refuse for want of capacity or quota; nothing the suite needs comes near it.
LARGEST_PLAIN_NUMBER: Final = 10_000
IDENTIFYING: Final = ("name", "container", "mountPath", "path", "resource", "id", "key", "url")


def shape_of(pointer: str) -> tuple[re.Pattern[str], bool]:
    """The shape of a plain text at ``pointer``, and whether the empty string is plain there too."""
    if pointer == "/name":
        return _WORKLOAD_NAME, False
    for ending, shape in _SHAPES:
        if pointer.endswith(ending):
            return shape, False
    return _TEXT, True


def repeats(items: list[Json]) -> bool:
    """Whether two entries of a list agree in what tells such entries apart (a name, a port, a path)."""
    objects = [item for item in items if isinstance(item, dict)]
    if len(objects) > 1:
        for key in IDENTIFYING:
            named = [item[key] for item in objects if isinstance(item.get(key), (str, int))]
            if len(named) != len(set(named)):
                return True
    plain = [item for item in items if isinstance(item, str)]
    return len(plain) != len(set(plain))
