"""reproduce/F-….sh: for each finding a script that shows it again, or says that it shows no longer."""

from __future__ import annotations

import shlex
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from assay.files import refused, write_text
from assay.findings.model import Finding, RunInfo
from assay.findings.verdict import Verdict
from assay.legible import visible

FOLDER: Final = "reproduce"
_COMMON: Final = Path(__file__).with_name("templates") / "reproduce.sh"
_WORKLOADS: Final = "/api/v1/workloads/inferences"
_WIDTH: Final = 116

_USAGE: Final = """\
Sends what the run has sent and compares. Exit code 0: it shows, 1: no longer, 2: could not be tried.
Needs curl and ASSAY_TOKEN, or ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET (token from ASSAY_TOKEN_URL). Others may be
set to go elsewhere: ASSAY_BASE_URL, ASSAY_PROJECT, ASSAY_CLUSTER. What it creates it deletes, also when interrupted.\
"""
_BY_REPLAY: Final = """\
say() { printf '%s\\n' "$*"; }
say "A script cannot show this one: it takes measurements, or calls that meet at one moment."
say "assay can: $replay"
exit 2
"""


def write(verdict: Verdict, folder: Path) -> None:
    """Write a script for each finding with evidence, in place of an earlier run's; ReportError when the disk refuses.

    A run without findings has no such folder.
    """
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise refused(folder, error) from error
    for finding in verdict.findings:
        if finding.evidence is not None:
            file = folder / f"{finding.id}.sh"
            write_text(file, script(finding, verdict.run))
            file.chmod(0o755)


def script(finding: Finding, run: RunInfo) -> str:
    """The whole script, as it can be run."""
    return own_part(finding, run) + (common() if finding.can_be_shown else "")


def own_part(finding: Finding, run: RunInfo) -> str:
    """What belongs to this finding; ``common`` follows, and runs it. Alone where a script cannot show it."""
    evidence = finding.evidence
    assert evidence is not None
    head = [
        "#!/bin/sh",
        "# shellcheck disable=SC2034,SC2329,SC2317 # no script needs all of what they share",
        *_comment(f"{finding.id} {finding.cls.value}: {finding.summary}"),
        *_comment(finding.why),
        "#",
        *_comment(_USAGE),
        f"# The same with assay: {visible(evidence.replay)}",
        "set -u",
        f"finding={finding.id} summary={_quoted(finding.summary)}",
        f"replay={_quoted(evidence.replay)}",
    ]
    if evidence.reproduction is None:
        return "\n".join([*head, _BY_REPLAY])
    return "\n".join([*head, *_settings(evidence.reproduction, run), str(evidence.reproduction["part"]), ""])


def _settings(made: Mapping[str, Any], run: RunInfo) -> Iterator[str]:
    base = run.target["base_url"]
    known = base if base.startswith(("http://", "https://")) else ""
    yield f"base=${{ASSAY_BASE_URL:-{_default(known)}}}"
    yield f"project=${{ASSAY_PROJECT:-{_default(made['project'])}}}"
    yield f"cluster=${{ASSAY_CLUSTER:-{_default(made['cluster'])}}}"
    yield f"expected={_quoted(made['says'])}"
    yield f"outsider={'yes' if made['outsider'] else 'no'} mark={shlex.quote(made['mark'])}"
    yield f"workloads={_WORKLOADS} id_field=workloadId"


@cache
def common() -> str:
    """The part that is the same in all scripts."""
    return _COMMON.read_text(encoding="utf-8")


def _comment(text: str) -> list[str]:
    return [f"# {line}" for part in visible(text).splitlines() for line in textwrap.wrap(part, _WIDTH)]


def _quoted(text: str) -> str:
    return shlex.quote(" ".join(visible(text).split()))


def _default(text: str) -> str:
    """A text for inside ``${VARIABLE:-...}``."""
    return shlex.quote(text) if text else ""
