"""Everything about a load run that can be wrong before a request is sent. Pure: no gevent, no network."""

from __future__ import annotations

from dataclasses import dataclass

from assay.client.settings import Settings
from assay.contract import documents
from assay.errors import SettingsError
from assay.load.plan import RunFile
from assay.load.profiles import Profile, load_profile
from assay.load.scenario import load_scenario, read_parameters
from assay.load.slo import Objectives, load_objectives
from assay.load.stored import Stored, read_stored


@dataclass(frozen=True, slots=True)
class Checked:
    """What a run file asks for, read and found right. ``before`` is the baseline to compare with, if any."""

    profile: Profile
    objectives: Objectives
    before: Stored | None


def check(file: RunFile, settings: Settings) -> Checked:
    """Read profile, objectives and baseline; SettingsError says what is wrong and what to change."""
    profile = _profile(file)
    _within_budget(profile, settings)
    fresh = file.update_baseline and file.baseline is not None and not file.baseline.exists()
    if file.update_baseline and file.baseline is None:
        raise SettingsError("there is no baseline to update", hint="name it with --baseline FILE")
    before = read_stored(file.baseline) if file.baseline is not None and not fresh else None
    contract = documents.load(settings.contract, settings.corrections)
    return Checked(profile, load_objectives(contract.operations, file.slo, base_url=settings.base_url), before)


def _profile(file: RunFile) -> Profile:
    profile = load_profile(file.profile, file.profiles).limited(file.scenario, file.rate, file.duration)
    for load in profile.loads:
        try:
            read_parameters(load_scenario(load.scenario), load.parameters)
        except ValueError as error:
            raise SettingsError(
                f"profile {profile.name}, scenario {load.scenario}: {error}",
                hint=f"[{profile.name}.scenarios.{load.scenario}] in {file.profiles or 'load_tests/profiles.toml'}",
            ) from error
    return profile


def _within_budget(profile: Profile, settings: Settings) -> None:
    most, requests = profile.most_rate, profile.requests
    if settings.max_rps is not None and most > settings.max_rps:
        raise SettingsError(
            f"profile {profile.name} asks for up to {most:g} requests/s, and max_rps is {settings.max_rps:g}",
            hint="raise --max-rps, or choose a lower --rate or another --profile",
        )
    if settings.max_requests is not None and requests > settings.max_requests:
        raise SettingsError(
            f"profile {profile.name} asks for {requests:.0f} requests, and max_requests is {settings.max_requests}",
            hint="raise --max-requests, or choose a shorter --duration or another --profile",
        )
