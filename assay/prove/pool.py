"""Tries many defects in several processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Final

from assay.contract import documents
from assay.errors import InconclusiveError
from assay.processes import Parent
from assay.prove.suite import SuiteTest, collect
from assay.prove.trial import TrialOutcome, findings_of, try_defect
from assay.reference.defects import catalogue
from assay.reference.defects.base import Defect


@dataclass
class _Worker:
    """What a worker process prepares once: 4 s for the plans of the contract tests."""

    profile: str
    seed: int
    tests: tuple[SuiteTest, ...]
    defects: Mapping[str, Defect]


_STATE: Final[dict[str, _Worker]] = {}


def _prepare(profile: str, seed: int, only: tuple[str, ...]) -> None:
    # A prove that is killed cannot end its workers, which would go on for hours; they have nothing to clean up.
    Parent().when_gone(lambda: os._exit(1))
    # Control planes write the cause of each 500 there, and hundreds of these are made to fail.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    tests = tuple(test for test in collect(profile) if not only or test.id.startswith(only))
    _STATE["worker"] = _Worker(profile, seed, tests, catalogue(documents.load()))


def _known() -> dict[str, Mapping[str, Any]]:
    worker = _STATE["worker"]
    return findings_of(documents.load(), worker.tests, profile=worker.profile, seed=worker.seed)


def _try(name: str, known: frozenset[str], near: bool) -> TrialOutcome:
    worker = _STATE["worker"]
    return try_defect(
        documents.load(),
        worker.defects[name],
        worker.tests,
        known,
        profile=worker.profile,
        seed=worker.seed,
        near=near,
    )


def try_all(
    names: Sequence[str],
    *,
    profile: str,
    seed: int,
    processes: int,
    only: tuple[str, ...] = (),
    thorough: bool = True,
    begun: Callable[[Mapping[str, Mapping[str, Any]]], None],
) -> Iterator[TrialOutcome]:
    """Yield the outcome of each defect as it is known; ``begun`` gets the findings of the defect-free plane.

    First every defect meets the tests that are about its place, then those not caught meet all of them (unless not
    ``thorough``). ``only`` are prefixes of the ids of the tests to run (none: all of them). Raises InconclusiveError
    when a worker process dies.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _prepare, (profile, seed, only)) as pool:
        try:
            plain = pool.submit(_known).result()
            begun(plain)
            known = frozenset(plain)
            left = []
            for outcome in _results(pool, names, known, near=True):
                if outcome.caught or not thorough:
                    yield outcome
                else:
                    left.append(outcome.id)
            yield from _results(pool, left, known, near=False)
        except BrokenProcessPool as error:
            raise InconclusiveError(f"a worker process of prove died: {error}") from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _results(
    pool: ProcessPoolExecutor, names: Sequence[str], known: frozenset[str], *, near: bool
) -> Iterator[TrialOutcome]:
    for done in as_completed([pool.submit(_try, name, known, near) for name in names]):
        yield done.result()
