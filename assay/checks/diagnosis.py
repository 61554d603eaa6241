"""Finds the cause of deviations by experiment, once the tests are over and before the run tears down.

A test tells that a request is refused, or taken; a server seldom refuses a whole request. So the request is varied
until it is known what of it the deviation needs (``reduction``), and findings that need the same have one cause. A
sound server costs nothing: without a finding there is no experiment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Final

from assay.checks.exchange import Suspect
from assay.checks.experiments import Experiments
from assay.checks.reduction import Reduced, reduce
from assay.checks.target import CannotCreateError, TargetUnderTest
from assay.contract.pointers import dotted, get, put
from assay.contract.request import Json, Outcome
from assay.errors import AssayError
from assay.findings.causes import join
from assay.findings.model import Class, Diagnosed
from assay.wording import plural

_MOST: Final = 240
"""Requests under test that all experiments of a run send at most: 4 % of what a gate may send."""

_SECONDS: Final = 20.0
"""Experiments begin within so many seconds: a third of the minute that the contract part may take."""

_RANGE: Final = ("/query/start", "/query/end")

_FEW: Final = 4
"""Places that are named in a sentence."""


def diagnose(target: TargetUnderTest) -> None:
    """Journal what the experiments show of the findings so far. Whatever ends them ends them quietly: what was found
    stands without, and what was not taken apart to its end is not told."""
    left = _MOST
    with ExitStack() as held:
        deadline = target.clock.monotonic() + _SECONDS
        for suspect in _suspects(target):
            if left <= 0 or target.clock.monotonic() > deadline:
                return
            experiments = Experiments(target, suspect, left)
            with suppress(AssayError, CannotCreateError):
                experiments.hold(held)
                _journal(target, suspect, _diagnosed(experiments, suspect), experiments.sent)
            left -= experiments.sent


def _journal(target: TargetUnderTest, suspect: Suspect, found: Diagnosed | None, sent: int) -> None:
    if found is not None:
        told = {"cause": found.cause, "says": f"{found.says} ({plural(sent, 'experiment')})", "places": found.places}
        target.journal.write("diagnosis", finding=suspect.finding.id, **told)


def _suspects(target: TargetUnderTest) -> Iterator[Suspect]:
    """One for each cause that is told apart already, violations first."""
    known = target.state.suspects
    found = [suspect.finding for suspect in known.values()]
    yield from (known[each.id] for each in sorted(join(found), key=lambda each: each.cls is not Class.VIOLATION))


def _diagnosed(experiments: Experiments, suspect: Suspect) -> Diagnosed | None:
    tree = experiments.tree
    if tree is None or not experiments.shows(tree):
        return None  # it did not show again: what is not always so cannot be taken apart
    plain_range = experiments.with_plain_range(tree)
    if plain_range is not None and experiments.shows(plain_range) is False:
        return Diagnosed("refused range", "with another range of time it is answered as it should be", _RANGE)
    reduced = reduce(tree, experiments.top, experiments.shows, experiments.ordinary)
    if not reduced.needed or experiments.exhausted:
        return None
    if suspect.exchange.expectation.outcome is Outcome.REJECT:
        return _accepted(reduced)
    return _refused(reduced, experiments)


def _accepted(reduced: Reduced) -> Diagnosed:
    """What must be refused is taken only beside something else."""
    places = sorted(reduced.needed)
    says = f"without {_named(places)} beside it, it is refused"
    return Diagnosed(f"accepted beside {' '.join(places)}", says, _contracted(places))


def _refused(reduced: Reduced, experiments: Experiments) -> Diagnosed:
    places = sorted(reduced.needed)
    if len(places) > 1 or not reduced.needed[places[0]]:
        says = f"without {_named(places)} it is accepted"
        return Diagnosed(f"refused {' '.join(places)}", says, _contracted(places))
    value = hashlib.sha256(json.dumps(get(reduced.tree, places[0])).encode()).hexdigest()[:12]
    others = _refused_neighbours(experiments, reduced.tree, places[0])
    also = f"; {' and '.join(others)} {'is' if len(others) == 1 else 'are'} refused, too" if others else ""
    says = f"with another value of {_named(places)} it is accepted{also}"
    return Diagnosed(f"refused {places[0]} {value}", says, _contracted(places))


def _refused_neighbours(experiments: Experiments, tree: Json, place: str) -> list[str]:
    """Which values next to the refused one are refused as well: where a limit lies, or whether there is none."""
    value = get(tree, place)
    if isinstance(value, int) and not isinstance(value, bool):
        nearest: dict[str, Json] = {f"{each:,}": each for each in (value - 1, value + 1)}
    elif isinstance(value, str) and len(value) > 1:
        nearest = {"a text that is a character shorter": value[:-1], "one that is longer": value + value[-1]}
    else:
        nearest = {}
    return [name for name, each in nearest.items() if experiments.shows(put(tree, place, each))]


def _shown(place: str) -> str:
    """A place as it is told: a parameter that may be given several times by its name alone."""
    return dotted(place.removesuffix("/*") if place.startswith("/query/") else place)


def _contracted(places: list[str]) -> tuple[str, ...]:
    """Places of the contract for those of a tree."""
    return tuple(place.removesuffix("/*") if place.startswith("/query/") else f"/body{place}" for place in places)


def _named(places: list[str]) -> str:
    more = f" and {len(places) - _FEW} more" if len(places) > _FEW else ""
    return f"{', '.join(map(_shown, places[:_FEW]))}{more}"
