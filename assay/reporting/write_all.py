"""Writes every report of a run. One that cannot be written never prevents the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from assay.errors import ReportError
from assay.findings.detection import shipped
from assay.findings.record import Event, Record
from assay.findings.verdict import Verdict
from assay.reporting import allure, certificate, html, junit, markdown, reproduce, verdict_json


def write_all(verdict: Verdict, events: Iterable[Event], out_dir: Path) -> list[str]:
    """Write verdict.json, report.html, junit.xml, allure-results/, reproduce/ and summary.md into ``out_dir``.

    For a certification it also writes certificate.json, last of all, because it holds the digests of the others.

    Returns what could not be written, in plain words. Such a run is not complete: the reports that could be written
    are written again with the problem in them, and the caller continues with ``verdict.with_problems(...)``.
    """
    record = Record.of(events, rules=verdict.run.rules)
    problems = _write(verdict, record, out_dir)
    if problems:
        _write(verdict.with_problems(problems), record, out_dir)
    return problems


def _write(verdict: Verdict, record: Record, out_dir: Path) -> list[str]:
    writers: dict[str, Callable[[], None]] = {
        "report.html": lambda: html.write(verdict, record, out_dir / "report.html", shipped(verdict.run.command)),
        "junit.xml": lambda: junit.write(verdict, record, out_dir / "junit.xml"),
        "allure-results": lambda: allure.write(verdict, record, out_dir / "allure-results"),
        reproduce.FOLDER: lambda: reproduce.write(verdict, out_dir / reproduce.FOLDER),
        "summary.md": lambda: markdown.write(verdict, out_dir / "summary.md"),
        # After the others: a program that waits for verdict.json finds them next to it.
        "verdict.json": lambda: verdict_json.write(verdict, out_dir / "verdict.json"),
    }
    if verdict.run.command == certificate.COMMAND:
        writers[certificate.NAME] = lambda: certificate.write(verdict, shipped(verdict.run.command), out_dir)
    return [problem for name, writer in writers.items() if (problem := _attempt(name, writer))]


def _attempt(name: str, writer: Callable[[], None]) -> str | None:
    try:
        writer()
    except ReportError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - a defect of one writer must not cost the other reports
        return f"{name} could not be written: {type(error).__name__}: {error}"
    return None
