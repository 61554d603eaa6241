"""`assay benchmark`: how fast is it, and is it slower than before?"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from assay.cli import options as opt

_LOAD = "Load"
_COMPARISON = "Comparison"


def _duration(text: str | None) -> float | None:
    """Seconds of ``30s``, ``2m``, ``1m30s``, ``500ms`` or a plain number of seconds."""
    from assay.load.toml_file import parse_duration

    if text is None:
        return None
    try:
        seconds = parse_duration(text.strip())
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is no duration: {error}", param_hint="--duration") from None
    if seconds <= 0:
        raise typer.BadParameter(f"'{text}' is no time at all; write 30s, 2m or 1h", param_hint="--duration")
    return seconds


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
    profiles: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Profiles of your own (TOML).", rich_help_panel=_LOAD)
    ] = None,
    slo: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Objectives of your own instead of load_tests/slo.toml.", rich_help_panel=_LOAD
        ),
    ] = None,
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
    ui: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", min=1, max=65535, help="Show Locust's web UI on this port.", rich_help_panel=_LOAD
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare with this measurement.", rich_help_panel=_COMPARISON),
    ] = None,
    update_baseline: Annotated[
        bool,
        typer.Option("--update-baseline", help="Make this run the baseline.", rich_help_panel=_COMPARISON),
    ] = False,
    tolerance: Annotated[
        float,
        typer.Option(
            metavar="RATIO",
            min=0.01,
            max=10.0,
            help="Difference that is still the same.",
            rich_help_panel=_COMPARISON,
        ),
    ] = 0.10,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the measurement for `assay compare`.", rich_help_panel=_COMPARISON),
    ] = None,
    out: opt.Out = None,
    seed: opt.Seed = None,
    fail_on: opt.FailOn = None,
    waivers: opt.Waivers = None,
    config: opt.Config = None,
    yes: opt.Yes = None,
    max_live: opt.MaxLive = None,
    max_creates: opt.MaxCreates = None,
    max_requests: opt.MaxRequests = None,
    max_rps: opt.MaxRps = None,
    max_seconds: opt.MaxSeconds = None,
) -> None:
    """Measure create, metrics and the other operations under load: percentiles, errors, SLOs, regressions.

    Arrivals follow a schedule that does not wait for answers, and latency counts from the intended start, so a target
    that stalls shows it. A run whose generator was the bottleneck is inconclusive. Results stand under `load` in
    verdict.json, by operation id.

    With --baseline the run is compared with an earlier one: a percentile is worse only when the whole confidence
    interval of the difference lies beyond the tolerance. Without --out the measurement is kept beside the reports.
    """
    from rich.console import Console

    from assay.load.check import check
    from assay.load.plan import RunFile
    from assay.run.conduct import conduct
    from assay.run.plan import LoadPlan, plan
    from assay.target.settings import load_settings

    flags = {
        name: value
        for name, value in {
            "base_url": base_url,
            "project": project,
            "cluster": cluster,
            "ca_file": ca_file,
            "insecure": insecure,
            "request_timeout": request_timeout,
            "out": out,
            "seed": seed,
            "fail_on": fail_on,
            "waivers": waivers,
            "yes": yes,
            "max_live": max_live,
            "max_creates": max_creates,
            "max_requests": max_requests,
            "max_rps": max_rps,
            "max_seconds": max_seconds,
        }.items()
        if value is not None
    }
    settings = load_settings(flags, config=config)
    load = LoadPlan(
        profile=profile,
        scenario=scenario,
        rate=rate,
        duration=_duration(duration),
        processes=processes,
        profiles=profiles,
        slo=slo,
        save=save,
        baseline=baseline,
        update_baseline=update_baseline,
        tolerance=tolerance,
        ui_port=ui,
    )
    chosen = plan("benchmark", (), load)
    # Mistakes in files and flags are told now, not by a child after the target was opened.
    wanted = RunFile(
        run="", stem="", journal=Path(), **{field.name: getattr(load, field.name) for field in fields(load)}
    )
    check(wanted, settings.with_command_defaults(**chosen.defaults))
    raise typer.Exit(conduct(chosen, settings, Console(highlight=False)))
