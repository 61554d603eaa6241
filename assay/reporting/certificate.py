"""certificate.json: what was certified, against which contract, with what result, and how far to trust the suite.

It closes a certification: it holds the SHA-256 of every other file of the run, so that an auditor can tell whether
what lies before them is what was written (``assay verify DIR``). It is not a signature: who can alter the files can
also write another certificate. So its own SHA-256 is printed at the end of the run, to be kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from assay.errors import ReportError, SettingsError
from assay.files import read_bytes, read_json, read_model, write_text
from assay.findings import clean
from assay.findings.detection import Detection, suite_digest
from assay.findings.verdict import Verdict
from assay.reporting import words

SCHEMA: Final = "assay/certificate/1"
NAME: Final = "certificate.json"
_LARGEST: Final = 2**30  # bytes of one report
COMMAND: Final = "certify"
"""The command whose runs end with a certificate."""

_CARRIED: Final = (
    "verdict",
    "run",
    "target",
    "started",
    "finished",
    "seed",
    "only",
    "problems",
    "not_tested",
    "load",
    "resources",
)
"""What the certificate repeats from verdict.json, word for word."""


def write(verdict: Verdict, detection: Detection | None, out_dir: Path) -> None:
    """Write certificate.json beside the other files of ``out_dir``, last; ReportError when the disk refuses."""
    document = clean.value(to_json(verdict, detection, digests(out_dir)))
    write_text(out_dir / NAME, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def to_json(verdict: Verdict, detection: Detection | None, files: Mapping[str, str]) -> dict[str, Any]:
    """The certificate. ``files`` are the digests of the other files of the run."""
    whole = verdict.to_json()
    rules = verdict.coverage.get("rules", {}).values()
    return {
        "schema": SCHEMA,
        **{name: whole[name] for name in _CARRIED},
        "suite": {**verdict.run.suite(), "digest": suite_digest()},
        "contract": {"version": verdict.run.contract_version, **verdict.run.contract_digests},
        "tested": {
            "parts": sorted(verdict.run.parts),
            "tests": dict(verdict.tests),
            "requests": verdict.requests,
            "operations": verdict.coverage.get("operations", {}),
            "rules": {"exercised": sum(any(sides.values()) for sides in rules), "of": len(rules)},
        },
        "findings": words.counts(verdict),
        "failing": [finding.id for finding in verdict.failing],
        "waivers": [
            {"finding": finding.id, **finding.waiver} for finding in verdict.findings if finding.waiver is not None
        ],
        "detection": None if detection is None else _detection(detection),
        "files": dict(files),
    }


def _detection(detection: Detection) -> dict[str, Any]:
    """The score with the suite it was measured with, and whether that is the suite of this run."""
    return {**detection.to_json(), "measured_with_this_suite": detection.is_of_this_suite}


def digests(out_dir: Path) -> dict[str, str]:
    """``{name: "sha256:..."}`` of what lies in ``out_dir`` but the certificate; a folder counts as one."""
    found = {}
    for entry in sorted(out_dir.iterdir()):
        if entry.name != NAME and not entry.name.startswith("."):
            found[entry.name] = _of_folder(entry) if entry.is_dir() else _of_file(entry)
    return found


def certificate_digest(out_dir: Path) -> str | None:
    """The SHA-256 of the certificate itself, to be kept elsewhere; None when there is none."""
    file = out_dir / NAME
    return _of_file(file) if file.exists() else None


def _of_folder(folder: Path) -> str:
    """The digest of the names and digests of all files below ``folder``, sorted by name."""
    files = sorted(file for file in folder.rglob("*") if not file.is_dir())
    return _sha256(f"{file.relative_to(folder).as_posix()} {_of_file(file)}\n".encode() for file in files)


def _of_file(file: Path) -> str:
    """The digest of a file; ReportError for what cannot be read, a pipe or a device say."""
    return _sha256([read_bytes(file, error=ReportError, most=_LARGEST)])


def _sha256(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return f"sha256:{digest.hexdigest()}"


class CertifiedTarget(BaseModel):
    """The control plane that was certified."""

    model_config = ConfigDict(extra="allow")

    base_url: str


class StoredCertificate(BaseModel):
    """What is read back from a certificate; everything else that stands in it is kept as it is."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    form: Literal["assay/certificate/1"] = Field(alias="schema")
    verdict: str
    target: CertifiedTarget
    finished: str
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of the files of a certificate: {name: "intact", "altered", "missing" or "not certified"}."""

    certificate: StoredCertificate
    digest: str
    files: Mapping[str, str]
    contradictions: tuple[str, ...]

    @property
    def intact(self) -> bool:
        return not self.contradictions and set(self.files.values()) <= {"intact"}


def verify(out_dir: Path) -> Verification:
    """Hold the files of ``out_dir`` against its certificate. SettingsError when it has none that can be read."""
    certificate = _read(out_dir / NAME)
    now, then = digests(out_dir), certificate.files
    states = {name: _state(then.get(name), now.get(name)) for name in sorted({*now, *then})}
    return Verification(
        certificate,
        certificate_digest(out_dir) or "",
        states,
        tuple(_contradictions(certificate, out_dir / "verdict.json")),
    )


def _state(then: str | None, now: str | None) -> str:
    if then is None:
        return "not certified"
    if now is None:
        return "missing"
    return "intact" if then == now else "altered"


def _contradictions(certificate: StoredCertificate, file: Path) -> Iterable[str]:
    """Where the certificate differs from the verdict next to it."""
    try:
        verdict = read_json(file)
    except SettingsError:
        return  # missing or altered: its digest says so
    own = certificate.model_dump()
    for name in _CARRIED:
        if isinstance(verdict, dict) and own.get(name) != verdict.get(name):
            yield f"'{name}' of the certificate is not that of verdict.json"


def _read(file: Path) -> StoredCertificate:
    return read_model(
        StoredCertificate, file, f"a certificate ({SCHEMA})", hint="name the folder that `assay certify --out` wrote"
    )
