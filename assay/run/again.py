"""The command that replays a finding: as it is printed it reaches the same target and finds the same run."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from assay.client.layers import CONFIG
from assay.client.settings import Settings, flag

_TAKEN: Final = (
    *("project", "cluster", "ca_file", "insecure", "proxy", "client_cert", "client_key"),
    *("token_url", "contract", "corrections", "max_gpu_devices"),
)
"""Settings that `assay replay` takes as flags; the target itself is in the verdict."""


def replayable(events: Iterable[Mapping[str, Any]], settings: Settings, out: Path | None) -> list[Mapping[str, Any]]:
    """The events of a run, with the flags of the run behind every command that replays a finding.

    ``out`` is the folder of its reports, None where replay looks by itself.
    """
    more = replay_flags(settings, out)
    return [_with(event, more) for event in events]


def replay_flags(settings: Settings, out: Path | None) -> str:
    """What follows ``assay replay F-...``, with a space before it; empty where nothing must."""
    return "".join(f" {shlex.quote(word)}" for word in _flags(settings, out))


def _with(event: Mapping[str, Any], more: str) -> Mapping[str, Any]:
    evidence = event.get("evidence")
    if event.get("t") != "finding" or not isinstance(evidence, dict) or "replay" not in evidence:
        return event
    return {**event, "evidence": {**evidence, "replay": f"{evidence['replay']}{more}"}}


def _flags(settings: Settings, out: Path | None) -> Iterator[str]:
    """What was given on the command line must be given again; variables and assay.toml are still there."""
    if out is not None:
        yield from ("--run", str(out))
    for name in _TAKEN:
        if settings.origin(name) == flag(name):
            value = getattr(settings, name)
            if isinstance(value, SecretStr):  # a proxy in a flag has no password
                value = value.get_secret_value()
            yield from (flag(name),) if value is True else (flag(name), str(value))
    file = _other_file(settings)
    if file is not None:
        yield from ("--config", file)


def _other_file(settings: Settings) -> str | None:
    """The settings file that was named instead of assay.toml in the working folder."""
    places = (settings.origin(name).rpartition(":") for name in Settings.model_fields)
    files = {place for place, _, line in places if line.isdecimal() and place.endswith(".toml")}
    return next(iter(files - {CONFIG}), None)
