"""The ordinary request that a case deviates from: the same with an ordinary value, or none, where it deviates.

What a target makes of a deviation says something only if it takes the request without it. So each case that writes a
body knows one that the contract accepts, takes as little for granted as can be, and differs from it in one place; in
more only where rules tie that place to others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from assay.contract import pointers
from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import ABSENT, Json, Outcome, Source
from assay.contract.schema import Node
from assay.contract.steps import Steps, below, get, put, templated
from assay.generation.base_requests import Judge, complete
from assay.generation.cases import ACCEPT, PlannedCase, Subject, overlay, plain_body
from assay.generation.ordinary import filling, ordinary
from assay.generation.values import PLAIN_SPEC

ORDINARY: Final = "ordinary"
"""What stands for the rule, or the keyword, where an ordinary request is refused."""

# What rules tie to a value that is left out goes with it: in the 2.22 document at most this many times.
_MOST_STEPS: Final = 6


class OrdinaryRequests:
    """Finds the ordinary request of each case against one contract; one that many share is the same for them all."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self._found: dict[str, PlannedCase] = {}
        self._by_case: dict[str, PlannedCase | None] = {}
        self._of_parts: dict[tuple[str, str], PlannedCase | None] = {}

    def of(self, case: PlannedCase) -> PlannedCase | None:
        """The ordinary request of ``case``, as a case of its own; None where it writes no body, or there is none."""
        if case.id not in self._by_case:
            self._by_case[case.id] = self._search(case) if case.operation in self._oracle.judged else None
        return self._by_case[case.id]

    def of_parts(self, case: PlannedCase) -> tuple[PlannedCase, ...]:
        """The plainest requests that say something in the parts of the specification of which ``case`` does: what is
        stored before an update, in a creation."""
        creation = self._oracle.contract.creation.name
        places = [
            (case.operation, place) for place in parts(case.body.get("spec") if isinstance(case.body, dict) else {})
        ]
        places += [(creation, place) for place in parts(case.before)]
        found = [self._of_part(operation, place) for operation, place in places if operation in self._oracle.judged]
        return tuple(each for each in found if each is not None)

    def _of_part(self, operation: str, place: str) -> PlannedCase | None:
        if (operation, place) not in self._of_parts:
            self._of_parts[operation, place] = self._plainest(operation, place)
        return self._of_parts[operation, place]

    def _plainest(self, operation: str, place: str) -> PlannedCase | None:
        judge = Judge(self._oracle, operation)
        node = _node(judge.node, tuple(place.split("/")[1:]))
        if node is None or not (node.properties or (node.items is not None and node.items.properties)):
            return None
        subject = Subject(Source.SCHEMA, ORDINARY, "/body" + place)
        before = PLAIN_SPEC if judge.kind is Kind.UPDATE else None
        case = PlannedCase(place, operation, ACCEPT, place, subject, before=before)
        value = filling(node) or ordinary(node)
        return self._accepted(judge, case, complete(judge, pointers.put(plain_body(judge.kind), place, value)))

    def _search(self, case: PlannedCase) -> PlannedCase | None:
        judge = Judge(self._oracle, case.operation, case.before)
        best: PlannedCase | None = None
        for bodies in _tiers(judge, case):
            accepted = [made for body in bodies if (made := self._accepted(judge, case, body)) is not None]
            for made in sorted(accepted, key=lambda each: (len(each.assumed), each.id not in self._found)):
                if best is None or len(made.assumed) < len(best.assumed):
                    best = made
            if best is not None and len(best.assumed) <= len(case.assumed):
                break
        return None if best is None else self._found.setdefault(best.id, best)

    def _accepted(self, judge: Judge, case: PlannedCase, body: Json) -> PlannedCase | None:
        expectation = judge.expect(body)
        if expectation.outcome is not Outcome.ACCEPT:
            return None
        return _case(case, body, tuple(dict.fromkeys(reason.text for reason in expectation.assumes)))


def _case(case: PlannedCase, body: Json, assumed: tuple[str, ...]) -> PlannedCase:
    place = section(body)
    text = json.dumps([case.operation, body, case.before], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return PlannedCase(
        id=f"{ORDINARY}/{case.operation}/{pointers.dotted(place)}/{digest}",
        operation=case.operation,
        side=ACCEPT,
        title=f"an ordinary request{_with(place)}",
        reason=Subject(Source.SCHEMA, ORDINARY, "/body" + place),
        body=body,
        before=case.before,
        assumed=assumed,
    )


def parts(spec: Json) -> list[str]:
    """The parts of which a spec says something beside the plain one: ``/spec/ports``, ``/spec/storage/nfs``."""
    found: list[str] = []
    for name, value in spec.items() if isinstance(spec, Mapping) else ():
        if name == "storage" and isinstance(value, dict):
            found += [f"/spec/{name}/{inner}" for inner in value]
        elif name not in PLAIN_SPEC:
            found.append(f"/spec/{name}")
    return found


def _with(place: str) -> str:
    name = pointers.dotted(place).removeprefix("spec").removeprefix(".")
    return f" with {name}" if name else ""


def section(body: Json) -> str:
    """The pointer of what an ordinary request says beside the plain one: the innermost object or list that holds it.

    >>> section({"spec": {"image": "registry.example/echo:1.0", "ports": [{"container": 8080}]}})
    '/spec/ports'
    """
    spec = body.get("spec") if isinstance(body, dict) else None
    place, value = "/spec", spec if isinstance(spec, dict) else {}
    said = {name: item for name, item in value.items() if name not in PLAIN_SPEC}
    while len(said) == 1:
        [(name, value)] = said.items()
        place = f"{place}/{name}"
        if not isinstance(value, dict) or not any(isinstance(item, (dict, list)) for item in value.values()):
            break
        said = value
    return place


# --- what may be ordinary instead -------------------------------------------------------------------------------


def _tiers(judge: Judge, case: PlannedCase) -> Iterator[list[Any]]:
    """Bodies that may be the ordinary one of ``case``: those of an earlier list are nearer to it."""
    plain, body = plain_body(judge.kind), case.body
    where = case.reason.location
    place = where.removeprefix("/body")
    if not where.startswith("/body"):
        yield [body]  # not the body is under test
    elif isinstance(body, dict) and place.startswith("/spec") and isinstance(body.get("spec"), dict):
        yield from _in_spec(judge, case, body, place)
        yield [plain]
    elif isinstance(body, dict) and place.strip("/") in plain:
        yield [{**body, place.strip("/"): plain[place.strip("/")]}]
    else:
        yield [plain]


def _in_spec(judge: Judge, case: PlannedCase, body: dict[str, Any], place: str) -> Iterator[list[Any]]:
    about = [way for way in _ways(body, place) if len(way) > 1]
    for steps in about:
        for otherwise in _otherwise(judge, case, body, steps):
            yield [otherwise]
    yield [_without(judge, body, steps) for steps in about]
    yield from ([_completed(judge, body, steps)] for steps in about)
    within = [steps for steps in _innermost(body, ("spec",)) if _is_said(steps) and steps not in about]
    yield [_without(judge, body, steps) for steps in within]
    yield [_untied(judge, _less(body, steps)) for steps in about]
    yield _kept(judge, case)
    yield [_untied(judge, _less(body, steps)) for steps in within]


def _otherwise(judge: Judge, case: PlannedCase, body: Json, steps: Steps) -> Iterator[Any]:
    """The body that differs at ``steps`` and nowhere else: with nothing there or, best where something is wrong with
    the value, an ordinary one."""
    held, node = get(body, steps), _node(judge.node, steps)
    plain = [] if node is None or held == ordinary(node) else [put(body, steps, ordinary(node))]
    without = [] if held is ABSENT or _is_alone(body, steps) else [_less(body, steps)]
    yield from [*without, *plain] if case.side == ACCEPT else [*plain, *without]


def _without(judge: Judge, body: Json, steps: Steps) -> Any:
    """The body with nothing at ``steps``; the plain one where nothing is left, for an update must name something."""
    left = _less(body, steps)
    return left if left["spec"] else plain_body(judge.kind)


def _is_alone(body: Json, steps: Steps) -> bool:
    """Whether what holds a place would hold nothing without it."""
    holder = get(body, steps[:-1])
    return len(steps) > 2 and isinstance(holder, (dict, list)) and len(holder) == 1


def _completed(judge: Judge, body: Json, steps: Steps) -> Any:
    """The body with an ordinary value at ``steps``, and with what that calls for."""
    node = _node(judge.node, steps)
    return complete(judge, _less(body, steps) if node is None else put(body, steps, ordinary(node)))


def _kept(judge: Judge, case: PlannedCase) -> list[Any]:
    """What keeps the rule that a case breaks, of which the catalogue has examples."""
    before = case.before or PLAIN_SPEC
    rules = (rule for rule in judge.oracle.rules if case.reason.source is Source.RULE and rule.id == case.reason.id)
    fragments = [each.fragment for rule in rules for each in rule.accepts if overlay(each.before) == before]
    if judge.kind is Kind.UPDATE:
        return [{"spec": dict(fragment)} for fragment in fragments]
    return [{**plain_body(judge.kind), "spec": overlay(fragment)} for fragment in fragments]


def _untied(judge: Judge, body: Json) -> Any:
    """The body without what the oracle has against it, over and over."""
    for _ in range(_MOST_STEPS):
        reasons = judge.expect(body).reasons
        held = [way for each in reasons for way in _ways(body, each.location.removeprefix("/body"))]
        held = [way for way in held if get(body, way) is not ABSENT and len(way) > 1]
        if not held:
            return body
        body = _less(body, held[0])
    return body


def _is_said(steps: Steps) -> bool:
    """Whether a place says anything that the plain request does not."""
    return len(steps) > 1 and not (len(steps) == 2 and steps[1] in PLAIN_SPEC)


# --- places of a body -------------------------------------------------------------------------------------------


def _node(root: Node, steps: Steps) -> Node | None:
    try:
        return root.find(templated(steps))
    except KeyError:
        return None


def _ways(body: Json, place: str) -> Iterator[Steps]:
    """The places that a templated pointer means in a body; the last step need not be there."""
    yield from _step_by_step(body, place.split("/")[1:], ())


def _step_by_step(value: Json, steps: list[str], taken: Steps) -> Iterator[Steps]:
    if not steps:
        yield taken
    elif steps[0] == "*" and isinstance(value, list):
        for number, item in enumerate(value):
            yield from _step_by_step(item, steps[1:], (*taken, number))
    elif isinstance(value, dict) and (steps[0] in value or len(steps) == 1):
        yield from _step_by_step(value.get(steps[0]), steps[1:], (*taken, steps[0]))


def _innermost(body: Json, steps: Steps) -> Iterator[Steps]:
    """A place and those within it, the last and innermost first."""
    for inner in below(body, steps):
        yield from _innermost(body, inner)
    yield steps


def _less(body: Json, steps: Steps) -> Any:
    """``body`` without one place, and without what would be left empty around it."""
    left = put(body, steps, ABSENT)
    above = steps[:-1]
    return left if get(left, above) or len(above) < 2 else _less(left, above)
