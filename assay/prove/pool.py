"""Tries many defects in several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Final

from assay.contract import documents
from assay.control_plane.defects import catalogue
from assay.control_plane.defects.base import Defect
from assay.errors import InconclusiveError
from assay.prove.suite import Test, collect
from assay.prove.trial import Outcome, findings_of, try_defect


@dataclass
class _Worker:
    """What a worker process prepares once: 4 s for the plans of the contract tests."""

    profile: str
    seed: int
    tests: tuple[Test, ...]
    defects: Mapping[str, Defect]


_STATE: Final[dict[str, _Worker]] = {}


def _prepare(profile: str, seed: int, only: tuple[str, ...]) -> None:
    tests = tuple(test for test in collect(profile) if not only or test.id.startswith(only))
    _STATE["worker"] = _Worker(profile, seed, tests, catalogue(documents.load()))


def _known() -> dict[str, Mapping[str, Any]]:
    worker = _STATE["worker"]
    return findings_of(documents.load(), worker.tests, profile=worker.profile, seed=worker.seed)


def _try(name: str, known: frozenset[str]) -> Outcome:
    worker = _STATE["worker"]
    defect = worker.defects[name]
    return try_defect(documents.load(), defect, worker.tests, known, profile=worker.profile, seed=worker.seed)


def try_all(
    names: Sequence[str],
    *,
    profile: str,
    seed: int,
    processes: int,
    only: tuple[str, ...] = (),
    begun: Callable[[Mapping[str, Mapping[str, Any]]], None],
) -> Iterator[Outcome]:
    """Yield the outcome of each defect as it is known; ``begun`` gets the findings of the defect-free plane.

    ``only`` are prefixes of the ids of the tests to run (none: all of them).
    Raises InconclusiveError when a worker process dies.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _prepare, (profile, seed, only)) as pool:
        try:
            plain = pool.submit(_known).result()
            begun(plain)
            known = frozenset(plain)
            waiting = [pool.submit(_try, name, known) for name in names]
            for done in as_completed(waiting):
                yield done.result()
        except BrokenProcessPool as error:
            raise InconclusiveError(f"a worker process of prove died: {error}") from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
