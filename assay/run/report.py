"""Ends a run: the verdict, the reports, the last lines on the terminal."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from assay import __version__
from assay.clock import utc
from assay.contract import documents
from assay.contract.documents import Contract
from assay.errors import EXIT_INTERRUPTED
from assay.findings import journal as journals
from assay.findings.model import Class, RunInfo
from assay.findings.verdict import Verdict, build
from assay.findings.waivers import Waiver
from assay.reporting import certificate, terminal
from assay.reporting.write_all import write_all
from assay.run.again import replay_flags, replayable
from assay.run.context import RunContext
from assay.run.places import remember

REPORTS: Final = "reports"
"""The folder among the working files that takes the reports when their own does not."""

_PACKAGES: Final = ("schemathesis", "hypothesis", "locust", "pytest", "httpx", "allure-pytest", "jsonschema-rs")


def report(run: RunContext, waivers: tuple[Waiver, ...], *, shown: bool = True) -> int:
    """Build the verdict, write the reports, print the end of the run; not ``shown``: only where the report is."""
    run.journal.close()
    out = None if run.space.is_default else run.space.out
    events = replayable(journals.read(run.space.journal), run.settings, out)
    events += replayable(run.journal.unwritten, run.settings, out)
    info = run_info(run)
    verdict: Verdict = build(events, run=info, waivers=waivers, fail_on=Class(run.settings.fail_on))
    problems = write_all(verdict, events, run.space.out)
    if problems:
        verdict = verdict.with_problems(problems)
        verdict = verdict.with_problems(list(_elsewhere(run, verdict, events)))
    run.space.point_latest_here()
    remember(run.space.out)
    place = run.space.work / REPORTS if run.keeps_work else run.space.out
    if shown:
        terminal.show(verdict, place, run.console)
    elif (place / "report.html").is_file():
        run.console.print(f"report: {place / 'report.html'}", highlight=False, soft_wrap=True)
    certifies = run.plan.command == certificate.COMMAND and any(verdict.tests.values())
    digest = certificate.certificate_digest(run.space.out) if certifies else None
    if digest is not None:
        run.console.print(
            f"certificate: keep its digest elsewhere: {digest}\n"
            f"             assay verify {run.space.out} --sha256 ... says whether anything was altered since",
            highlight=False,
            soft_wrap=True,
        )
    return EXIT_INTERRUPTED if run.interrupted else verdict.exit_code


def _elsewhere(run: RunContext, verdict: Verdict, events: list[Mapping[str, Any]]) -> Iterator[str]:
    """Write the reports among the temporary files, where their own folder does not take them."""
    folder = run.space.work / REPORTS
    if not write_all(verdict, events, folder):
        run.keeps_work = True
        yield f"the reports are in {folder} instead"


def run_info(run: RunContext) -> RunInfo:
    """The facts of the run that its events do not say: versions, selection, machine."""
    plan, settings, contract = run.plan, run.settings, run.contract
    judged = "contract" in plan.parts
    return RunInfo(
        command=plan.command,
        base_url="embedded control plane" if settings.embedded else settings.base_url or "",
        contract_version=contract.version,
        started=run.started,
        finished=utc(run.clock),
        seed=settings.seed,
        suite_version=__version__,
        packages={name: metadata.version(name) for name in _PACKAGES},
        only=" ".join(settings.only) or None,
        parts=frozenset(plan.parts),
        operations=tuple(operation.id for operation in contract.operations.values()) if judged else (),
        rules={rule.id: bool(rule.rejects) for rule in contract.rules} if judged else {},
        environment={
            "python": platform.python_version(),
            "platform": platform.platform(terse=True),
            "cpus": str(os.cpu_count()),
        },
        run_id=run.space.run_id,
        project="" if settings.embedded else settings.project or "",
        cluster="" if settings.embedded else settings.cluster or "",
        contract_digests=contract_digests(contract, settings.corrections),
        replay_flags=replay_flags(settings, None if run.space.is_default else run.space.out),
        load_options=plan.load.as_asked() if "load" in plan.parts else None,
    )


def contract_digests(contract: Contract, corrections: Path | None) -> dict[str, Any]:
    """The SHA-256 of each document: as published, merged into one, the corrections, and what both come to.

    A document of the user's own was merged elsewhere, so it has no published parts here.
    """
    shipped = documents.version_folder(contract.edition)
    is_shipped = contract.source == shipped / documents.DOCUMENT
    applied = corrections or (shipped / documents.CORRECTIONS if is_shipped else None)
    parts = sorted((shipped / "published").iterdir()) if is_shipped else []
    corrected = json.dumps(contract.document, sort_keys=True, separators=(",", ":"), default=str)
    return {
        "published": {file.name: _sha256(file.read_bytes()) for file in parts if file.is_file()},
        "merged": {contract.source.name: _sha256(contract.source.read_bytes())},
        "corrections": {applied.name: _sha256(applied.read_bytes())} if applied else {},
        "corrected": _sha256(corrected.encode()),
    }


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
