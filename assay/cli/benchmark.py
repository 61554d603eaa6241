"""`assay benchmark`: how fast is it, and is it slower than before?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from assay.cli import load_flags
from assay.cli import options as opt

if TYPE_CHECKING:
    from assay.client.settings import Settings
    from assay.run.plan import RunPlan


def _target(
    base_url: opt.BaseUrl = None,
    project: opt.Project = None,
    cluster: opt.Cluster = None,
    ca_file: opt.CaFile = None,
    insecure: opt.Insecure = None,
    request_timeout: opt.RequestTimeout = None,
) -> None: ...


def _joining(
    worker: Annotated[
        bool,
        typer.Option(
            "--worker",
            help="Take work from the master at --master-host; credentials come from this machine.",
            rich_help_panel="Scale-out",
        ),
    ] = False,
    master_host: Annotated[
        str | None,
        typer.Option(metavar="HOST", help="With --worker: host of the master.", rich_help_panel="Scale-out"),
    ] = None,
) -> None: ...


def _run(
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
) -> None: ...


def benchmark(**given: Any) -> None:
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

    from assay.client.layers import load_settings

    load_flags.check_together(given)
    console = Console(highlight=False)
    load = load_flags.load_options(given)
    chosen_settings = {name: given[name] for name in _SETTINGS if given[name] is not None}
    settings = load_settings(chosen_settings, config=given["config"])
    if given["worker"]:
        from assay.run.join import join

        place = (given["master_host"] or "", load.master_port)
        raise typer.Exit(
            join(settings, place, console, processes=load.processes, seconds=load.join_seconds, otel=load.otel)
        )
    # Imported late: what conducts a run takes 0.5 s to import, which a worker need not pay.
    from assay.run.conduct import conduct
    from assay.run.plan import plan

    chosen = plan("benchmark", (), load)
    if settings.embedded:
        chosen = replace(chosen, defaults={**chosen.defaults, "max_live": _EMBEDDED_LIVE})
    _check(chosen, settings)
    raise typer.Exit(conduct(chosen, settings, console))


def _parameters(of: Callable[..., None]) -> list[Parameter]:
    found = signature(of, eval_str=True).parameters.values()
    return [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in found]


def _signature() -> Signature:
    """The command's parameters: those that are settings are spelled out above, the others are the load options."""
    load = list(load_flags.parameters())
    beside = [parameter.name for parameter in load].index("expect_workers") + 1
    load[beside:beside] = _parameters(_joining)
    return Signature([*_parameters(_target), *load, *_parameters(_run)])


benchmark.__signature__ = _signature()  # type: ignore[attr-defined] # what inspect.signature looks for

_EMBEDDED_LIVE: Final = 1_000
"""Workloads that may live at once where they cost nothing. The embedded control plane takes 0.6 s to delete one: with
the ten of a shared cluster it was sent 16 of the 100 creations/s that were asked for."""

_SETTINGS: Final = [
    parameter.name for of in (_target, _run) for parameter in _parameters(of) if parameter.name != "config"
]
"""Parameters that are settings of the same name."""


def _check(plan: RunPlan, settings: Settings) -> None:
    """Report mistakes in files and flags now, not from a child process after the target was opened."""
    from assay.contract.documents import load as load_contract
    from assay.load.check import check, refuse_taken

    load, contract = plan.load, load_contract(settings.contract, settings.corrections)
    check(load, settings.with_command_defaults(**plan.defaults_for(contract)), contract)
    if load.master:
        refuse_taken(load.master_bind_host, load.master_port, "--master-port")
    if load.ui:
        refuse_taken(load.ui_host, load.ui_port, "--ui-port")
