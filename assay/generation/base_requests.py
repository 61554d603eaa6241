"""Finds the body around one value: valid in all else, and as plain as can be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from assay.contract import pointers
from assay.contract.request import ABSENT, Absent, Json, Outcome
from assay.generation.cases import Subject, overlay, plain_body
from assay.generation.completion import Judge, complete
from assay.generation.samples import sample

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
    """The bodies that a value can stand in, for one writing operation."""

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
        """The body with a plain value in that place."""
        return complete(self.judge, pointers.put(body, pointer, sample(self.judge.node.find(pointer))))

    def _bodies(self, pointer: str, value: Json | Absent) -> Iterator[Any]:
        """The plain body, the contexts, an excluded entry, the catalogue's examples; each with ``value`` put in."""
        if pointer == "":
            yield {**self._plain, **value} if isinstance(value, dict) else value
            return
        for start in self._starts(pointer):
            body = pointers.put(start, pointer, value)
            yield complete(self.judge, body, keep_absent=frozenset({pointer}))

    def _starts(self, pointer: str) -> Iterator[dict[str, Any]]:
        parent = pointer.rsplit("/", 1)[0]
        node = self.judge.node
        bare = self._plain
        if parent and pointers.get(bare, parent) is ABSENT:
            bare = pointers.put(bare, parent, sample(node.find(parent)))
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
