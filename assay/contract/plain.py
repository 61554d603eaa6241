"""What is plain: values that no lawful server has a reason to refuse beyond the contract.

The contract often says no more than "a string". A target that also wants a DNS label there is stricter than its
contract (a gap), and one that looks the named secret up and does not find it is not wrong at all. So an accepted
request states what it takes for granted: that an unusual value is fine, or that a named thing exists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from assay.contract.request import Json, Reason, Source
from assay.contract.schema import Node

_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
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
    ("/labels/*/name", _LABEL),
    ("/annotations/*/name", _LABEL),
    ("/claimName", _LABEL),
)

# Fields that name something which must exist on the target (or in its policy); the word goes into the reason.
_REFERENCES: Final[Mapping[str, str]] = {
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
_METRIC: Final = "/spec/autoscaling/metric"
_BUILT_IN_METRICS: Final = frozenset({"throughput", "concurrency", "latency"})
# Above this a target may refuse for want of capacity or quota; nothing the suite needs comes near it.
_LARGEST_PLAIN_NUMBER: Final = 10_000
_IDENTIFYING: Final = ("name", "container", "mountPath", "path", "resource", "id", "key", "url")


def assumptions(node: Node, value: Json, prefix: str = "/body") -> list[Reason]:
    """What an acceptance of ``value`` takes for granted beyond schema and rules.

    Unknown properties, nulls in lists and integral floats are no assumptions but open questions: see ``silences``.
    """
    found: list[Reason] = []
    _assume_below(node, value, prefix, found)
    return found


def _assume_below(node: Node, value: Json, prefix: str, found: list[Reason]) -> None:
    # One list instead of nested generators, plain types instead of Mapping and unions: the two walks over a dense
    # body were half of the oracle's time.
    if isinstance(value, str):
        if node.enum is None:
            _of_string(node, value, prefix, found)
    elif isinstance(value, dict):
        properties = node.properties
        if value.get("exclude") is True and "exclude" in properties:
            found.append(
                _assume("excluded", prefix + node.pointer, "a policy of the target defines the excluded entry")
            )
        if value.get("existingPvc") is True:
            place = f"{prefix}{node.pointer}/claimName"
            found.append(_assume("exists", place, "a volume claim of that name exists"))
        for name, item in value.items():
            child = properties.get(name)
            if child is not None:
                _assume_below(child, item, prefix, found)
    elif isinstance(value, list):
        if len(value) > 1 and _repeats(value):
            found.append(_assume("distinct", prefix + node.pointer, "entries of the list may repeat each other"))
        if node.items is not None:
            for item in value:
                _assume_below(node.items, item, prefix, found)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        _of_number(node, value, prefix, found)


def _of_string(node: Node, value: str, prefix: str, found: list[Reason]) -> None:
    place = prefix + node.pointer
    reference = _REFERENCES.get(node.pointer)
    if reference is not None:
        found.append(_assume("exists", place, f"{reference} exists on the target"))
    if node.pointer == _METRIC and value not in _BUILT_IN_METRICS:
        found.append(_assume("exists", place, "the custom metric is available on the target"))
    if node.format is None:
        if node.pattern is None and not _is_plain(node.pointer, value):
            text = "the contract says no more than 'a string', and this is an unusual one"
            found.append(_assume("unusual", place, text))
    elif node.format == "uuid" and value != value.lower():
        found.append(_assume("unusual", place, "an identifier in capitals"))
    elif node.format == "hostname" and not _LABEL.fullmatch(value.split(".", 1)[0]):
        found.append(_assume("unusual", place, "an unusual host name"))


def _is_plain(pointer: str, value: str) -> bool:
    shape, may_be_empty = _shape(pointer)
    return (may_be_empty and value == "") or shape.fullmatch(value) is not None


@cache
def _shape(pointer: str) -> tuple[re.Pattern[str], bool]:
    """The shape of a plain value at ``pointer``, and whether the empty string is plain there too."""
    if pointer == "/name":
        return _WORKLOAD_NAME, False
    for ending, shape in _SHAPES:
        if pointer.endswith(ending):
            return shape, False
    return _TEXT, True


def _of_number(node: Node, value: float, prefix: str, found: list[Reason]) -> None:
    bounds = node.bounds
    if (value > _LARGEST_PLAIN_NUMBER and "maximum" not in bounds) or (value < 0 and "minimum" not in bounds):
        text = "the contract sets no bound here, and this number is unusual"
        found.append(_assume("unusual", prefix + node.pointer, text))
    elif value == 0 and node.name == "gpuPortionRequest":
        found.append(_assume("unusual", prefix + node.pointer, "a request for no share of a GPU at all"))


def _repeats(items: list[Json]) -> bool:
    objects = [item for item in items if isinstance(item, dict)]
    if len(objects) > 1:
        for key in _IDENTIFYING:
            named = [item[key] for item in objects if isinstance(item.get(key), (str, int))]
            if len(named) != len(set(named)):
                return True
    plain = [item for item in items if isinstance(item, str)]
    return len(plain) != len(set(plain))


@cache
def _assume(what: str, location: str, text: str) -> Reason:
    # Cached: places and texts are those of the document, a few hundred, and a dense body has a dozen of them.
    return Reason(Source.SILENCE, f"assumes-{what}", location, text)


def silences(node: Node, value: Json, prefix: str = "/body") -> list[Reason]:
    """What the document does not decide about ``value``: whether a lawful server accepts it is open."""
    found: list[Reason] = []
    _open_below(node, value, prefix, found)
    return found


def _open_below(node: Node, value: Json, prefix: str, found: list[Reason]) -> None:
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            found.append(_open("lone-surrogate", prefix + node.pointer, "no encoding of the text exists"))
        elif not value.isprintable() and any(char < " " and char not in "\t\n\r" for char in value):
            found.append(_open("control-character", prefix + node.pointer, "few stores keep each control character"))
    elif isinstance(value, dict):
        properties = node.properties
        for name, item in value.items():
            child = properties.get(name)
            if child is not None:
                _open_below(child, item, prefix, found)
            elif node.type == "object" and node.additional is None:
                text = f"'{name[:40]}' is not in the contract"
                found.append(_open("unknown-property", f"{prefix}{node.pointer}/?", text))
    elif isinstance(value, list):
        if node.items is not None:
            for item in value:
                if item is None and node.items.nullable:
                    text = "null as an entry of a list"
                    found.append(_open("null-entry", f"{prefix}{node.items.pointer}", text))
                else:
                    _open_below(node.items, item, prefix, found)
    elif isinstance(value, float) and node.type == "integer" and value.is_integer():
        text = f"{value} for an integer: JSON Schema drafts disagree"
        found.append(_open("integral-float", prefix + node.pointer, text))


def _open(what: str, location: str, text: str) -> Reason:
    return Reason(Source.SILENCE, what, location, text)
