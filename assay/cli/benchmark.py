"""`assay benchmark`: how fast is it?"""

from __future__ import annotations

import re
from typing import Annotated

import typer
from click import BadParameter

from assay.cli import options as opt

_LOAD = "Load"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _duration(text: str | None) -> float | None:
    """Seconds of ``30s``, ``2m``, ``1h``, ``500ms`` or a plain number of seconds."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)?", text.strip())
    if match is None or float(match[1]) == 0:
        raise BadParameter(f"'{text}' is no duration; write 30s, 2m or 1h", param_hint="--duration")
    return float(match[1]) * _UNITS[match[2] or "s"]


def benchmark(
    base_url: opt.BaseUrl = None,
    project: opt.Project = None,
    cluster: opt.Cluster = None,
    ca_file: opt.CaFile = None,
    insecure: opt.Insecure = None,
    request_timeout: opt.RequestTimeout = None,
    profile: Annotated[
        str, typer.Option(metavar="NAME", help="Load profile of load_tests/profiles.toml.", rich_help_panel=_LOAD)
    ] = "baseline",
    scenario: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this scenario of the profile.", rich_help_panel=_LOAD)
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="N", min=0.01, help="Its arrivals per second.", rich_help_panel=_LOAD)
    ] = None,
    duration: Annotated[
        str | None, typer.Option(metavar="TIME", help="Time measured: 30s, 2m, 1h.", rich_help_panel=_LOAD)
    ] = None,
    processes: Annotated[
        int, typer.Option(metavar="N", min=1, max=64, help="Load processes.", rich_help_panel=_LOAD)
    ] = 1,
    out: opt.Out = None,
    seed: opt.Seed = None,
    fail_on: opt.FailOn = None,
    waivers: opt.Waivers = None,
    config: opt.Config = None,
    yes: opt.Yes = None,
    max_live: opt.MaxLive = None,
    max_creates: opt.MaxCreates = None,
    max_requests: opt.MaxRequests = None,
    max_seconds: opt.MaxSeconds = None,
) -> None:
    """Measure create, metrics and the other operations under load: percentiles, errors, SLOs.

    Arrivals follow a schedule that does not wait for answers, and latency counts from the intended start, so a target
    that stalls shows it. A run whose generator was the bottleneck is inconclusive. Results stand under `load` in
    verdict.json, by operation id.
    """
    from rich.console import Console

    from assay.run.conduct import conduct
    from assay.run.plan import LoadPlan, plan
    from assay.target.settings import load_settings

    own = {"profile", "scenario", "rate", "duration", "processes"}
    settings = load_settings({k: v for k, v in opt.given(locals()).items() if k not in own | {"own"}}, config=config)
    load = LoadPlan(profile, scenario, rate, _duration(duration), processes)
    raise typer.Exit(conduct(plan("benchmark", (), load), settings, Console(highlight=False)))
