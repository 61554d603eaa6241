"""What the contract leaves unstated about a body: open questions, and what an acceptance takes for granted.

The contract often says no more than "a string". A target that also wants a DNS label there is stricter than its
contract (a gap), and one that looks the named secret up and does not find it is not wrong at all. So an accepted
request states what it takes for granted: that an unusual value is fine, or that a named thing exists. Plain values
are those that no conforming server has a reason to refuse beyond the contract.

One walk over the body gives both. The tree of nodes is compiled once into places that hold everything the walk
needs, reasons included: the walk is a quarter of the oracle's time, and was half of it when it looked things up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from assay.contract.request import Json, Reason, Source
from assay.contract.schema import STRING_FORMATS, Node

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
# Entries in which the document names alternatives that exclude each other, and says neither that one of them is
# needed nor that none is enough.
_ALTERNATIVES: Final[Mapping[str, tuple[str, ...]]] = {
    "/spec/environmentVariables/*": ("value", "secret", "configMap", "podFieldRef"),
}
# Objects that may hold nothing: the body, whose properties are required where they must be, the spec of an update,
# and a term of which the document says what it means when it is empty.
_MAY_BE_EMPTY: Final = ("", "/spec", "/spec/nodeAffinityRequired/nodeSelectorTerms/*")
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


_UNUSUAL_TEXT = "the contract says no more than 'a string', and this is an unusual one"
_UNUSUAL_NUMBER = "the contract sets no bound here, and this number is unusual"


class Unstated:
    """Answers for the bodies of one operation; ``prefix`` begins every location."""

    def __init__(self, node: Node, prefix: str = "/body") -> None:
        self._root = _compile(node, prefix)

    def questions_and_assumptions(self, body: Json) -> tuple[list[Reason], list[Reason]]:
        """What the document does not decide about ``body`` (whether a conforming server accepts it is open), and what
        an acceptance takes for granted: that an unusual value is fine, or that a named thing exists."""
        questions: list[Reason] = []
        assumed: list[Reason] = []
        _walk(self._root, body, questions, assumed)
        return questions, assumed


@dataclass(slots=True)
class _CompiledNode:
    """A node, compiled. ``shape`` is None where the document says more of a text than that it is one."""

    node: Node
    location: str
    children: dict[str, _CompiledNode]
    item: _CompiledNode | None
    closed: bool
    excludable: bool
    optional: bool
    alternatives: tuple[str, ...]
    reference: Reason | None
    shape: re.Pattern[str] | None
    may_be_empty: bool
    peculiar: bool
    reasons: dict[str, Reason] = field(default_factory=dict)

    def assume(self, what: str, text: str) -> Reason:
        reason = self.reasons.get(text)
        if reason is None:
            reason = self.reasons[text] = Reason(Source.SILENCE, f"assumes-{what}", self.location, text)
        return reason


def _compile(node: Node, prefix: str) -> _CompiledNode:
    location = prefix + node.pointer
    named = REFERENCES.get(node.pointer)
    shape, may_be_empty = shape_of(node.pointer)
    bare = node.enum is None and node.pattern is None and node.format is None
    return _CompiledNode(
        node=node,
        location=location,
        children={name: _compile(child, prefix) for name, child in node.properties.items()},
        item=_compile(node.items, prefix) if node.items is not None else None,
        closed=node.type == "object" and node.additional is None and not node.closed,
        excludable="exclude" in node.properties,
        optional=bool(node.properties) and node.pointer not in _MAY_BE_EMPTY,
        alternatives=_ALTERNATIVES.get(node.pointer, ()),
        reference=(
            Reason(Source.SILENCE, "assumes-exists", location, f"{named} exists on the target")
            if named is not None
            else _of_unknown_format(node, location)
        ),
        shape=shape if bare else None,
        may_be_empty=may_be_empty,
        peculiar=node.pointer == METRIC or node.format in {"uuid", "hostname"},
    )


def _of_unknown_format(node: Node, location: str) -> Reason | None:
    """What a format means that is not asserted, the target knows."""
    if node.type != "string" or node.format is None or node.format in STRING_FORMATS:
        return None
    return Reason(
        Source.SILENCE, "assumes-format", location, f"a text like this is one in the format '{node.format}'"
    )


def _walk(place: _CompiledNode, value: Json, questions: list[Reason], assumed: list[Reason]) -> None:
    if isinstance(value, str):
        if not (value.isascii() and value.isprintable()):
            _of_characters(place, value, questions)
        if place.reference is not None:
            assumed.append(place.reference)
        if place.shape is not None:
            if place.shape.fullmatch(value) is None and not (place.may_be_empty and value == ""):
                assumed.append(place.assume("unusual", _UNUSUAL_TEXT))
        elif place.peculiar:
            _of_peculiar(place, value, assumed)
    elif isinstance(value, dict):
        _of_object(place, value, questions, assumed)
    elif isinstance(value, list):
        if len(value) > 1 and repeats(value):
            assumed.append(place.assume("distinct", "entries of the list may repeat each other"))
        if place.item is not None:
            for entry in value:
                if entry is None and place.item.node.nullable:
                    questions.append(_open("null-entry", place.item.location, "null as an entry of a list"))
                else:
                    _walk(place.item, entry, questions, assumed)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        _of_number(place, value, questions, assumed)


def _of_object(place: _CompiledNode, value: dict[str, Json], questions: list[Reason], assumed: list[Reason]) -> None:
    if place.excludable and value.get("exclude") is True:
        assumed.append(place.assume("excluded", "a policy of the target defines the excluded entry"))
    elif place.alternatives and all(value.get(name) is None for name in place.alternatives):
        assumed.append(place.assume("none-given", f"none of {', '.join(place.alternatives)} is needed"))
    if value.get("existingPvc") is True and "claimName" in place.children:
        assumed.append(place.children["claimName"].assume("exists", "a volume claim of that name exists"))
    if place.optional and all(item is None for item in value.values()):
        assumed.append(place.assume("empty", "an object that says nothing is as good as none"))
    children = place.children
    for name, item in value.items():
        child = children.get(name)
        if child is not None:
            if item is not None:
                _walk(child, item, questions, assumed)
        elif place.closed:
            text = f"'{name[:40]}' is not in the contract"
            questions.append(_open("unknown-property", f"{place.location}/?", text))


def _of_characters(place: _CompiledNode, value: str, questions: list[Reason]) -> None:
    if any("\ud800" <= char <= "\udfff" for char in value):
        questions.append(_open("lone-surrogate", place.location, "no encoding of the text exists"))
    elif any(char < " " and char not in "\t\n\r" for char in value):
        questions.append(_open("control-character", place.location, "few stores keep each control character"))


def _of_peculiar(place: _CompiledNode, value: str, assumed: list[Reason]) -> None:
    """Texts that the document tells more of: identifiers, host names, the metric."""
    if place.node.pointer == METRIC:
        if value not in BUILT_IN_METRICS:
            assumed.append(place.assume("exists", "the custom metric is available on the target"))
    elif place.node.format == "uuid":
        if value != value.lower():
            assumed.append(place.assume("unusual", "an identifier in capitals"))
    elif not LABEL.fullmatch(value.split(".", 1)[0]):
        assumed.append(place.assume("unusual", "an unusual host name"))


def _of_number(place: _CompiledNode, value: float, questions: list[Reason], assumed: list[Reason]) -> None:
    bounds = place.node.bounds
    if (value > LARGEST_PLAIN_NUMBER and "maximum" not in bounds) or (value < 0 and "minimum" not in bounds):
        assumed.append(place.assume("unusual", _UNUSUAL_NUMBER))
    elif value == 0 and place.node.name == "gpuPortionRequest":
        assumed.append(place.assume("unusual", "a request for no share of a GPU at all"))
    if isinstance(value, float) and place.node.type == "integer" and value.is_integer():
        text = f"{value} for an integer: JSON Schema drafts disagree"
        questions.append(_open("integral-float", place.location, text))


def _open(what: str, location: str, text: str) -> Reason:
    return Reason(Source.SILENCE, what, location, text)
