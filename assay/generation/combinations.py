"""GPU request options and autoscaling options, combined pairwise.

Every pair of values (null and absent included) stands in an accepted case where there is one, so that a target that
refuses the pair is found; else in a case that is refused for one reason; else in one that is refused. What no case
with a known expectation can hold is listed. The covering arrays are allpairspy's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any, Final

from allpairspy import AllPairs

from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import ABSENT, Absent, Expectation, Json, Outcome, Source
from assay.contract.schema import Node
from assay.generation.base_requests import Judge
from assay.generation.cases import (
    ACCEPT,
    REJECT,
    CaseList,
    Excluded,
    PlannedCase,
    Side,
    Subject,
    overlay,
    plain_body,
)
from assay.generation.values import PLAIN_SPEC, pool

Value = Json | Absent


@dataclass(frozen=True, slots=True)
class CombinedOptions:
    """Fields of one section of the spec, each with the values that are combined: absent and null first.

    The first ``dependent`` fields are those that rules make depend on each other; the others change no
    expectation from accept to reject.
    """

    section: str
    fields: Mapping[str, tuple[Value, ...]]
    dependent: int


# The values that the rules tell apart; what decides most stands first, so that the search fails early. A field that
# is not listed (a later document's) gets its simplest value.
_GPU: Final[Mapping[str, tuple[Json, ...]]] = {
    "gpuDevicesRequest": (0, 1, 2),
    "gpuRequestType": ("portion", "memory", "migProfile"),
    "gpuPortionRequest": (0.5, 1, 1.5),
    "gpuPortionLimit": (0.25, 1),
    "gpuMemoryRequest": ("1Gi", "2G"),
    "gpuMemoryLimit": ("1000M", "4Gi"),
    "migProfile": ("1g.5gb",),
}
_AUTOSCALING: Final[Mapping[str, tuple[Json, ...]]] = {
    "minReplicas": (0, 1, 2),
    "maxReplicas": (1, 2, 3),
    "metric": ("throughput", "concurrency", "latency", "queue_length"),
    "metricThreshold": (10,),
    "metricThresholdPercentage": (50,),
    "scaleToZeroRetentionSeconds": (60,),
    "initialReplicas": (2,),
    "activationReplicas": (2,),
}


def gpu_options(spec: Node) -> CombinedOptions:
    """The GPU request options of a spec's ``compute``."""
    names = [name for name in spec.properties["compute"].properties if name.startswith("gpu") or name in _GPU]
    return _options(spec, "compute", names, _GPU)


def autoscaling_options(spec: Node) -> CombinedOptions:
    """Every option of a spec's ``autoscaling``."""
    return _options(spec, "autoscaling", list(spec.properties["autoscaling"].properties), _AUTOSCALING)


def _options(spec: Node, section: str, names: list[str], listed: Mapping[str, tuple[Json, ...]]) -> CombinedOptions:
    properties = spec.properties[section].properties
    dependent = [name for name in listed if name in properties]
    ordered = [*dependent, *(name for name in names if name not in listed)]
    return CombinedOptions(
        section,
        {name: (ABSENT, None, *listed.get(name, (pool(properties[name]).values[0],))) for name in ordered},
        len(dependent),
    )


Row = tuple[Value, ...]
Pair = tuple[int, str, int, str]
"""Two positions in a row with the values that stand there, as text."""

_UNKNOWN: Final = "in every case that holds both values the expectation is open"


def combination_cases(oracle: Oracle, operation: str | None = None) -> CaseList:
    """The pairwise cases of a writing operation (None: the creation).

    Ids read ``combinations/compute/create-accept/3f2a9c1b``.
    """
    judge = Judge(oracle, operation or oracle.contract.creation.name)
    spec = judge.node.find("/spec")
    found = CaseList()
    described = {name for name, section in spec.properties.items() if section.properties}
    sections = {"compute": gpu_options, "autoscaling": autoscaling_options}
    for options in (options(spec) for name, options in sections.items() if name in described):
        found += _PairSearch(judge, options).run()
    return found


def pairs_of(row: Row) -> set[Pair]:
    """The pairs of values that a row holds."""
    texts = [(position, _text(value)) for position, value in enumerate(row)]
    return {(*one, *two) for one, two in combinations(texts, 2)}


def all_pairs(options: CombinedOptions) -> Iterator[Pair]:
    """Every pair of values of two different options, in a fixed order."""
    columns = list(enumerate(options.fields.values()))
    for (one, left), (two, right) in combinations(columns, 2):
        yield from ((one, _text(a), two, _text(b)) for a, b in product(left, right))


def row_of(options: CombinedOptions, case: PlannedCase) -> Row:
    """The row that a case was made from."""
    assert isinstance(case.body, Mapping)
    section = case.body["spec"][options.section]
    return tuple(section.get(name, ABSENT) for name in options.fields)


@dataclass
class _PairSearch:
    """Collects rows until every pair is covered or known to be impossible."""

    judge: Judge
    options: CombinedOptions
    _covered: set[Pair] = field(default_factory=set)
    _cases: list[PlannedCase] = field(default_factory=list)

    def run(self) -> CaseList:
        accepted, refused_once, refused = self._judged()
        for row in self._array(accepted):
            self._take(row)
        for rows in (accepted, refused_once, refused):
            for pair in all_pairs(self.options):
                if pair not in self._covered:
                    self._cover(pair, rows)
        missing = [pair for pair in all_pairs(self.options) if pair not in self._covered]
        return CaseList(tuple(self._cases), tuple(Excluded(self._pair_id(pair), _UNKNOWN) for pair in missing))

    def _judged(self) -> tuple[list[Row], list[Row], list[Row]]:
        """Every row of the dependent options that is accepted, refused for one reason, refused for several.

        Null means absent to the oracle, so only one of both is asked about: 3,456 rows of GPU options.
        """
        columns = list(self.options.fields.values())[: self.options.dependent]
        found: tuple[list[Row], list[Row], list[Row]] = [], [], []
        for row in product(*([value for value in column if value is not None] for column in columns)):
            expectation = self.judge.expect(self._body(row))
            if expectation.outcome is Outcome.ACCEPT:
                found[0].append(row)
            elif expectation.outcome is Outcome.REJECT:
                once = len({(reason.id, reason.location) for reason in expectation.reasons}) == 1
                found[1 if once else 2].append(row)
        return found

    def _array(self, rows: list[Row]) -> Iterator[Row]:
        """Rows of a covering array, each of which is one of ``rows`` with nulls in some absent places."""
        beginnings = {_key(row[:length]) for row in rows for length in range(1, len(row) + 1)}
        dependent = self.options.dependent
        columns = list(self.options.fields.values())
        for row in AllPairs(columns, filter_func=lambda part: len(part) > dependent or _key(part) in beginnings):
            yield tuple(row)

    def _cover(self, pair: Pair, rows: list[Row]) -> None:
        """Take the one of ``rows`` that, with nulls put in, holds ``pair`` and most of the other pairs in want."""
        one, left, two, right = pair
        fixed = {one: left, two: right}
        wanted = [(place, _readings(text)) for place, text in fixed.items() if place < self.options.dependent]
        best: Row | None = None
        gain = 0
        for row in rows:
            if all(_text(row[place]) in readings for place, readings in wanted):
                filled = self._filled(row, fixed)
                fresh = len(pairs_of(filled) - self._covered)
                if fresh > gain:
                    best, gain = filled, fresh
        if best is not None:
            self._take(best)

    def _filled(self, row: Row, fixed: Mapping[int, str]) -> Row:
        """The whole row: nulls where they are new, values for the options that depend on no other."""
        filled: list[Value] = []
        texts: list[str] = []
        for place, column in enumerate(self.options.fields.values()):
            if place in fixed:
                choices = [value for value in column if _text(value) == fixed[place]]
            elif place >= len(row):
                choices = list(column)
            else:
                choices = [ABSENT, None] if row[place] is ABSENT else [row[place]]
            # Most places leave no choice, and what has to be weighed is half of what this search costs.
            best = choices[0] if len(choices) == 1 else max(choices, key=lambda value: self._fresh(texts, value))
            filled.append(best)
            texts.append(_text(best))
        return tuple(filled)

    def _fresh(self, before: list[str], value: Value) -> int:
        """How many new pairs ``value`` makes with what stands ``before`` it, as texts."""
        last, text = len(before), _text(value)
        return sum((place, other, last, text) not in self._covered for place, other in enumerate(before))

    def _body(self, row: Row) -> dict[str, Any]:
        section = {name: value for name, value in zip(self.options.fields, row, strict=False) if value is not ABSENT}
        spec = {self.options.section: section}
        if self.judge.kind is Kind.UPDATE:
            return {"spec": spec}
        return {**plain_body(self.judge.kind), "spec": overlay(spec)}

    def _take(self, row: Row) -> None:
        self._covered |= pairs_of(row)
        body, operation = self._body(row), self.judge.operation
        expectation = self.judge.expect(body)
        side: Side = ACCEPT if expectation.outcome is Outcome.ACCEPT else REJECT
        digest = hashlib.sha256(json.dumps(body["spec"], sort_keys=True).encode()).hexdigest()[:8]
        self._cases.append(
            PlannedCase(
                id=f"combinations/{self.options.section}/{operation}-{side}/{digest}",
                operation=operation,
                side=side,
                title=self._title(row),
                reason=self._subject(expectation),
                body=body,
                before=PLAIN_SPEC if self.judge.kind is Kind.UPDATE else None,
                assumed=tuple(dict.fromkeys(reason.text for reason in expectation.assumes)),
            )
        )

    def _subject(self, expectation: Expectation) -> Subject:
        """The first reason of a refusal; an accepted combination is about its section as a whole."""
        for reason in expectation.reasons:
            quote = reason.text if reason.source is Source.RULE else ""
            return Subject(reason.source, reason.id, reason.location, quote)
        return Subject(Source.SCHEMA, "combination", f"/body/spec/{self.options.section}")

    def _title(self, row: Row) -> str:
        given = [f"{name}={_text(value)}" for name, value in zip(self.options.fields, row, strict=True)]
        return ", ".join(part for part in given if not part.endswith(f"={_text(ABSENT)}")) or "nothing given"

    def _pair_id(self, pair: Pair) -> str:
        names = list(self.options.fields)
        one, left, two, right = pair
        prefix = f"combinations/{self.options.section}/{self.judge.operation}"
        return f"{prefix}/{names[one]}={left},{names[two]}={right}"


def _key(row: Sequence[Value]) -> tuple[str, ...]:
    """A row as the oracle sees it: null means absent."""
    return tuple(_text(ABSENT if value is None else value) for value in row)


def _readings(text: str | None) -> tuple[str, ...]:
    """What a judged row may hold where a pair wants ``text``."""
    return (_text(ABSENT),) if text in {_text(None), _text(ABSENT)} else (str(text),)


def _text(value: Value) -> str:
    if value is ABSENT:
        return "absent"
    return "null" if value is None else str(value)
