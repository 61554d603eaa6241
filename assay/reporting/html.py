"""report.html: the whole run in one file, without any external resource.

Everything that came from a target is escaped by Jinja and made visible by ``assay.legible``; a content security
policy allows only the report's own script, so that even a slip could not run code in a reader's browser.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from assay.files import write_text
from assay.findings.detection import Detection
from assay.findings.model import Finding, Symptom
from assay.findings.record import Record
from assay.findings.verdict import Verdict
from assay.legible import visible
from assay.reporting import reproduce, words
from assay.reporting.charts import Chart, chart
from assay.reporting.evidence import pretty
from assay.wording import plural

TEMPLATES: Final = Path(__file__).with_name("templates")

MOST_CARDS: Final = 300
"""Findings with their evidence on the page. A card is 10 to 15 KB, so the page stays below 5 MB; others are rows."""

MOST_KEYWORDS: Final = 3_000
MOST_UNTESTED: Final = 500
"""Items listed for one reason why they were not tested."""

_SETUP_BODY: Final = 1_000

_TERMS: Final = 1_500
"""Characters of a finding that the search box looks through; 60 symptoms of one cause, the most seen, are 660."""


def write(verdict: Verdict, record: Record, file: Path, detection: Detection | None = None) -> None:
    """Write report.html; ReportError when the disk refuses."""
    write_text(file, render(verdict, record, detection))


def render(verdict: Verdict, record: Record, detection: Detection | None = None) -> str:
    """The report as text; ``detection`` is the score on record of the suite that ran."""
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            v=verdict,
            decision=verdict.decision.value,
            title=words.TITLE[verdict.decision],
            sentence=words.sentence(verdict),
            counts=words.counts(verdict),
            tiles=tiles(verdict),
            cards=[card(finding, verdict) for finding in verdict.findings[:MOST_CARDS]],
            rows=[head(finding, verdict) for finding in verdict.findings[MOST_CARDS:]],
            meaning={cls.value: meaning for cls, meaning in words.MEANING.items()},
            operations=operations(verdict),
            rules=rules(verdict),
            keywords=list(verdict.coverage.get("keywords", {}).items())[:MOST_KEYWORDS],
            more_keywords=max(len(verdict.coverage.get("keywords", {})) - MOST_KEYWORDS, 0),
            charts=charts(verdict, record),
            detection=detection,
            untested=words.untested(verdict),
            most_untested=MOST_UNTESTED,
            limits=_limits(verdict),
            reproduce_folder=reproduce.FOLDER,
            common_script={shown: reproduce.common(shown=shown) for shown in (True, False)},
            left_behind=verdict.resources.get("left_behind", []),
            unconfirmed=words.unconfirmed(len(verdict.resources.get("unconfirmed", ()))),
            # Both are this package's own files.
            style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704
            script=Markup(script),  # noqa: S704
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        breakable=breakable,
        number=words.number,
        ms=words.milliseconds,
        share=words.share,
        duration=words.duration,
        visible=visible,
    )
    environment.globals.update(plural=plural, share=words.share)
    return environment


def breakable(name: str) -> Markup:
    """A name escaped, with places where a narrow column may break it; they are not part of what is copied."""
    return Markup("<wbr>").join(re.split(r"(?<=[_/.:])", visible(name)))


def tiles(verdict: Verdict) -> list[dict[str, str]]:
    """The numbers at a glance: {"value", "label", "note", "tone"}; a part that was not asked for has no tile."""
    return [*_finding_tiles(verdict), *_contract_tiles(verdict), *_load_tiles(verdict), _resource_tile(verdict)]


def _finding_tiles(verdict: Verdict) -> list[dict[str, str]]:
    found = words.counts(verdict)
    note = f"{found['waived']:,} also waived" if found["waived"] else "reported, not failing"
    remarks = found["gap"] + found["advisory"]
    return [
        _tile(
            found["violation"],
            "violations",
            "fail the run" if found["violation"] else "none found",
            "bad" if found["violation"] else "good",
        ),
        _tile(remarks, "gaps, advisories", note, "warn" if found["gap"] else "plain"),
    ]


def _contract_tiles(verdict: Verdict) -> list[dict[str, str]]:
    ran = sum(verdict.tests.get(name, 0) for name in ("passed", "failed", "error"))
    seen = list(verdict.coverage.get("operations", {}).values())
    listed = list(verdict.coverage.get("rules", {}).values())
    reached = sum(bool(counts["2xx"]) for counts in seen)
    both = sum(_state(sides) == "both" for sides in listed)
    made = []
    if ran or not verdict.load:
        made.append(_tile(ran, "tests run", f"of {verdict.tests.get('planned', ran):,} planned", "plain"))
    if verdict.requests:
        made.append(_tile(verdict.requests, "requests", "each judged", "plain"))
    if seen:
        made.append(_tile(f"{reached}/{len(seen)}", "operations", "answered with 2xx", _tone(reached, len(seen))))
    if listed:
        made.append(_tile(f"{both}/{len(listed)}", "rules", "tested on both sides", _tone(both, len(listed))))
    return made


def _load_tiles(verdict: Verdict) -> list[dict[str, str]]:
    limits = [slo for result in verdict.load.values() for slo in result.slo]
    if not limits:
        return []
    kept = sum(bool(slo.get("ok")) for slo in limits)
    tone = "bad" if any(slo.get("ok") is False for slo in limits) else _tone(kept, len(limits))
    return [_tile(f"{kept}/{len(limits)}", "SLOs", "kept under load", tone)]


def _resource_tile(verdict: Verdict) -> dict[str, str]:
    resources = verdict.resources
    left = len(resources.get("left_behind", []))
    created = resources.get("created", 0)
    removed = f"{resources.get('deleted', 0):,} of {created:,} removed" if created else "nothing was created"
    open_ends = len(resources.get("unconfirmed", []))
    removed += f", {open_ends:,} unconfirmed" if open_ends else ""
    return _tile(left, "left behind", removed, "bad" if left else "good")


def _limits(verdict: Verdict) -> str:
    """The limits of the run in one line, with what was used of each."""
    return ", ".join(f"{name} {share}" for name, share in words.limits(verdict))


def head(finding: Finding, verdict: Verdict) -> dict[str, Any]:
    """A finding in one row, with the words that the search box looks through."""
    tone = "waived" if finding.waived else finding.cls.value
    terms = (finding.id, tone, finding.check, finding.operation, finding.rule or "", finding.summary)
    return {
        "f": finding,
        "tone": tone,
        "weight": words.weight(finding, verdict.fail_on),
        "terms": " ".join((*terms, *(symptom.id for symptom in finding.symptoms))).lower()[:_TERMS],
    }


def card(finding: Finding, verdict: Verdict) -> dict[str, Any]:
    """A finding with its evidence, bodies indented where they are JSON."""
    evidence = finding.evidence
    return {
        **head(finding, verdict),
        "request": _message(evidence.request) if evidence else None,
        "response": _message(evidence.response) if evidence and evidence.response else None,
        "setup": [_setup(step) for step in evidence.setup] if evidence else [],
        "replay": verdict.run.replay(finding),
        "script": reproduce.own_part(finding, verdict.run),
    }


def operations(verdict: Verdict) -> list[dict[str, Any]]:
    """One row per operation: counts, statuses with the tone of their class, findings."""
    findings = Counter(each.operation for each in _observed(verdict))
    statuses = verdict.coverage.get("statuses", {})
    return [
        {
            "name": name,
            **counts,
            "reached": counts["2xx"],
            "statuses": [(status, count, _status_tone(status)) for status, count in statuses.get(name, {}).items()],
            "findings": findings[name],
        }
        for name, counts in verdict.coverage.get("operations", {}).items()
    ]


def rules(verdict: Verdict) -> list[dict[str, Any]]:
    """One row per rule: how often each side was exercised, and whether a finding names it."""
    findings = Counter(each.rule for each in _observed(verdict))
    return [
        {"id": name, "area": name.partition("/")[0], **sides, "state": _state(sides), "findings": findings[name]}
        for name, sides in verdict.coverage.get("rules", {}).items()
    ]


def _observed(verdict: Verdict) -> Iterator[Finding | Symptom]:
    """What was observed and is not waived, what a cause explains included."""
    for finding in verdict.findings:
        if not finding.waived:
            yield from finding.observed()


def charts(verdict: Verdict, record: Record) -> Sequence[Chart]:
    drawn = (chart(name, points, verdict.load.get(name)) for name, points in sorted(record.series.items()))
    return [each for each in drawn if each is not None]


def _tile(value: int | str, label: str, note: str, tone: str) -> dict[str, str]:
    shown = f"{value:,}" if isinstance(value, int) else value
    return {"value": shown, "label": label, "note": note, "tone": tone}


def _tone(reached: int, total: int) -> str:
    if not total:
        return "plain"
    return "good" if reached == total else "warn"


def _state(sides: Mapping[str, int | None]) -> str:
    """``both`` when every side that the rule has was exercised, ``one`` or ``none``."""
    exercised = [count for count in (sides["accept"], sides["reject"]) if count is not None]
    if all(exercised):
        return "both"
    return "one" if any(exercised) else "none"


def _status_tone(status: str) -> str:
    return {"2": "good", "4": "info", "5": "bad"}.get(status[:1], "bad" if status == "none" else "plain")


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    body = message.get("body")
    return {**message, "headers": message.get("headers") or {}, "body": pretty(body) if body else body}


def _setup(step: Mapping[str, Any]) -> dict[str, Any]:
    response = step.get("response") or {}
    return {
        "line": f"{step['request'].get('method', '')} {step['request'].get('url', '')}",
        "body": str(step["request"].get("body") or "")[:_SETUP_BODY],
        "status": response.get("status", "no answer"),
        "answer": str(response.get("body") or "")[:_SETUP_BODY],
    }
