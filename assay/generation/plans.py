"""What the contract tests run: planned cases, grouped into plans (one plan a pytest id) and put into batches.

A batch puts accept cases that have nothing to do with each other into one request. A target that accepts a request
with ten legal values in ten unrelated fields accepts each of them; only when it refuses must the ten be sent one by
one to tell which it was. Measured on document 2.22: 1,263 accept cases fit into a quarter of the requests.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from hypothesis.strategies import SearchStrategy

from assay.contract.documents import Contract
from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import Json, Outcome
from assay.generation.base_requests import Judge
from assay.generation.cases import ACCEPT, REJECT, PlannedCase, gpus_of, overlay, plain_body
from assay.generation.combinations import combination_cases
from assay.generation.rule_cases import bound_by, rule_cases, varied
from assay.generation.schema_cases import body_cases, parameter_cases

# A request of more parts than this is hard to read in a report, and one refusal costs that many single requests.
_MOST = 12


@dataclass(frozen=True, slots=True)
class Batch:
    """Accept cases of one operation that go out as one request; ``body`` and ``before`` as in PlannedCase."""

    operation: str
    cases: tuple[PlannedCase, ...]
    body: Mapping[str, Json]
    before: Mapping[str, Json] | None

    @property
    def gpus(self) -> int:
        """GPU devices that the batch asks for at most."""
        spec = self.body.get("spec")
        return max([gpus_of(self.before or {}, spec), *(case.gpus for case in self.cases)])


def batched(oracle: Oracle, cases: Iterable[PlannedCase]) -> tuple[Batch, ...]:
    """Batch the accept cases of creations and updates among ``cases``.

    Every batch is ``accept`` by the oracle. Cases that take something for granted have batches of their own, because
    a target may refuse them, and so have cases that ask for GPUs, because a budget may forbid them; but a case that
    is left alone goes with such a batch, for alone it would cost as much. The order of ``cases`` decides the batches,
    so they are the same every time.
    """
    judges = {name: Judge(oracle, name) for name, kind in oracle.judged.items() if kind is Kind.CREATE}
    open_batches: dict[tuple[str, bool, bool], list[_Draft]] = {}
    for case in cases:
        if not _fits(oracle, case):
            continue
        drafts = open_batches.setdefault((case.operation, bool(case.assumed), case.gpus > 0), [])
        touched = _touched(case)
        if not any(draft.take(oracle, judges, case, touched) for draft in drafts):
            drafts.append(_Draft(case, touched))
    for operation in sorted(oracle.judged):
        for assumed in (False, True):
            alone, asking = ((operation, assumed, gpus) for gpus in (False, True))
            open_batches[alone] = _unsettled(
                oracle, judges, open_batches.get(alone, []), open_batches.get(asking, [])
            )
    return tuple(draft.finish() for drafts in open_batches.values() for draft in drafts)


def _fits(oracle: Oracle, case: PlannedCase) -> bool:
    """Whether a case can share a request: one to be accepted, of an operation that the rules apply to."""
    return case.side == ACCEPT and case.operation in oracle.judged and isinstance(case.body, dict)


def _unsettled(oracle: Oracle, judges: dict[str, Judge], drafts: list[_Draft], takers: list[_Draft]) -> list[_Draft]:
    """``drafts`` without those of a single case that one of ``takers`` has taken in."""
    return [
        draft
        for draft in drafts
        if len(draft.cases) > 1
        or not any(taker.take(oracle, judges, draft.cases[0], draft.touched) for taker in takers)
    ]


class _Draft:
    """A batch that may still grow."""

    def __init__(self, case: PlannedCase, touched: frozenset[str]) -> None:
        self.cases = [case]
        self.body = copy.deepcopy(_body(case))
        self.before = dict(case.before) if case.before is not None else None
        self.touched = touched

    def take(self, oracle: Oracle, judges: dict[str, Judge], case: PlannedCase, touched: frozenset[str]) -> bool:
        """Add ``case``, which is about ``touched``, unless another is, or the whole would not be accepted."""
        if len(self.cases) >= _MOST or not touched or _collide(touched, self.touched):
            return False
        body = _merge(self.body, _body(case), plain_body(Kind.CREATE) if self.before is None else {})
        before = None if self.before is None else _merge(self.before, dict(case.before or {}), overlay({}))
        judge = judges[case.operation] if before is None else Judge(oracle, case.operation, before)
        expectation = judge.expect(body)
        if expectation.outcome is not Outcome.ACCEPT or bool(expectation.assumes) != bool(case.assumed):
            return False
        self.cases.append(case)
        self.body, self.before = body, before
        self.touched |= touched
        return True

    def finish(self) -> Batch:
        return Batch(self.cases[0].operation, tuple(self.cases), self.body, self.before)


def _body(case: PlannedCase) -> dict[str, Any]:
    return case.body if isinstance(case.body, dict) else {}


def _collide(one: frozenset[str], two: frozenset[str]) -> bool:
    """Whether a field of one is a field of two, or the section that holds it: ``storage`` holds ``storage.pvc``."""
    return any(a == b or a.startswith(f"{b}.") or b.startswith(f"{a}.") for a in one for b in two)


def _touched(case: PlannedCase) -> frozenset[str]:
    return frozenset(_fields(case))


def _fields(case: PlannedCase) -> Iterator[str]:
    """The fields a case is about: what differs from the plain body; storage and security one level deeper."""
    plain = plain_body(Kind.CREATE if case.before is None else Kind.UPDATE)
    body = _body(case)
    for name, value in body.items():
        if name != "spec" and plain.get(name) != value:
            yield name
    spec = body.get("spec")
    yield from _touched_spec(spec if isinstance(spec, dict) else {}, plain["spec"] if case.before is None else {})
    if case.before is not None:
        yield from _touched_spec(dict(case.before), overlay({}))


def _touched_spec(spec: Mapping[str, Json], plain: Mapping[str, Json]) -> Iterator[str]:
    for name, value in spec.items():
        if name in plain and plain[name] == value:
            continue
        if name in {"storage", "security"} and isinstance(value, dict) and value:
            yield from (f"{name}.{inner}" for inner in value)
        else:
            yield name


def _merge(one: Mapping[str, Json], two: Mapping[str, Json], plain: Mapping[str, Json]) -> dict[str, Any]:
    """``two`` laid over ``one``; what is plain in ``two`` does not undo what ``one`` is about."""
    merged = dict(one)
    for key, value in two.items():
        inner, usual = merged.get(key), plain.get(key)
        if key in merged and key in plain and value == usual:
            continue
        if isinstance(inner, dict) and isinstance(value, dict):
            merged[key] = _merge(inner, value, usual if isinstance(usual, dict) else {})
        else:
            merged[key] = value
    return merged


@dataclass(frozen=True, slots=True)
class Plan:
    """Cases that belong to one test id, all of one operation and one side."""

    id: str
    cases: tuple[PlannedCase, ...]


@dataclass(frozen=True, slots=True)
class Variation:
    """Further fragments of one side of a rule, which Hypothesis draws and shrinks."""

    id: str
    cases: SearchStrategy[PlannedCase] = field(repr=False)  # Hypothesis would parse source to describe it


class Plans:
    """All plans against one contract, and the batches of their accept cases.

    Each group is made when it is first asked for: the rules take 0.2 s of a core, the schema 2 s, the combinations
    1.5 s, and a run of a few tests needs one of them.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._oracle = Oracle(contract)

    @cached_property
    def rules(self) -> tuple[Plan, ...]:
        return _group(self._of_rules)

    @cached_property
    def schema(self) -> tuple[Plan, ...]:
        return _group(self._of_schema)

    @cached_property
    def combinations(self) -> tuple[Plan, ...]:
        return _group(self._of_combinations)

    @cached_property
    def variations(self) -> tuple[Variation, ...]:
        return tuple(_variations(self._oracle))

    @cached_property
    def batches(self) -> tuple[Batch, ...]:
        """The batches of all plans."""
        return batched(self._oracle, (*self._of_rules, *self._of_schema, *self._of_combinations))

    def batches_of(self, chosen: Iterable[PlannedCase]) -> tuple[Batch, ...]:
        """The batches of the ``chosen`` cases, with no others in them; of all cases, they are those of all plans."""
        ids = {case.id for case in chosen}
        areas = {name.partition("/")[0] for name in ids}
        groups = [getattr(self, f"_of_{area}") for area in ("rules", "schema", "combinations") if area in areas]
        return batched(self._oracle, [case for group in groups for case in group if case.id in ids])

    @cached_property
    def _of_rules(self) -> tuple[PlannedCase, ...]:
        return tuple(case for rule in self._oracle.rules for case in rule_cases(self._oracle, rule).cases)

    @cached_property
    def _of_schema(self) -> tuple[PlannedCase, ...]:
        return tuple(case for name in self._contract.operations for case in _schema_cases(self._oracle, name))

    @cached_property
    def _of_combinations(self) -> tuple[PlannedCase, ...]:
        return combination_cases(self._oracle).cases

    def holds(self, case: PlannedCase) -> bool:
        """Whether a batch may hold ``case``; to know that, none has to be made."""
        return _fits(self._oracle, case)


@cache
def plans(contract: Contract) -> Plans:
    """The plans against ``contract``, one object for each."""
    return Plans(contract)


def _schema_cases(oracle: Oracle, operation: str) -> Iterable[PlannedCase]:
    if operation in oracle.judged:
        yield from body_cases(oracle, operation).cases
    yield from parameter_cases(oracle, operation).cases


def _variations(oracle: Oracle) -> Iterator[Variation]:
    for rule in oracle.rules:
        for operation in bound_by(oracle, rule):
            for side in (ACCEPT, REJECT):
                cases = varied(oracle, rule, operation, side)
                if cases is not None:
                    yield Variation(f"{rule.id}[{operation}-{side}]", cases)


def _group(cases: Iterable[PlannedCase]) -> tuple[Plan, ...]:
    """``rules/compute/x/create-reject/just-above`` belongs to ``compute/x[create-reject]``."""
    grouped: dict[str, list[PlannedCase]] = {}
    for case in cases:
        grouped.setdefault(_plan_id(case), []).append(case)
    return tuple(Plan(name, tuple(found)) for name, found in grouped.items())


def _plan_id(case: PlannedCase) -> str:
    steps = case.id.split("/")
    if steps[0] == "rules":
        return f"{'/'.join(steps[1:3])}[{case.operation}-{case.side}]"
    if steps[0] == "combinations":
        return f"{steps[1]}[{case.operation}-{case.side}]"
    # schema/create/spec.compute.gpuPortionRequest/minimum/reject
    return f"{steps[1]}/{steps[2]}[{case.side}]"
