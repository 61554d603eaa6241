"""The facts of a run that its events do not say: versions, selection, machine."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from typing import Final

from assay import __version__
from assay.contract.documents import Contract
from assay.contract.rules.catalogue import RULES
from assay.findings.run import RunInfo
from assay.run.plan import Plan
from assay.target.settings import Settings

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
    )
