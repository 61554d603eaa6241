"""Everything about a load run that can be wrong before a request is sent. Pure: no gevent, no request."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from assay.client.settings import Settings
from assay.contract.documents import Contract
from assay.errors import SettingsError
from assay.files import refuse_unwritable
from assay.load.measurement import BenchmarkResult, read_measurement
from assay.load.options import LoadOptions
from assay.load.profiles import Profile, load_profile
from assay.load.scenario import load_scenario, read_parameters
from assay.load.slo import Objectives, load_objectives


@dataclass(frozen=True, slots=True)
class Checked:
    """What the options ask for, read and found right. ``before`` is the baseline to compare with, if any."""

    profile: Profile
    objectives: Objectives
    before: BenchmarkResult | None


def check(options: LoadOptions, settings: Settings, contract: Contract) -> Checked:
    """Read profile, objectives and baseline; SettingsError says what is wrong and what to change."""
    profile = _profile(options)
    _within_budget(profile, settings)
    fresh = options.update_baseline and options.baseline is not None and not options.baseline.exists()
    if options.update_baseline and options.baseline is None:
        raise SettingsError("there is no baseline to update", hint="name it with --baseline FILE")
    for file in (options.save, options.baseline if options.update_baseline else None):
        if file is not None:
            refuse_unwritable(file)
    before = read_measurement(options.baseline) if options.baseline is not None and not fresh else None
    return Checked(profile, load_objectives(contract.operations, options.slo, base_url=settings.base_url), before)


def _profile(options: LoadOptions) -> Profile:
    profile = load_profile(options.profile, options.profiles).limited(
        options.scenario, options.rate, options.duration
    )
    for load in profile.loads:
        try:
            read_parameters(load_scenario(load.scenario), load.parameters)
        except ValueError as error:
            raise SettingsError(
                f"profile {profile.name}, scenario {load.scenario}: {error}",
                hint=f"[{profile.name}.scenarios.{load.scenario}] in "
                f"{options.profiles or 'load_tests/profiles.toml'}",
            ) from error
    return profile


def _within_budget(profile: Profile, settings: Settings) -> None:
    most, requests = profile.most_rate, profile.requests
    if settings.max_rps is not None and most > settings.max_rps:
        raise SettingsError(
            f"profile {profile.name} asks for up to {most:g} requests/s, and max_rps is {settings.max_rps:g}",
            hint="raise --max-rps, or choose a lower --rate or another --profile",
        )
    allowed, used = settings.max_requests, settings.used.requests
    if allowed is not None and requests > allowed - used:
        before = f", of which {used} were sent before" if used else ""
        raise SettingsError(
            f"profile {profile.name} asks for {requests:.0f} requests, and max_requests is {allowed}{before}",
            hint="raise --max-requests, or choose a shorter --duration or another --profile",
        )


def refuse_taken(host: str, port: int, flag: str) -> None:
    """SettingsError when ``host``:``port`` cannot be listened on; ``flag`` is how the user chose the port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            None if host == "*" else host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
            probe.bind(address)
    except OSError as error:
        raise SettingsError(
            f"{flag} {port}: nothing can listen at {host}:{port}: {error.strerror or error}",
            hint=f"choose another {flag}, or end the program that has it",
        ) from None
