"""Draw defects over all families and try the script of each one's first finding: ``python -m tests.reproduce``.

It must show on the defective control plane, show no longer on a sound one, and leave nothing on either. Ends with 1
when fewer than the goal do. ``--family`` tries one family, ``--only`` one defect; ``--tell`` prints what failed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from assay.contract import documents
from assay.prove.suite import collect
from assay.prove.trial import findings_of
from assay.reference import embedded
from assay.reference.defects.base import Defect
from tests.reproduce.trying import Reproduced, drawable, first_finding, reproduced

GOAL = 0.95
_EACH = 4  # of a family, the smaller ones would hardly be drawn otherwise
_AT_ONCE = 2


def main() -> int:
    """Print a line a defect and the share of each family; 1 below the goal."""
    parser = argparse.ArgumentParser(prog="python -m tests.reproduce", description=__doc__)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--family")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--tell", action="store_true")
    given = parser.parse_args()
    drawn = [drawable()[name] for name in given.only] or draw(given.sample, given.seed, given.family)
    done: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for result in try_all(drawn):
        print(result, flush=True)
        kind = kind_of(result)
        done[result.defect.partition("/")[0]][kind] += 1
        if given.tell and kind == "failed":
            print(result.broken, result.sound, sep="\n", flush=True)
    for family, counts in done.items():
        print(f"{family}: {', '.join(f'{count} {kind}' for kind, count in counts.items())}")
    total = sum(done.values(), Counter[str]())
    tried = total["ok"] + total["failed"]
    print(f"{total['ok']} of {tried} scripts reproduce")
    print(f"{total['by replay']} findings are left to replay, {total['not found']} defects were not found")
    return 0 if tried and total["ok"] >= GOAL * tried else 1


def kind_of(result: Reproduced) -> str:
    """How it went, in a word or two."""
    if result.finding is None:
        return "not found"
    return "by replay" if result.by_replay else "ok" if result.ok else "failed"


def draw(sample: int, seed: int, family: str | None) -> list[Defect]:
    """``sample`` defects: a few of each family, the others from all of them; or of one ``family``."""
    chance = random.Random(seed)
    pool = [defect for defect in drawable().values() if family in {None, defect.family}]
    families: defaultdict[str, list[Defect]] = defaultdict(list)
    for defect in pool:
        families[defect.family].append(defect)
    few = [defect for each in families.values() for defect in chance.sample(each, min(_EACH, len(each)))]
    rest = [defect for defect in pool if defect not in few]
    return (few + chance.sample(rest, min(max(sample - len(few), 0), len(rest))))[:sample]


def try_all(drawn: list[Defect]) -> Iterator[Reproduced]:
    """The outcome of each defect, in order."""
    tests = collect("gate")
    known = frozenset(findings_of(documents.load(), tests, profile="gate", seed=1))
    waiting: list[Future[Reproduced]] = []
    with tempfile.TemporaryDirectory() as folder, embedded.start() as sound, ThreadPoolExecutor(_AT_ONCE) as pool:
        for defect in drawn:
            found = first_finding(defect, tests, known)
            waiting.append(pool.submit(reproduced, defect.id, found, sound, Path(folder)))
            while len(waiting) > 2 * _AT_ONCE or (waiting and waiting[0].done()):
                yield waiting.pop(0).result()
        yield from (each.result() for each in waiting)


if __name__ == "__main__":
    sys.exit(main())
