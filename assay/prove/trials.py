"""Tries the chosen defects with what the profile runs: contract part, load part, and for certify first the gate's.

certify runs every test of the gate, with more examples, so what the gate catches is not tried again with certify's
tests: that would take hours. A sample is, and must agree.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from assay.prove.loaded import try_under_load
from assay.prove.pool import try_all
from assay.prove.score import TIMED
from assay.prove.trial import Outcome
from assay.reference.defects.base import Defect

TRIES: Final = 3
"""A survivor that the record does not list is tried so often: the moment at which two calls meet is nobody's to
choose. In 20 trials of each race on a machine with a load of 10, seven were caught every time and one 19 times."""

SUBSET_SAMPLE: Final = 40

Say = Callable[[str], None]


@dataclass
class Trials:
    """One set of defects on trial.

    ``expected`` are the survivors on record, ``earlier`` what an earlier run of the gate's tests has caught.
    ``disagree`` names defects of the sample that the gate's tests catch and certify's tests do not.
    """

    profile: str
    seed: int
    processes: int
    say: Say
    expected: frozenset[str] = frozenset()
    earlier: Mapping[str, Outcome] = field(default_factory=dict)
    disagree: list[str] = field(default_factory=list)

    def run(self, defects: Sequence[Defect]) -> Iterator[Outcome]:
        """Yield the outcome of every defect, each once."""
        judged = [defect.id for defect in defects if defect.family != TIMED]
        under_load = [defect.id for defect in defects if defect.family == TIMED]
        if judged:
            yield from self._judged(judged)
        if under_load:
            yield from try_under_load(
                under_load,
                profile=self.profile,
                seed=self.seed,
                begun=lambda known: self.say(
                    f"{len(known)} findings under load without any defect; {len(under_load)} defects to try"
                ),
            )

    def _judged(self, names: Sequence[str]) -> Iterator[Outcome]:
        # Shuffled, so that the survivors of one family, which take longest, do not all wait for the end.
        shuffled = random.Random(self.seed).sample(list(names), len(names))
        if self.profile != "certify":
            yield from self._again(shuffled)
            return
        caught = [name for name in shuffled if name in self.earlier]
        yield from (self.earlier[name] for name in caught)
        asked = [name for name in shuffled if name not in self.earlier]
        # An earlier run has shown what the gate's tests do not catch, too.
        left = asked if self.earlier else []
        for outcome in () if self.earlier else self._contract(asked, "gate"):
            if outcome.caught:
                caught.append(outcome.id)
                yield outcome
            else:
                left.append(outcome.id)
        if left:
            yield from self._again(left)
        if caught:
            self._check_subset(caught)

    def _again(self, names: Sequence[str]) -> Iterator[Outcome]:
        """Try ``names``, and those that survive although the record does not list them, again."""
        for number in range(1, TRIES + 1):
            surprising = []
            for outcome in self._contract(names, self.profile):
                tried = replace(outcome, tries=number)
                if tried.caught or outcome.id in self.expected or number == TRIES:
                    yield tried
                else:
                    surprising.append(outcome.id)
            names = surprising
            if not names:
                return
            self.say(f"{len(names)} survived that the record does not list; they are tried again")

    def _check_subset(self, caught: Sequence[str]) -> None:
        """Hold a sample of what the gate's tests catch against certify's tests."""
        drawn = random.Random(self.seed).sample(sorted(caught), min(SUBSET_SAMPLE, len(caught)))
        self.disagree = [outcome.id for outcome in self._contract(drawn, "certify") if not outcome.caught]
        agreed = len(drawn) - len(self.disagree)
        self.say(f"certify's tests catch {agreed} of {len(drawn)} sampled defects that the gate's tests catch")

    def _contract(self, names: Sequence[str], profile: str) -> Iterator[Outcome]:
        def begun(known: Mapping[str, Mapping[str, Any]]) -> None:
            self.say(f"{profile}: {len(known)} findings without any defect; {len(names)} defects to try")

        return try_all(names, profile=profile, seed=self.seed, processes=self.processes, begun=begun)
