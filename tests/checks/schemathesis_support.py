"""A target on an embedded control plane, for the tests of the Schemathesis campaign."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.checks.target import TargetUnderTest
from assay.client.layers import load_settings
from assay.client.opening import open_session
from assay.contract import documents
from assay.contract.oracle import Oracle
from assay.findings import journal
from assay.reference import embedded
from assay.reference.embedded import Options


@contextmanager
def probing(folder: Path, *, limits: Mapping[str, object] | None = None, **options: Any) -> Iterator[TargetUnderTest]:
    """A target on a fresh control plane with ``options`` of ``assay serve``.

    ``folder`` takes ledger and journal, ``limits`` are further settings.
    """
    contract = documents.load()
    with embedded.start(Options(**options)) as plane:
        settings = load_settings({"seed": 1, **(limits or {})}, env={}).with_embedded(
            plane.base_url, plane.projects[0], plane.cluster, **embedded.credentials(plane)
        )
        session = open_session(settings, contract, env={"ASSAY_STATE_DIR": str(folder / "state")})
        out = journal.FileJournal(folder / "journal.jsonl")
        try:
            yield TargetUnderTest(session, Oracle(contract), out)
        finally:
            session.sweep()
            session.close()
            out.close()


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The journal's events of a kind."""
    lines = (folder / "journal.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["t"] == kind]
