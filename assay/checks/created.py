"""Judges the answer to an accepted creation: it must tell what was asked for, under a new id, now."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from assay.checks import echo
from assay.checks.deviation import Deviation
from assay.client.exchange import Answer
from assay.contract.request import Json
from assay.findings.model import Class

# Clocks of nodes behind one load balancer differ; five minutes is what Kerberos and most token checks tolerate.
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_BODY: Final = "/response/202/body"


class CreatedChecks:
    """Checks of accepted creations; remembers the ids of the run. Safe to use from several threads."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._lock = threading.Lock()

    def judge(self, sent: Mapping[str, Json], got: Mapping[str, Json], answer: Answer) -> Iterator[Deviation]:
        """Yield every deviation of the answer ``got`` from the creation ``sent``."""
        yield from _names(sent, got)
        yield from _places(sent, got)
        yield from self._identity(got)
        yield from _times(got, answer)
        yield from spec_echo(sent.get("spec"), got, "create")

    def _identity(self, got: Mapping[str, Json]) -> Iterator[Deviation]:
        identity = got.get("workloadId")
        if not isinstance(identity, str):
            return
        with self._lock:
            known = identity.lower() in self._ids
            self._ids.add(identity.lower())
        if known:
            yield _violation(
                "id-unique",
                f"{_BODY}/workloadId",
                "two workloads have one id",
                "The document says: “A unique ID of the workload.”",
            )


def spec_echo(sent: Json, got: Mapping[str, Json], step: str) -> Iterator[Deviation]:
    """Yield where the spec of an answer does not hold what was sent.

    ``step`` names the exchange (create, read, update).
    """
    if not isinstance(sent, Mapping):
        return
    if "spec" not in got or got["spec"] is None:
        yield Deviation(
            Class.GAP,
            f"{step}-echo",
            None,
            f"{_BODY}/spec",
            f"the answer to {step} leaves the spec out",
            "The document does not require it, yet without it a client cannot tell what was stored.",
        )
        return
    for pointer in echo.differences(sent, got["spec"]):
        yield _violation(
            f"{step}-echo",
            f"/response/body{pointer}",
            f"{pointer} does not come back from {step} as it was sent",
            "What a client sends must be what is stored and told; only nulls may go and defaults may come.",
        )


def _names(sent: Mapping[str, Json], got: Mapping[str, Json]) -> Iterator[Deviation]:
    name, requested, asked = got.get("name"), got.get("requestedName"), sent.get("name")
    prefixed = sent.get("useGivenNameAsPrefix") is True
    if not isinstance(name, str) or not isinstance(requested, str) or not isinstance(asked, str):
        return
    if requested != asked:
        yield _violation(
            "requested-name",
            f"{_BODY}/requestedName",
            "requestedName is not the name that was requested",
            "The document says: “The name as was requested for the workload.”",
        )
    if prefixed and not (name.startswith(asked) and len(name) > len(asked)):
        yield _violation(
            "name-prefix",
            f"{_BODY}/name",
            "with useGivenNameAsPrefix the name is not the requested one and a suffix",
            "The document says: “Otherwise, name should be composed of requestedName followed by a suffix of random "
            "characters.”",
        )
    if not prefixed and name != asked:
        yield _violation(
            "name-as-given",
            f"{_BODY}/name",
            "the workload got another name than the requested one",
            "The document says: “If useGivenNameAsPrefix, in the creation request, is false, name and requestedName "
            "should be identical.”",
        )


def _places(sent: Mapping[str, Json], got: Mapping[str, Json]) -> Iterator[Deviation]:
    for key in ("projectId", "clusterId"):
        if isinstance(got.get(key), str) and str(got[key]).lower() != str(sent.get(key)).lower():
            yield _violation(
                "create-place",
                f"{_BODY}/{key}",
                f"the answer's {key} is not the one that was asked for",
                "A workload lives where its creation put it.",
            )
    if got.get("desiredPhase") == "Deleted":
        yield _violation(
            "create-phase",
            f"{_BODY}/desiredPhase",
            "a workload is created with the desired phase Deleted",
            "Desired phases are Running, Stopped and Deleted, and a creation asks for no deletion.",
        )


def _times(got: Mapping[str, Json], answer: Answer) -> Iterator[Deviation]:
    created = moment(got.get("createdAt"))
    if created is not None and abs(created - server_time(answer)) > CLOCK_TOLERANCE:
        yield _violation(
            "created-at",
            f"{_BODY}/createdAt",
            "createdAt is more than five minutes away from the moment of the creation",
            "The document says: “The creation time of the workload.”",
        )
    if got.get("deletedAt") is not None:
        yield _violation(
            "deleted-at",
            f"{_BODY}/deletedAt",
            "a workload that was just created has a deletion time",
            "deletedAt is “The deletion time of the workload”, and nobody has deleted it.",
        )


def moment(value: Json) -> datetime | None:
    """The moment an RFC 3339 text names; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value.upper())
    except ValueError:
        return None
    return parsed if parsed.tzinfo else None


def server_time(answer: Answer) -> datetime:
    """The server's own clock (Date header); ours when it tells none."""
    try:
        return parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError, TypeError):
        return datetime.now(UTC)


def _violation(check: str, location: str, summary: str, why: str) -> Deviation:
    return Deviation(Class.VIOLATION, check, None, location, summary, why)
