"""allure-results/: what the Allure report generator reads (Allure 2 format), one result per test id.

Findings become steps with request, response and curl attached. The folder is built beside its place and then
renamed, so a generator never meets half of it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import Attachment, Label, Parameter, Status, StatusDetails, TestResult, TestStepResult

from assay.files import refused
from assay.findings.model import Class, Finding
from assay.findings.record import Record, TestOutcome, TestRun
from assay.findings.verdict import Verdict, fails
from assay.legible import one_line, visible
from assay.reporting.evidence import as_text, by_test, class_and_name, request_text, response_text

MOST_ATTACHED: Final = 500
"""Findings with attachments (three files each); the rest carry their evidence in verdict.json only."""

_STATUS: Final = {
    TestOutcome.PASSED: Status.PASSED,
    TestOutcome.FAILED: Status.PASSED,  # what failed is decided by its findings: a gap or a waived one does not fail
    TestOutcome.ERROR: Status.BROKEN,
    TestOutcome.SKIPPED: Status.SKIPPED,
}
_SEVERITY: Final = {Class.VIOLATION: "critical", Class.GAP: "minor", Class.ADVISORY: "trivial"}

_CATEGORIES: Final = [
    {"name": "Waiver no longer valid", "matchedStatuses": ["failed"], "messageRegex": r"(?s).*\[waiver\].*"},
    {"name": "SLO missed", "matchedStatuses": ["failed"], "messageRegex": r"(?s).*\[slo\].*"},
    {"name": "Contract violation", "matchedStatuses": ["failed"], "messageRegex": r"(?s).*\[violation\].*"},
    {"name": "Gap or advisory", "matchedStatuses": ["failed"]},
    {"name": "Could not decide", "matchedStatuses": ["broken"]},
    {"name": "Not tested", "matchedStatuses": ["skipped"]},
]


def write(verdict: Verdict, record: Record, folder: Path) -> None:
    """Write the folder, replacing one of an earlier run; ReportError when the disk refuses."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise refused(folder, error) from error
    try:
        _Writer(verdict, building).write(record)
        building.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        building.rename(folder)
    except OSError as error:
        raise refused(folder, error) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


class _Writer:
    """Writes the results of one run into an empty folder."""

    def __init__(self, verdict: Verdict, folder: Path) -> None:
        self._verdict = verdict
        self._folder = folder
        self._logger = AllureFileLogger(str(folder))
        self._attached = {finding.id for finding in verdict.findings[:MOST_ATTACHED] if finding.evidence}
        self._written: dict[str, list[Attachment]] = {}

    def write(self, record: Record) -> None:
        observed = by_test(self._verdict.findings)
        others = [TestRun(name, TestOutcome.PASSED, 0.0) for name in observed if name not in record.tests]
        for run in (*record.tests.values(), *others, *self._run_itself()):
            self._logger.report_result(self._result(run, observed.get(run.id, [])))
        self._text("categories.json", json.dumps(_CATEGORIES, indent=1))
        self._text("environment.properties", _properties(self._environment()))

    def _run_itself(self) -> list[TestRun]:
        """The problems of the run as a broken result, so that the report cannot look green."""
        if not self._verdict.problems:
            return []
        return [TestRun("assay/run/the run could decide", TestOutcome.ERROR, 0.0, "\n".join(self._verdict.problems))]

    def _result(self, run: TestRun, findings: Sequence[Finding]) -> TestResult:
        failing = [finding for finding in findings if fails(finding, self._verdict.fail_on)]
        classname, name = class_and_name(run.id)
        stop = round((run.ended or self._verdict.run.finished.timestamp()) * 1000)
        identity = uuid.uuid5(uuid.NAMESPACE_URL, f"assay:{run.id}").hex
        return TestResult(
            uuid=str(uuid.uuid5(uuid.NAMESPACE_URL, f"assay:{self._verdict.run.started.isoformat()}:{run.id}")),
            historyId=identity,
            testCaseId=identity,
            fullName=visible(run.id),
            name=one_line(name),
            status=self._status(run, findings, failing),
            statusDetails=_details(run, failing),
            stage="finished",
            start=stop - round(run.seconds * 1000),
            stop=stop,
            labels=self._labels(classname, findings),
            parameters=[Parameter(name="seed", value=str(self._verdict.run.seed), excluded=True)],
            steps=[self._step(finding, stop) for finding in findings],
        )

    def _status(self, run: TestRun, findings: Sequence[Finding], failing: Sequence[Finding]) -> str:
        if failing and run.outcome is not TestOutcome.ERROR:
            return str(Status.FAILED)
        if run.outcome is TestOutcome.FAILED and not findings:
            return str(Status.BROKEN)  # nothing says what failed
        return str(_STATUS[run.outcome])

    def _labels(self, classname: str, findings: Sequence[Finding]) -> list[Label]:
        parent, _, suite = classname.rpartition(".")
        worst = min(findings, key=lambda finding: list(Class).index(finding.cls), default=None)
        labels = {
            "framework": "assay",
            "epic": f"assay {self._verdict.run.command}",
            "parentSuite": parent or suite,
            "suite": suite,
            "severity": _SEVERITY[worst.cls] if worst else "normal",
        }
        pairs = [(name, value) for name, value in labels.items() if value]
        pairs += [("feature", operation) for operation in dict.fromkeys(finding.operation for finding in findings)]
        pairs += [("tag", tag) for tag in dict.fromkeys(_tag(finding) for finding in findings)]
        return [Label(name=name, value=visible(value)) for name, value in pairs]

    def _step(self, finding: Finding, moment: int) -> TestStepResult:
        failed = fails(finding, self._verdict.fail_on)
        return TestStepResult(
            name=one_line(f"{finding.id} [{_tag(finding)}] {finding.summary}"),
            status=Status.FAILED if failed else Status.PASSED,
            statusDetails=StatusDetails(message=visible(finding.why), known=finding.waived or None),
            stage="finished",
            start=moment,
            stop=moment,
            attachments=self._attachments(finding),
        )

    def _attachments(self, finding: Finding) -> list[Attachment]:
        """Request, response and curl as files, written once however many tests observed the finding."""
        if finding.id not in self._attached or finding.evidence is None:
            return []
        if finding.id not in self._written:
            texts = {
                "request": request_text(finding.evidence.request),
                "response": response_text(finding.evidence.response),
                "curl": f"{finding.evidence.curl}\n\n# replay: {finding.evidence.replay}",
            }
            for name, text in texts.items():
                self._logger.report_attached_data(visible(text), f"{finding.id}-{name}-attachment.txt")
            self._written[finding.id] = [
                Attachment(name=name, source=f"{finding.id}-{name}-attachment.txt", type="text/plain")
                for name in texts
            ]
        return self._written[finding.id]

    def _environment(self) -> Mapping[str, str]:
        run = self._verdict.run
        return {
            "target": run.target["base_url"],
            "contract": run.contract_version,
            "command": run.command,
            "verdict": self._verdict.decision.value,
            "seed": str(run.seed),
            "assay": run.suite_version,
            **run.packages,
            **run.environment,
        }

    def _text(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text, encoding="utf-8")


def _details(run: TestRun, failing: Sequence[Finding]) -> StatusDetails | None:
    if failing and run.outcome is not TestOutcome.ERROR:
        message = "\n".join(f"[{_tag(finding)}] {finding.id} {finding.summary}" for finding in failing)
        return StatusDetails(message=visible(message), trace=visible("\n\n".join(map(as_text, failing))))
    return StatusDetails(message=visible(run.message)) if run.message else None


def _tag(finding: Finding) -> str:
    if finding.waived:
        return "waived"
    return finding.check if finding.check in ("waiver", "slo") else finding.cls.value


def _properties(facts: Mapping[str, str]) -> str:
    """A Java properties file; other characters than ASCII are escaped, because the format is Latin-1."""
    return "".join(f"{_key(name)}={_escaped(value)}\n" for name, value in facts.items())


def _key(name: str) -> str:
    return "".join(f"\\{char}" if char in " :=#!" else char for char in _escaped(name))


def _escaped(text: str) -> str:
    units = visible(text).replace("\\", "\\\\").replace("\n", "\\n").encode("utf-16-be")
    codes = (int.from_bytes(units[index : index + 2], "big") for index in range(0, len(units), 2))
    return "".join(chr(code) if 0x20 <= code < 0x7F else f"\\u{code:04x}" for code in codes)
