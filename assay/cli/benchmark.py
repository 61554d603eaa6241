"""`assay benchmark`: how fast is it, and is it slower than before?"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from assay.cli import options as opt
from assay.cli import scale_out

if TYPE_CHECKING:
    from assay.client.settings import Settings
    from assay.run.plan import LoadPlan

_LOAD = "Load"
_COMPARISON = "Comparison"


def _duration(text: str | None, flag: str = "--duration") -> float | None:
    """Seconds of ``30s``, ``2m``, ``1m30s``, ``500ms`` or a plain number of seconds."""
    from assay.load.toml_file import parse_duration

    if text is None:
        return None
    try:
        seconds = parse_duration(text.strip())
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not a duration: {error}", param_hint=flag) from None
    if seconds <= 0:
        raise typer.BadParameter(f"'{text}' is not a positive duration; write 30s, 2m or 1h", param_hint=flag)
    return seconds


def benchmark(
    base_url: opt.BaseUrl = None,
    project: opt.Project = None,
    cluster: opt.Cluster = None,
    ca_file: opt.CaFile = None,
    insecure: opt.Insecure = None,
    request_timeout: opt.RequestTimeout = None,
    profile: Annotated[
        str, typer.Option(metavar="NAME", help="Load profile from load_tests/profiles.toml.", rich_help_panel=_LOAD)
    ] = "baseline",
    profiles: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Your own profiles, instead of load_tests/profiles.toml.", rich_help_panel=_LOAD
        ),
    ] = None,
    slo: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Your own limits, instead of load_tests/slo.toml.", rich_help_panel=_LOAD),
    ] = None,
    scenario: Annotated[
        str | None, typer.Option(metavar="NAME", help="Run only this scenario of the profile.", rich_help_panel=_LOAD)
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(metavar="N", min=0.01, help="Requests per second of that scenario.", rich_help_panel=_LOAD),
    ] = None,
    duration: Annotated[
        str | None, typer.Option(metavar="TIME", help="Measured duration: 30s, 2m, 1h.", rich_help_panel=_LOAD)
    ] = None,
    processes: scale_out.Processes = None,
    master: scale_out.Master = False,
    master_bind_host: scale_out.MasterBindHost = None,
    master_port: scale_out.MasterPort = 5557,
    expect_workers: scale_out.ExpectWorkers = None,
    worker: scale_out.Worker = False,
    master_host: scale_out.MasterHost = None,
    join_deadline: scale_out.JoinDeadline = "60s",
    ui: scale_out.Ui = False,
    ui_host: scale_out.UiHost = None,
    ui_port: scale_out.UiPort = 8089,
    otel: scale_out.Otel = False,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Measurement to compare with.", rich_help_panel=_COMPARISON),
    ] = None,
    update_baseline: Annotated[
        bool,
        typer.Option("--update-baseline", help="Save this run as the new baseline.", rich_help_panel=_COMPARISON),
    ] = False,
    tolerance: Annotated[
        float,
        typer.Option(
            metavar="RATIO",
            min=0.01,
            max=10.0,
            help="Relative difference that counts as no change.",
            rich_help_panel=_COMPARISON,
        ),
    ] = 0.10,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save the measurement for `assay compare`.", rich_help_panel=_COMPARISON),
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
    """Measure the operations under load: latency percentiles, errors, limits, regressions.

    Requests follow a schedule that does not wait for responses, and latency counts from the scheduled start, so a
    stall of the target is visible in the percentiles. A run whose load generator was the bottleneck is inconclusive.
    The results are under `load` in verdict.json, by operation id.

    With --baseline the run is compared with an earlier one: a percentile is worse only if the whole confidence
    interval of the difference is beyond the tolerance. Without --out the measurement is saved next to the reports.

    With --master other machines send the load; start `assay benchmark --worker --master-host HOST` on each of them.
    The connection between them is neither authenticated nor encrypted: use a trusted network or a tunnel.
    """
    from rich.console import Console

    from assay.client.settings import load_settings
    from assay.run.conduct import conduct
    from assay.run.join import join
    from assay.run.plan import LoadPlan, plan

    told = locals()
    scale_out.check_together(told)
    console = Console(highlight=False)
    join_seconds = _duration(join_deadline, "--join-deadline") or 0.0
    settings = load_settings({name: told[name] for name in _SETTINGS if told[name] is not None}, config=config)
    if worker:
        place = (master_host or "", master_port)
        raise typer.Exit(join(settings, place, console, processes=processes or 1, seconds=join_seconds, otel=otel))
    load = LoadPlan(
        duration=_duration(duration),
        join_seconds=join_seconds,
        **{name: told[name] for name in _PLAN if told[name] is not None},
    )
    chosen = plan("benchmark", (), load)
    if settings.embedded:
        chosen = replace(chosen, defaults={**chosen.defaults, "max_live": _EMBEDDED_LIVE})
    _check(load, settings.with_command_defaults(**chosen.defaults))
    raise typer.Exit(conduct(chosen, settings, console))


_EMBEDDED_LIVE: Final = 1_000
"""Workloads that may live at once where they cost nothing. The embedded control plane takes 0.6 s to delete one: with
the ten of a shared cluster it was sent 16 of the 100 creations/s that were asked for."""

_SETTINGS = (
    *(
        "base_url",
        "project",
        "cluster",
        "ca_file",
        "insecure",
        "request_timeout",
        "out",
        "seed",
        "fail_on",
        "waivers",
    ),
    *("yes", "max_live", "max_creates", "max_requests", "max_rps", "max_seconds"),
)
"""Parameters that are settings of the same name."""

_PLAN = (
    *("profile", "scenario", "rate", "processes", "profiles", "slo", "save", "baseline", "update_baseline"),
    *("tolerance", "master", "master_bind_host", "master_port", "expect_workers", "ui", "ui_host", "ui_port", "otel"),
)
"""Parameters that are fields of ``LoadPlan`` of the same name."""


def _check(load: LoadPlan, settings: Settings) -> None:
    """Report mistakes in files and flags now, not from a child process after the target was opened."""
    from assay.load.check import check
    from assay.load.plan import RunFile
    from assay.load.ports import refuse_taken

    chosen: dict[str, Any] = {field.name: getattr(load, field.name) for field in fields(load)}
    check(RunFile(run="", stem="", journal=Path(), **chosen), settings)
    if load.master:
        refuse_taken(load.master_bind_host, load.master_port, "--master-port")
    if load.ui:
        refuse_taken(load.ui_host, load.ui_port, "--ui-port")
