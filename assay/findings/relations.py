"""What findings share that makes one mistake in a server the simplest explanation of them.

Each relation yields keys; findings with a key in common have one cause. Some hold for any two findings (one
keyword at one place in two operations), others only for so many at once that it cannot be the places.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from assay.findings.answers import part, place, said
from assay.findings.hostile_relations import hostile
from assay.findings.model import Finding
from assay.findings.slo import CHECK as SLO
from assay.findings.slo import STALLS

MANY: Final = 4
"""Parts of a specification that lose their values together before it is the reading or the update that is broken."""

MOST_OF: Final = 0.6
"""Share of the rules or keywords tried on an operation that it must miss before it is said to check none."""

LEAST: Final = 5
"""Rules that are broken together at least before their share counts."""

LOSES: Final = frozenset({"create-echo", "read-echo", "update-echo"})
FORGETS: Final = frozenset(
    {"update-stored", "update-echo", "text-updated", "parallel-update-lost"}
    | {"repeated-update-stored", "repeated-update-echo"}
)
SPREADS: Final = frozenset({"update-bystander", "parallel-update-lost"})
KEEPS: Final = LOSES | FORGETS | SPREADS | {"text-created"}
STANDS: Final = ("stall", "outliers")
FORGERY: Final = re.compile(r"access-(?!foreign|leak|side-effect|refusal-status).+")
"""Checks that credentials are looked at: each is named after a kind of bad ones."""

_ENFORCED: Final = frozenset({"schema-enforced", "rule-enforced"})
_REFUSES: Final = frozenset({"accepts-valid", "ordinary-accepted"})
_OF_REQUESTS: Final = _ENFORCED | _REFUSES | {"stricter-than-contract"}
_OF_ANSWERS: Final = frozenset({"body-schema", "body-json", "content-type", "error-code"})
_TAKES: Final = _ENFORCED | {"unknown-resource", "use-after-delete"}
_OF_THE_TAKEN: Final = _OF_ANSWERS | {"status-documented", "server-error"}
_NOTHING: Final = "valid"
"""What stands for the rule where an accept case tests nothing by itself."""

_ITSELF: Final = frozenset({"name", "requestedName", "workloadId"})
_TWO_SIDES: Final = {
    "repeated": frozenset({"metrics-repeated-timestamp", "metrics-repeated-sample"}),
    "values": frozenset({"metrics-value-not-a-number", "metrics-csv-disagrees"}),
    "deletion": frozenset({"delete-takes-effect", "delete-neighbour"}),
}
"""Checks that see two sides of one thing."""

_JUDGING: Final = frozenset({400, 422})
"""Statuses with which a server says that a value is wrong; the words for that may be the same for all values."""

_BODILESS: Final = frozenset({"204", "205"})
_STATUS: Final = re.compile(r"^/response/(\d)\d\d")

Key = Hashable
Keyed = Iterator[tuple[int, Key]]
"""The number of a finding, and a key."""

Rejected = Mapping[str, AbstractSet[str]]
"""By operation: rules, and keywords with their place, of requests that it had to refuse and has answered."""


def relations(found: Sequence[Finding], rejected: Rejected) -> Iterator[Keyed]:
    """Every relation over ``found``; keys of two of them have nothing to do with each other."""
    yield _alike(found)
    yield _lost(found)
    yield _of_other_shape(found)
    yield _in_many_parts(found)
    yield _unchecked(found, rejected)
    yield _of_the_taken(found)
    yield _unknown_to_many(found)
    yield hostile(found)
    yield _without_body(found)
    yield _of_one_rule(found)
    yield _unchecked_entries(found, rejected)
    yield _plain_ones(found)
    yield _ordinary_ones(found)
    yield _credentials(found)
    yield _under_load(found)


def _alike(found: Sequence[Finding]) -> Keyed:
    """What two findings share that have one cause, each for itself."""
    for number, each in enumerate(found):
        for key in _keys(each):
            yield number, key


def _keys(each: Finding) -> Iterator[Key]:
    if each.check in _OF_REQUESTS or each.check == "body-schema":
        # A value that is taken although the schema forbids it is told in answers too, which then break the schema.
        yield "place", each.rule, place(each)
    if each.location.startswith("/path/"):
        yield "path", each.operation, each.location
    if each.check.startswith("metrics-"):
        yield each.check, None if each.rule == "csv" else each.rule  # of workloads and pods, as JSON and as CSV
    if each.check in {"status-documented", "id-in-capitals"}:
        yield each.check, each.rule
    if each.check == "access-refusal-status":
        yield each.check, each.summary.partition(" to ")[0].partition(" instead")[0]  # "answers 403", to whom ever
    if each.check in _OF_ANSWERS:
        kind = _STATUS.sub(r"/response/\1xx", each.location)
        yield each.check, each.rule, kind  # of several statuses and operations
        if kind.startswith("/response/4xx"):
            yield "error", each.operation  # all that is wrong with the bodies of errors
    if each.check == "refused-update-changed":
        yield each.check, each.operation
    if each.check.endswith("-metadata") and place(each).rpartition("/")[2] in _ITSELF:
        yield "another workload"
    if each.check in KEEPS or each.check == "body-schema" or each.check.endswith(("-metadata", "-place")):
        yield "told", place(each)  # a value that answers give otherwise
    yield from (kind for kind, checks in _TWO_SIDES.items() if each.check in checks)
    if each.check in _REFUSES | {"stricter-than-contract"}:
        yield "words", *said(each), part(each)


def _lost(found: Sequence[Finding]) -> Keyed:
    """Values that are not kept: of one place wherever they are missed, and of what lies within it."""
    mine = [(n, place(each)) for n, each in enumerate(found) if each.check in KEEPS]
    places = {where for _, where in mine}
    for number, where in mine:
        steps = where.split("/")
        above = ("/".join(steps[:end]) for end in range(2, len(steps) + 1))
        yield number, next(upper for upper in above if upper in places)


def _of_other_shape(found: Sequence[Finding]) -> Keyed:
    """An answer that misses so many of its properties that it is another thing."""
    missed: dict[Key, list[int]] = defaultdict(list)
    for number, each in enumerate(found):
        if (each.check, each.rule) == ("body-schema", "required"):
            missed[each.operation, each.location.rpartition("/")[0]].append(number)
    for key, numbers in missed.items():
        if len(numbers) >= MANY:
            yield from ((number, key) for number in numbers)


def _in_many_parts(found: Sequence[Finding]) -> Keyed:
    """Values of so many parts of the specification that it is the reading or the update that loses them."""
    for kinds in (LOSES, FORGETS, SPREADS):
        mine = _of_spec(found, kinds)
        if len({part(found[n]) for n in mine}) >= MANY:
            yield from ((n, kinds) for n in mine)


def _of_spec(found: Sequence[Finding], kinds: frozenset[str]) -> list[int]:
    return [n for n, each in enumerate(found) if each.check in kinds and place(each).startswith("/body/spec/")]


def _unchecked(found: Sequence[Finding], rejected: Rejected) -> Keyed:
    """Most of the rules, of the keywords, or of both that were tried on an operation."""
    for operation in rejected:
        for checks in ({"rule-enforced"}, {"schema-enforced"}, _ENFORCED):
            mine = [n for n, each in enumerate(found) if each.check in checks and each.operation == operation]
            broken = {_rule(found[n]) for n in mine}
            tried = {name for name in rejected[operation] if _check_of(name) in checks}
            if len(broken) >= LEAST and len(broken) >= MOST_OF * len(tried | broken):
                yield from ((n, operation) for n in mine)


def _rule(each: Finding) -> str:
    return f"{each.location}#{each.rule}" if each.check == "schema-enforced" else str(each.rule)


def _check_of(name: str) -> str:
    return "schema-enforced" if "#" in name else "rule-enforced"


def _of_one_rule(found: Sequence[Finding]) -> Keyed:
    """One rule that is broken at so many places of an operation that it is not looked at."""
    mine: dict[Key, list[int]] = defaultdict(list)
    for number, each in enumerate(found):
        if each.check == "rule-enforced":
            mine[each.operation, each.rule].append(number)
    yield from ((number, key) for key, numbers in mine.items() if len(numbers) >= MANY for number in numbers)


def _unchecked_entries(found: Sequence[Finding], rejected: Rejected) -> Keyed:
    """Most of what is said of the entries of one list: it is those entries that are not looked at."""
    for operation in rejected:
        broken: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, each in enumerate(found):
            if each.check in _ENFORCED and each.operation == operation:
                for entries in _lists(each.location):
                    broken[entries][f"{each.location}#{each.rule}"].append(number)
        for entries, missed in broken.items():
            tried = {name for name in rejected[operation] if name.startswith((f"{entries}/", f"{entries}#"))}
            if len(missed) > 1 and len(missed) >= MOST_OF * len(tried | missed.keys()):
                yield from ((n, (operation, entries)) for numbers in missed.values() for n in numbers)


def _lists(location: str) -> Iterator[str]:
    """The entries of the lists that a place lies in: ``/body/spec/ports/*``."""
    steps = location.split("/")
    yield from ("/".join(steps[: number + 1]) for number, step in enumerate(steps) if step == "*")


def _without_body(found: Sequence[Finding]) -> Keyed:
    """A status that has no body (RFC 9110, 15.3.5 and 15.3.6), and all that an answer without one does not tell."""
    silent = {each.operation: n for n, each in enumerate(found) if _is_silent(each)}
    for number, each in enumerate(found):
        first = silent.get(each.operation)
        if first is not None and (number == first or each.location.startswith("/response/body")):
            yield number, ("no body", first)


def _is_silent(each: Finding) -> bool:
    return each.check == "status-documented" and each.rule in _BODILESS


def _of_the_taken(found: Sequence[Finding]) -> Keyed:
    """What is odd about answers to requests that should not have been taken, and about no others."""
    taken: dict[str, list[int]] = defaultdict(list)
    for number, each in enumerate(found):
        if each.check in _TAKES or FORGERY.fullmatch(each.check):
            taken[each.operation].append(number)
    met = {
        operation: {test: n for n in reversed(mine) for test in _tests(found[n])} for operation, mine in taken.items()
    }
    for number, each in enumerate(found):
        tests = met.get(each.operation, {}) if each.check in _OF_THE_TAKEN else {}
        if tests and _tests(each) <= tests.keys():
            first = min(tests[test] for test in _tests(each))
            yield from ((number, ("taken", number)), (first, ("taken", number)))


def _tests(each: Finding) -> frozenset[str]:
    return frozenset(each.tests or (each.test,))


def _unknown_to_many(found: Sequence[Finding]) -> Keyed:
    """Requests of many kinds that one answer refuses which has nothing to do with what they say: 404, 410, 409."""
    told: dict[Key, list[int]] = defaultdict(list)
    for number, each in enumerate(found):
        status, words = said(each) if each.check in _REFUSES else (None, "")
        if status is not None and status not in _JUDGING:
            told[each.operation, status, words].append(number)
    for key, numbers in told.items():
        if len({part(found[n]) for n in numbers}) >= MANY:
            yield from ((number, key) for number in numbers)


def _plain_ones(found: Sequence[Finding]) -> Keyed:
    """A request that tests nothing by itself, refused with the words that refuse one which does."""
    told: dict[Key, int] = {}
    for number, each in enumerate(found):
        if each.check in _REFUSES and not tests_nothing(each):
            told.setdefault((each.operation, said(each)), number)
    for number, each in enumerate(found):
        plain = each.check == "accepts-valid" and tests_nothing(each)
        other = told.get((each.operation, said(each))) if plain else None
        if other is not None:
            yield from ((number, ("plain", number)), (other, ("plain", number)))


def _ordinary_ones(found: Sequence[Finding]) -> Keyed:
    """An ordinary request with a part of the specification, refused beside one that tells what it is in that part."""
    for number, each in enumerate(found):
        within = f"{place(each)}/"
        if each.check == "ordinary-accepted":
            told = (n for n, other in enumerate(found) if other.check == "accepts-valid" and _is_in(other, within))
            other = next(told, None)
            if other is not None:
                yield from ((number, ("ordinary", number)), (other, ("ordinary", number)))


def _is_in(each: Finding, within: str) -> bool:
    return f"{place(each)}/".startswith(within)


def tests_nothing(each: Finding) -> bool:
    """Whether a request that was refused is about no place of the specification."""
    return each.rule == _NOTHING or each.location == "/body"


def _credentials(found: Sequence[Finding]) -> Keyed:
    """Operations that take the same bad credentials; and what a stranger may do, in all of them."""
    taken: dict[str, set[str]] = defaultdict(set)
    for each in found:
        if FORGERY.fullmatch(each.check):
            taken[each.operation].add(each.check)
    for number, each in enumerate(found):
        if FORGERY.fullmatch(each.check):
            yield number, ("believed", frozenset(taken[each.operation]))
        elif each.check == "access-foreign":
            anyone = taken.get(each.operation, set()) >= {"access-no-token", "access-wrong-key"}
            yield number, ("believed", frozenset(taken[each.operation])) if anyone else ("foreign",)
        elif each.check == "access-side-effect":
            yield number, ("foreign",)


def _under_load(found: Sequence[Finding]) -> Keyed:
    """Limits on latency that are missed for a reason that the run has seen (growth, or moments of standing still).

    What one slow operation misses beside those has one cause, too.
    """
    grows = {each.operation for each in found if each.check == "growth"}
    stands = any(each.check in STANDS for each in found)
    for number, each in enumerate(found):
        late = each.check == SLO and (each.rule or "").endswith("_ms")
        if each.check in STANDS or (late and stands and STALLS in each.summary):
            yield number, "stands still"
        elif each.check == "growth" or (late and each.operation in grows):
            yield number, ("grows", each.operation)
        elif late:
            yield number, ("late", each.operation)
