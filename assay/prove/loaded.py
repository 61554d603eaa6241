"""Defects that show under load only: each in a process of its own, the load part of the command against it.

There is no short cut here: time is what is looked at, so it must be real, and nothing else may run meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from assay.errors import InconclusiveError
from assay.prove.plain import Ran, run_command
from assay.prove.trial import Outcome

PART: Final = "load"
_LIMIT: Final = "slo"
TRIES: Final = 2
"""A run with a problem (the machine, not the target, was the bottleneck) is made again, so often in all."""


def try_under_load(
    names: Sequence[str], *, profile: str, seed: int, begun: Callable[[Mapping[str, str]], None]
) -> Iterator[Outcome]:
    """Yield the outcome of each defect, one after the other; ``begun`` gets the findings of the defect-free plane.

    A defect is caught when the run's verdict has a finding that the defect-free plane does not have. A run that
    stays inconclusive is a survivor with its ``problem``. InconclusiveError when that happens without any defect.
    """
    plain = _decided(None, profile, seed)
    if _undecided(plain):
        raise InconclusiveError(
            f"the load part decides nothing on the defect-free control plane: {plain.problems[0]}",
            hint="run it on a machine that is otherwise quiet",
        )
    begun({item["id"]: item["summary"] for item in plain.findings})
    known = {item["id"] for item in plain.findings}
    for name in names:
        began = time.perf_counter()
        ran = _decided(name, profile, seed)
        yield _outcome(name, ran, [item for item in ran.findings if item["id"] not in known], began)


def _decided(defect: str | None, profile: str, seed: int) -> Ran:
    """The first run without a problem; if there is none, the last one."""
    for _ in range(TRIES):
        ran = run_command(defect, profile=profile, seed=seed, part=PART)
        if not ran.problems:
            break
    return ran


def _undecided(ran: Ran) -> bool:
    return bool(ran.problems) and not ran.findings


def _outcome(name: str, ran: Ran, new: Sequence[Mapping[str, Any]], began: float) -> Outcome:
    # What names the law or the stall says more than a limit that was missed because of it.
    telling = sorted(new, key=lambda item: item["kind"] == _LIMIT)
    finding = {key: str(telling[0][key]) for key in ("id", "class", "kind", "summary")} if new else None
    return Outcome(
        name,
        finding,
        PART if new else None,
        1,
        ran.requests,
        round(time.perf_counter() - began, 1),
        problem=ran.problems[0] if _undecided(ran) else None,
        told=tuple(str(item["summary"]) for item in telling),
    )
