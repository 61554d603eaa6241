"""The facts of a run that its events do not say: versions, selection, machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from assay import __version__
from assay.client.settings import Settings
from assay.contract import documents
from assay.contract.documents import Contract
from assay.contract.rules.catalogue import RULES
from assay.findings.run import RunInfo
from assay.run.plan import Plan

_PACKAGES: Final = ("schemathesis", "hypothesis", "locust", "pytest", "httpx", "allure-pytest", "jsonschema-rs")


def run_info(plan: Plan, settings: Settings, contract: Contract, run_id: str, started: datetime) -> RunInfo:
    """Collect what the reports state about the run itself."""
    judged = "contract" in plan.parts
    return RunInfo(
        command=plan.command,
        base_url="embedded control plane" if settings.embedded else settings.base_url or "",
        contract_version=contract.version,
        started=started,
        finished=datetime.now(UTC),
        seed=settings.seed,
        suite_version=__version__,
        packages={name: metadata.version(name) for name in _PACKAGES},
        only=" ".join(settings.only) or None,
        parts=frozenset(plan.parts),
        operations=tuple(operation.id for operation in contract.operations.values()) if judged else (),
        rules={rule.id: bool(rule.rejects) for rule in RULES} if judged else {},
        environment={
            "python": platform.python_version(),
            "platform": platform.platform(terse=True),
            "cpus": str(os.cpu_count()),
        },
        run_id=run_id,
        contract_digests=contract_digests(contract, settings.corrections),
    )


def contract_digests(contract: Contract, corrections: Path | None) -> dict[str, Any]:
    """The SHA-256 of each document: as published, merged into one, the corrections, and what both come to.

    A document of the user's own was merged elsewhere, so it has no published parts here.
    """
    shipped = documents.version_folder()
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
