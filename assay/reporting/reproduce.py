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
_TEMPLATES: Final = Path(__file__).with_name("templates")
_WORKLOADS: Final = "/api/v1/workloads/inferences"
_WIDTH: Final = 116

_USAGE: Final = """\
Sends what the run has sent and compares. Exit code 0: it shows, 1: no longer, 2: could not be tried.
Needs curl and ASSAY_TOKEN, or ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET (token from ASSAY_TOKEN_URL). Others may be
set to go elsewhere: ASSAY_BASE_URL, ASSAY_PROJECT, ASSAY_CLUSTER. What it creates it deletes, also when interrupted.\
"""
_USAGE_OF_REPLAY: Final = """\
Has assay try it again. Exit code 0: it shows, 1: no longer, 2: could not be tried or decided.
Needs assay, and ASSAY_TOKEN, or ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET. Others may be set to go elsewhere:
ASSAY_BASE_URL, ASSAY_PROJECT, ASSAY_CLUSTER. What it creates it deletes, also when interrupted.\
"""
_LOAD: Final = "It takes measurements under load, which one request cannot: assay takes them again."
_OTHER: Final = "It takes more than a script can send: assay tries it again."


def write(verdict: Verdict, folder: Path) -> None:
    """Write a script for each finding, in place of an earlier run's; ReportError when the disk refuses.

    A run without findings has no such folder.
    """
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise refused(folder, error) from error
    for finding in verdict.findings:
        file = folder / f"{finding.id}.sh"
        write_text(file, script(finding, verdict.run))
        file.chmod(0o755)


def script(finding: Finding, run: RunInfo) -> str:
    """The whole script, as it can be run."""
    return own_part(finding, run) + common(shown=finding.can_be_shown)


def own_part(finding: Finding, run: RunInfo) -> str:
    """What belongs to this finding; ``common`` follows, and runs it."""
    replay = run.replay(finding)
    made = finding.evidence.reproduction if finding.evidence else None
    head = [
        "#!/bin/sh",
        "# shellcheck disable=SC2034,SC2329,SC2317 # no script needs all of what they share",
        *_comment(f"{finding.id} {finding.cls.value}: {finding.summary}"),
        *_comment(finding.why),
        "#",
        *_comment(_USAGE if made else _USAGE_OF_REPLAY),
        f"# The same with assay: {visible(replay)}",
        "set -u",
        f"finding={finding.id} summary={_quoted(finding.summary)}",
        f"replay={_quoted(replay)}",
        f'again() {{ {visible(replay)} "$@"; }}',
    ]
    if made is None:
        return "\n".join([*head, f"why={_quoted(_LOAD if finding.test.startswith('load') else _OTHER)}", ""])
    return "\n".join([*head, *_settings(made, run), str(made["part"]), ""])


def _settings(made: Mapping[str, Any], run: RunInfo) -> Iterator[str]:
    base = run.target["base_url"]
    known = base if base.startswith(("http://", "https://")) else ""
    yield f"base=${{ASSAY_BASE_URL:-{_default(known)}}}"
    yield f"project=${{ASSAY_PROJECT:-{_default(made['project'])}}}"
    yield f"cluster=${{ASSAY_CLUSTER:-{_default(made['cluster'])}}}"
    yield f"expected={_quoted(made['says'])}"
    yield f"outsider={'yes' if made['outsider'] else 'no'} mark={shlex.quote(made['mark'])}"
    yield f"workloads={_WORKLOADS} id_field=workloadId"


def common(*, shown: bool) -> str:
    """The part that is the same in all scripts whose findings curl can show, or in all others."""
    return _template("replay") + (_template("reproduce") if shown else 'by_replay "$why"\n')


@cache
def _template(name: str) -> str:
    return (_TEMPLATES / f"{name}.sh").read_text(encoding="utf-8")


def _comment(text: str) -> list[str]:
    return [f"# {line}" for part in visible(text).splitlines() for line in textwrap.wrap(part, _WIDTH)]


def _quoted(text: str) -> str:
    return shlex.quote(" ".join(visible(text).split()))


def _default(text: str) -> str:
    """A text for inside ``${VARIABLE:-...}``."""
    return shlex.quote(text) if text else ""
