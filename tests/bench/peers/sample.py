"""Which defects the comparison uses: some of each family, drawn by a seed, none that is equivalent or needs load."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable

from assay.prove.score import TIMED
from assay.reference.defects.base import Defect


def stratified(defects: Iterable[Defect], size: int, seed: int) -> list[Defect]:
    """``size`` defects (or as many as there are), family by family in turn, so that small families count too."""
    families: dict[str, list[Defect]] = {}
    for defect in defects:
        if defect.equivalent is None and defect.family != TIMED:
            families.setdefault(defect.family, []).append(defect)
    draw = random.Random(seed)
    shuffled = [draw.sample(members, len(members)) for _, members in sorted(families.items())]
    in_turn = (defect for row in itertools.zip_longest(*shuffled) for defect in row if defect is not None)
    return list(itertools.islice(in_turn, size))
