"""Answers that take as long as a busy control plane's: for trying out load tests and the comparison of two runs."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Final

from assay.reference.behaviour import Behaviour
from assay.reference.http import Call, Reply

SIGMA: Final = 0.3
"""The spread of the logarithm: the 95th percentile is 1.6 times the median, as in many a healthy service."""


def enable(behaviour: Behaviour, median: float) -> Behaviour:
    """Every call waits first: a log-normal time with this median, in seconds."""

    async def before(_: Any, __: Call) -> Reply | None:
        await asyncio.sleep(median * random.lognormvariate(0.0, SIGMA))
        return None

    return behaviour.first(before)
