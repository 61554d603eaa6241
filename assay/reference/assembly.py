"""Builds a control plane from its options: contract, rules, every variant and defect asked for, and two switches."""

from __future__ import annotations

import asyncio
import difflib
import random
import time
from collections.abc import Mapping
from typing import Final, TypeVar

from assay.contract import documents
from assay.errors import UsageError
from assay.reference.behaviour import Behaviour
from assay.reference.embedded import Options
from assay.reference.http import IncomingRequest, Refusal, Reply, error_body
from assay.reference.plane import Plane
from assay.reference.times import Clock, Sleep

Named = TypeVar("Named")


def assemble(options: Options, clock: Clock = time.time, sleep: Sleep = asyncio.sleep) -> Plane:
    """Build the plane that the options describe. UsageError for an unknown variant or defect, ContractError."""
    options.check()
    contract = documents.load(options.contract, options.corrections)
    behaviour = Behaviour()
    if options.variants:
        from assay.reference.variants import VARIANTS

        for name in options.variants:
            behaviour = _named(VARIANTS, name, "variant").change(behaviour)
    if options.defects:
        from assay.reference.defects import catalogue

        known = catalogue(contract)
        for name in options.defects:
            # "rule-off:container/image-required" is the same as "rule-off/container/image-required".
            behaviour = _named(known, name.replace(":", "/", 1), "defect").change(behaviour)
    if options.faults:
        behaviour = with_faults(behaviour)
    if options.latency:
        behaviour = with_latency(behaviour, options.latency)
    behaviour = behaviour.at_pace(options.pace)
    return behaviour.build(contract, clock, sleep=sleep, token_seconds=options.token_seconds, seed=options.seed)


def _named(known: Mapping[str, Named], name: str, what: str) -> Named:
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"the {what}s are: {', '.join(sorted(known)[:40])}"
    raise UsageError(f"there is no {what} '{name}'", hint=hint)


# --faults: a caller can ask for the answers that only a broken server gives

FAULT_HEADER: Final = b"x-assay-fault"
_MESSAGES: Final = {500: "Something went wrong.", 503: "Please try again in few minutes."}


def with_faults(behaviour: Behaviour) -> Behaviour:
    """``behaviour`` with the fault switch.

    The header ``X-Assay-Fault`` of a call says which: ``500`` or ``503`` (nothing is done), ``503-after`` (the call
    is carried out, then answered with 503: what a client's retry must survive).
    """
    return behaviour.first(_fault_before).then(_fault_after)


async def _fault_before(_: Plane, call: IncomingRequest) -> Reply | None:
    wanted = call.header(FAULT_HEADER)
    if wanted is None or wanted == "503-after":
        return None
    if wanted not in {"500", "503"}:
        raise Refusal(400, f"X-Assay-Fault: '{wanted[:40]}' is none of 500, 503, 503-after")
    raise Refusal(int(wanted), _MESSAGES[int(wanted)])


def _fault_after(_: Plane, call: IncomingRequest, reply: Reply) -> Reply:
    if call.header(FAULT_HEADER) == "503-after" and reply.status < 400:
        return Reply(503, error_body(503, _MESSAGES[503]))
    return reply


# --latency: answers that take as long as a busy control plane's, for trying out load tests and comparisons

SIGMA: Final = 0.3
"""The spread of the logarithm: the 95th percentile is 1.6 times the median, as in many a healthy service."""


def with_latency(behaviour: Behaviour, median: float) -> Behaviour:
    """Every call waits first: a log-normal time with this median, in seconds."""

    async def before(plane: Plane, _: IncomingRequest) -> Reply | None:
        await plane.sleep(median * random.lognormvariate(0.0, SIGMA))
        return None

    return behaviour.first(before)
