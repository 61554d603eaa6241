"""Lawful variants: control planes that differ from the reference only where the contract leaves it open.

A suite that fails on one of these raises a false alarm. Each has a name, one sentence, and a change of behaviour;
several can be combined.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from assay.contract.request import Json, Role
from assay.control_plane.behaviour import Behaviour, Change
from assay.control_plane.http import Answer, Call, Refusal

if TYPE_CHECKING:
    from assay.control_plane.plane import Plane

_WORKLOADS: Final = frozenset({Role.CREATE, Role.READ, Role.UPDATE})
_METRICS: Final = frozenset({Role.METRICS, Role.POD_METRICS})


@dataclass(frozen=True, slots=True)
class Variant:
    """A lawful way to be different."""

    name: str
    summary: str
    change: Change


def _choice(name: str, summary: str, **choices: Any) -> Variant:
    return Variant(name, summary, lambda behaviour: behaviour.choosing(**choices))


def _pace(name: str, summary: str, **seconds: float) -> Variant:
    return Variant(name, summary, lambda behaviour: replace(behaviour, pace=replace(behaviour.pace, **seconds)))


def _extra_fields(_: Plane, call: Call, answer: Answer) -> Answer:
    if call.role in _WORKLOADS and answer.status < 300 and isinstance(answer.content, dict):
        answer.content = {**answer.content, "priority": 50, "links": {"self": f"/workloads/{len(call.segments)}"}}
    return answer


def _no_labels(_: Plane, call: Call, answer: Answer) -> Answer:
    if call.role in _METRICS and isinstance(answer.content, dict):
        for series in answer.content.get("measurements", ()):
            series.pop("labels", None)
    return answer


def _null_values(_: Plane, call: Call, answer: Answer) -> Answer:
    if call.role in _METRICS and isinstance(answer.content, dict):
        for series in answer.content.get("measurements", ()):
            series["values"] = series["values"] or None
    return answer


def _absent_deleted_at(_: Plane, call: Call, answer: Answer) -> Answer:
    content = answer.content
    if call.role in _WORKLOADS and isinstance(content, dict) and content.get("deletedAt", "") is None:
        answer.content = {key: value for key, value in content.items() if key != "deletedAt"}
    return answer


def _null_sections(_: Plane, call: Call, answer: Answer) -> Answer:
    content = answer.content
    if call.role in _WORKLOADS and isinstance(content, dict) and isinstance(content.get("spec"), Mapping):
        answer.content = {**content, "spec": _nulls_added(content["spec"])}
    return answer


def _nulls_added(spec: Mapping[str, Json]) -> dict[str, Json]:
    """A server that writes null for the sections nobody has set."""
    sections = ("compute", "storage", "security", "autoscaling", "servingConfiguration", "environmentVariables")
    return {**dict.fromkeys(sections), **spec}


def _charset(_: Plane, __: Call, answer: Answer) -> Answer:
    if answer.kind == b"application/json":
        answer.kind = b"application/json; charset=utf-8"
    return answer


def _seldom(status: int, every: int) -> Change:
    """Every so many calls one is answered with ``status`` and Retry-After; nothing has been done then."""

    def change(behaviour: Behaviour) -> Behaviour:
        seen = 0

        async def before(_: Plane, call: Call) -> Answer | None:
            nonlocal seen
            if call.role is None:
                return None
            seen += 1
            if seen % every == 0:
                raise Refusal(status, "Please try again in a moment.", headers=[(b"retry-after", b"1")])
            return None

        return behaviour.first(before)

    return change


def _slowly(seconds: float) -> Change:
    async def before(_: Plane, __: Call) -> Answer | None:
        await asyncio.sleep(seconds)
        return None

    return lambda behaviour: behaviour.first(before)


VARIANTS: Final[Mapping[str, Variant]] = {
    variant.name: variant
    for variant in (
        _pace(
            "async-delete-slow", "A deletion takes 3 s in Deleting and 2 s in Terminating.", deleting=3, terminating=2
        ),
        _choice("delete-at-once", "A deleted workload answers 404 right after the 202.", delete="at-once"),
        _choice("delete-kept", "A deleted workload stays readable, with desiredPhase Deleted.", delete="kept"),
        _pace("slow-start", "A workload takes 5 s to be Running.", creating=1, pending=2, initializing=2),
        _pace("instant-start", "A workload is Running as soon as it exists.", creating=0, pending=0, initializing=0),
        _pace("no-updating", "An update never shows in the phase.", updating=0),
        _choice("echo-defaults", "Answers hold the declared defaults of what was left out.", defaults=True),
        _choice("drop-nulls", "Nulls of a sent spec are not stored.", nulls="drop"),
        _choice("drop-unknown", "Properties that the contract does not know are not stored.", unknown="drop"),
        _choice("section-overwrite", "An update replaces each section that it names as a whole.", patch="section"),
        _choice("not-found-for-foreign", "A workload of another project answers 404.", foreign=404),
        _choice("duplicate-conflict", "A name in use is refused with 409.", duplicate=409),
        _choice("duplicate-accepted", "A name in use is accepted again.", duplicate=None),
        _choice(
            "metrics-never-partial", "A range that begins too early answers 200.", partial=200, early_metrics=200
        ),
        _choice("metrics-not-found-early", "Before a workload runs, its metrics answer 404.", early_metrics=404),
        _choice("terse-errors", "Errors have no details.", details=False),
        _choice("required-fields-only", "Answers hold required fields only; no actualPhase.", optional=False),
        _choice("numeric-offset", "Timestamps end in +00:00 instead of Z.", zone="+00:00"),
        Variant(
            "extra-fields", "Answers hold fields that the contract does not know.", lambda b: b.then(_extra_fields)
        ),
        Variant("no-metric-labels", "Measurements have no labels.", lambda b: b.then(_no_labels)),
        Variant(
            "null-metric-values", "A measurement without samples has null values.", lambda b: b.then(_null_values)
        ),
        Variant("absent-deleted-at", "deletedAt is absent until there is one.", lambda b: b.then(_absent_deleted_at)),
        Variant("null-sections", "Sections that nobody set are null in answers.", lambda b: b.then(_null_sections)),
        Variant("charset", "JSON answers name their charset.", lambda b: b.then(_charset)),
        Variant("throttling", "Every 40th call answers 429 with Retry-After.", _seldom(429, 40)),
        Variant("sometimes-unavailable", "Every 50th call answers 503 with Retry-After.", _seldom(503, 50)),
        Variant("distant", "Every answer takes 150 ms longer.", _slowly(0.15)),
    )
}
