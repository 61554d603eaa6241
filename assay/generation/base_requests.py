"""Bodies that are valid and as plain as can be: complete ones, and those around one given value.

A spec is completed by asking the oracle what is missing, so nothing here lists mandatory fields: a rule that a later
version adds is obeyed as soon as the catalogue has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from assay.contract import pointers
from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import ABSENT, Absent, Expectation, Json, Outcome, Request
from assay.contract.schema import Node
from assay.generation.cases import NOWHERE, Subject, overlay, plain_body
from assay.generation.ordinary import filled, usable
from assay.generation.values import PLAIN_SPEC, sample

# A field may call for another one (a probe for its handler, that for its action, that for a port). Nothing in the
# 2.22 document needs more than four steps.
_MOST_STEPS: Final = 12


@dataclass(frozen=True, slots=True)
class Judge:
    """Asks the oracle about bodies of one writing operation."""

    oracle: Oracle
    operation: str
    before: Mapping[str, Json] | None = None

    @property
    def kind(self) -> Kind:
        return self.oracle.contract.operations[self.operation].kind

    @property
    def node(self) -> Node:
        return self.oracle.bodies[self.operation]

    def expect(self, body: Json) -> Expectation:
        """The expectation for ``body``; an update is laid over the plain spec unless ``before`` says otherwise."""
        path = dict.fromkeys(self.oracle.contract.operations[self.operation].needs, NOWHERE)
        stored = (self.before or PLAIN_SPEC) if self.kind is Kind.UPDATE else None
        return self.oracle.expect(Request(self.operation, path, body=body), stored)

    def accepts(self, body: Json) -> bool:
        return self.expect(body).outcome is Outcome.ACCEPT


def smallest_body(node: Node) -> dict[str, Any]:
    """The smallest plain body of an operation: its required properties and, below ``spec``, the plain spec."""
    body: dict[str, Any] = {"spec": dict(PLAIN_SPEC)}
    for name in ("name", "projectId", "clusterId"):
        if name in node.properties:
            body[name] = NOWHERE if name == "clusterId" else "assay"
    return {name: body[name] for name in [*node.properties, *body] if name in body}


def complete(judge: Judge, body: Json, keep_absent: frozenset[str] = frozenset()) -> Any:
    """Add a plain sample wherever the oracle misses something, and return the result.

    Places in ``keep_absent`` (templated pointers) are left alone. The result need not be accepted: what is wrong
    otherwise than by absence stays wrong.
    """
    for _ in range(_MOST_STEPS):
        expectation = judge.expect(body)
        missing = sorted({reason.location.removeprefix("/body") for reason in expectation.reasons} - keep_absent)
        additions = [item for place in missing for item in _additions(judge.node, body, place)]
        if expectation.outcome is Outcome.ACCEPT or not additions:
            return body
        for place, value in additions:
            body = pointers.put(body, place, value)
    return body


def mandatory(judge: Judge, pointer: str) -> frozenset[str]:
    """The properties that an object at ``pointer`` cannot be without, by schema or by rule."""
    needed = _closure(judge, pointer, None)
    if len(needed) < 2:
        return needed
    # An object that may not be empty was given some property first: what another start does not call for is no need.
    return frozenset(
        name for name in needed if any(name in _closure(judge, pointer, other) for other in needed - {name})
    )


def _closure(judge: Judge, pointer: str, start: str | None) -> frozenset[str]:
    """The properties of the completed object at ``pointer`` that began empty, or with the property ``start``."""
    node = judge.node.find(pointer)
    first = {start: sample(node.properties[start])} if start is not None else {}
    body = complete(judge, pointers.put(smallest_body(judge.node), pointer, {**sample(node), **first}))
    value = pointers.get(body, pointer)
    return frozenset(value) if isinstance(value, dict) else frozenset()


def _additions(root: Node, body: Json, place: str) -> Iterator[tuple[str, Json]]:
    """What to put where something is missed: a sample at the place itself, or into an object that is empty there."""
    node = _node(root, place)
    if node is None:
        return
    value = pointers.get(body, place)
    if value in (ABSENT, None):
        yield place, sample(node)
    elif value == {} and node.properties:
        name, child = next(iter(node.properties.items()))
        yield f"{place}/{name}", sample(child)


def _node(root: Node, pointer: str) -> Node | None:
    try:
        return root.find(pointer)
    except KeyError:
        return None


# What a field needs beside it to be decided either way, where the oracle's "missing" does not say it: the values of
# its neighbours. By the beginning of the pointer; the plain spec comes first, then these in their order.
_CONTEXTS: Final[tuple[tuple[str, Mapping[str, Json]], ...]] = (
    ("/spec/compute/", {"compute": {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0.5}}),
    ("/spec/compute/", {"compute": {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0}}),
    ("/spec/compute/", {"compute": {"gpuDevicesRequest": 1, "gpuRequestType": "memory", "gpuMemoryRequest": "1k"}}),
    ("/spec/compute/", {"compute": {"gpuDevicesRequest": 1, "gpuRequestType": "migProfile", "migProfile": "1g.5gb"}}),
    ("/spec/autoscaling/", {"autoscaling": {"minReplicas": 0}}),
    (
        "/spec/autoscaling/",
        {"autoscaling": {"minReplicas": 1, "maxReplicas": 1, "metric": "throughput", "metricThreshold": 10}},
    ),
    (
        "/spec/autoscaling/activationReplicas",
        {"autoscaling": {"maxReplicas": 2**31 - 1, "metric": "throughput", "metricThreshold": 10}},
    ),
    (
        "/spec/tolerations/",
        {
            "tolerations": [
                {"name": "taint", "key": "spot", "operator": "Exists", "effect": "NoExecute", "exclude": True}
            ]
        },
    ),
    ("/spec/security/", {"security": {"uidGidSource": "custom"}}),
    (
        "/spec/environmentVariables/*/value",
        {"environmentVariables": [{"name": "MODE", "podFieldRef": {"path": "metadata.name"}}]},
    ),
    ("/spec/servingPort/", {"servingPort": {"container": 8080, "authorizationType": "authorizedUsersOrGroups"}}),
    (
        "/spec/servingPort/authorizationType",
        {"servingPort": {"container": 8080, "authorizedUsers": ["ada@example.com"]}},
    ),
    ("/spec/storage/pvc/", {"storage": {"pvc": [{"path": "/data", "existingPvc": True, "claimName": "claim"}]}}),
    *(
        (
            "/spec/nodeAffinityRequired/",
            {
                "nodeAffinityRequired": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "zone", "operator": operator, "values": values}]}
                    ]
                }
            },
        )
        for operator, values in (("In", ["a"]), ("Gt", ["4"]), ("Exists", []))
    ),
)


class BaseRequests:
    """The bodies that a value can stand in, for one writing operation; an ordinary one where there is one."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self._plain = plain_body(judge.kind)

    def refused(self, pointer: str, value: Json | Absent, subject: Subject) -> Json | Absent:
        """A body that is refused for ``subject`` because ``value`` stands at ``pointer``; ABSENT if there is none.

        Best is a body in which ``subject`` is the only reason and which is accepted with a plain value in that place,
        so that it is valid in all else. A list entry that is wrong stands between two that are right, where it may: a
        target that looks at the first or the last one only takes it.
        """
        found: list[tuple[tuple[bool, bool], Json]] = []
        for body in self._bodies(pointer, value):
            expectation = self.judge.expect(body)
            if expectation.outcome is Outcome.REJECT and subject.decides(expectation.reasons):
                flaws = not subject.alone_in(expectation.reasons), not self._accepted_otherwise(pointer, body)
                found.append((flaws, body))
                if not any(flaws):
                    break
        return self._surrounded(min(found, key=lambda item: item[0])[1], pointer, subject) if found else ABSENT

    def _surrounded(self, body: Json, pointer: str, subject: Subject) -> Json:
        """The body with the entry that is wrong between two right ones: in the innermost list that allows for it."""
        for place in _lists(pointer):
            right = self._otherwise(pointer, body)
            entry, wrong = pointers.get(right, f"{place}/*"), pointers.get(body, place)
            if entry is ABSENT or not isinstance(wrong, list) or len(wrong) != 1 or not self.judge.accepts(right):
                continue
            before, after = (self._another(right, place, entry, number) for number in (1, 2))
            among = pointers.put(body, place, [before, *wrong, after])
            expectation = self.judge.expect(among)
            if expectation.outcome is Outcome.REJECT and subject.alone_in(expectation.reasons):
                return among
        return body

    def accepted(self, pointer: str, value: Json | Absent) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
        """An accepted body with ``value`` at ``pointer`` and what its acceptance assumes; fewest assumptions first.

        (None, reasons) when no body is accepted; the reasons are those of the plainest one.
        """
        best: tuple[dict[str, Any] | None, tuple[str, ...]] = (None, ())
        for body in self._bodies(pointer, value):
            expectation = self.judge.expect(body)
            assumed = tuple(dict.fromkeys(reason.text for reason in expectation.assumes))
            if expectation.outcome is Outcome.ACCEPT:
                if not assumed:
                    return body, ()
                if best[0] is None or len(assumed) < len(best[1]):
                    best = body, assumed
            elif best == (None, ()):
                best = None, tuple(f"{reason.id}: {reason.text}" for reason in expectation.reasons)
        return best

    def _another(self, right: Json, place: str, entry: Json, number: int) -> Json:
        """An entry like ``entry`` with other names and numbers wherever the list is still right with them.

        Two entries of one name or path may be refused for that, and then nobody learns what the target thinks of the
        wrong one between them.
        """
        if not isinstance(entry, dict):
            return next(filter(lambda other: self._takes(right, place, other), _varied(entry, number)), entry)
        for name, value in entry.items():
            others = ({**entry, name: other} for other in _varied(value, number))
            entry = next(filter(lambda other: self._takes(right, place, other), others), entry)
        return entry

    def _takes(self, right: Json, place: str, entry: Json) -> bool:
        return self.judge.accepts(pointers.put(right, f"{place}/*", entry))

    def _accepted_otherwise(self, pointer: str, body: Json) -> bool:
        return pointer == "" or self.judge.accepts(self._otherwise(pointer, body))

    def _otherwise(self, pointer: str, body: Json) -> Any:
        """The body with a plain value in that place; with none where the contract knows no such place."""
        node = _node(self.judge.node, pointer)
        return complete(self.judge, pointers.put(body, pointer, ABSENT if node is None else sample(node)))

    def _bodies(self, pointer: str, value: Json | Absent) -> Iterator[Any]:
        """The ordinary body, the plain one, the contexts, an excluded entry, the catalogue's examples; each with
        ``value`` put in."""
        if pointer == "":
            yield {**self._plain, **value} if isinstance(value, dict) else value
            return
        for start in self._starts(pointer):
            body = filled(self.judge.node, pointers.put(start, pointer, value), pointer)
            yield complete(self.judge, body, keep_absent=frozenset({pointer}))

    def _starts(self, pointer: str) -> Iterator[dict[str, Any]]:
        parent = pointer.rsplit("/", 1)[0]
        node = self.judge.node
        bare = self._plain
        if parent and pointers.get(bare, parent) is ABSENT:
            bare = pointers.put(bare, parent, sample(node.find(parent)))
        yield usable(node, bare, pointer)
        yield bare
        for beginning, fragment in _CONTEXTS:
            if pointer.startswith(beginning):
                yield {**self._plain, "spec": overlay(fragment)}
        item = _entry(pointer)
        if item is not None and "exclude" in node.find(item).properties:
            yield pointers.put(bare, f"{item}/exclude", True)
        for fragment in _examples(self.judge, parent):
            yield {**self._plain, "spec": overlay(fragment)}


def _varied(value: Json, number: int) -> Iterator[Json]:
    """Other values of the same kind, the plainest first; none of a quantity, a truth value, an object or a list."""
    if isinstance(value, str) and not value[:1].isdigit():
        name, at, host = value.partition("@")
        yield f"{name}{number}{at}{host}"
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value + number


def _lists(pointer: str) -> Iterator[str]:
    """The lists on the way to a place, the innermost first: ``/spec/ports`` for ``/spec/ports/*/container``."""
    steps = pointer.split("/")
    for number in range(len(steps) - 1, 0, -1):
        if steps[number] == "*":
            yield "/".join(steps[:number])


def _entry(pointer: str) -> str | None:
    """The list entry that a place belongs to: ``/spec/ports/*`` for ``/spec/ports/*/container``."""
    return pointer[: pointer.rindex("/*") + 2] if "/*" in pointer else None


@lru_cache(maxsize=1024)
def _examples(judge: Judge, parent: str) -> tuple[Mapping[str, Json], ...]:
    """The catalogue's accept cases in which something stands at ``parent``, the smallest first, three at most."""
    below = parent.removeprefix("/spec")
    found = [
        case.fragment
        for rule in judge.oracle.rules
        for case in rule.accepts
        if judge.kind in (case.on or rule.applies) and not case.before and below in set(pointers.keys(case.fragment))
    ]
    return tuple(sorted(found, key=lambda fragment: len(str(fragment)))[:3]) if below else ()
