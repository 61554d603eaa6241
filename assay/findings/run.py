"""What a run is: which command, against what, when, with which seed, and what it set out to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Everything about a run that its events do not say.

    ``started`` and ``finished`` carry a time zone. ``planned`` is how many tests were selected, None when the
    journal's ``planned`` events say it. ``only`` is the selection (``--only``); a selective run does not judge
    waivers that match nothing. ``parts`` are the parts that must give a result (``contract``, ``load``).
    ``operations`` and ``rules`` (id: has a reject side) name what the contract holds, so that what was never
    exercised shows as zero. ``contract_digests`` names the SHA-256 of the documents the contract is made of.
    ``environment`` is free facts for the report (python, platform, cpu ...).
    """

    command: str
    base_url: str
    contract_version: str
    started: datetime
    finished: datetime
    seed: int
    suite_version: str
    packages: Mapping[str, str] = field(default_factory=dict)
    planned: int | None = None
    only: str | None = None
    parts: frozenset[str] = frozenset()
    operations: tuple[str, ...] = ()
    rules: Mapping[str, bool] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    contract_digests: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None

    @property
    def seconds(self) -> float:
        """How long the run took, in seconds of wall-clock time; never negative."""
        return max((self.finished - self.started).total_seconds(), 0.0)

    @property
    def target(self) -> dict[str, str]:
        """{"base_url", "contract_version"}; a user name and password in the address are left out."""
        return {"base_url": without_userinfo(self.base_url), "contract_version": self.contract_version}

    def suite(self) -> dict[str, Any]:
        return {"version": self.suite_version, "packages": dict(sorted(self.packages.items()))}


def without_userinfo(url: str) -> str:
    """The address without ``user:password@``: a secret may stand there, and reports are passed on."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no address at all, as "http://[::1"
        return url.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
