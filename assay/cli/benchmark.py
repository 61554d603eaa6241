"""`assay benchmark`: how fast is it, and is it slower than before?

Its flags that are load options are made from ``LoadOptions``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from importlib.util import find_spec
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

import typer

from assay.cli import options as opt
from assay.errors import SettingsError
from assay.load.options import Flag, LoadOptions

if TYPE_CHECKING:
    from assay.client.settings import Settings
    from assay.run.plan import RunPlan


def _load_flags() -> Iterator[Parameter]:
    """A parameter for every load option, with its typer option as annotation."""
    hints = get_type_hints(LoadOptions, include_extras=True)
    for field in fields(LoadOptions):
        kind, flag = hints[field.name].__origin__, hints[field.name].__metadata__[0]
        yield _parameter(field.name, kind, flag, field.default)


def _parameter(name: str, kind: Any, flag: Flag, default: Any) -> Parameter:
    if flag.duration:
        kind, default = str | None, None if default is None else f"{default:g}s"
    elif flag.unsaid:
        kind, default = kind | None, None
    number: Any = int if kind in (int, int | None) else float
    shown = flag.name or name
    option = typer.Option(
        f"--{shown.replace('_', '-')}",
        metavar=flag.metavar,
        min=None if flag.least is None else number(flag.least),
        max=None if flag.most is None else number(flag.most),
        help=flag.help,
        rich_help_panel=flag.panel,
    )
    return Parameter(shown, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def load_options(given: Mapping[str, Any]) -> LoadOptions:
    """The load options among the parameters of a command; typer.BadParameter for what is not a duration."""
    hints = get_type_hints(LoadOptions, include_extras=True)
    chosen = {}
    for field in fields(LoadOptions):
        flag: Flag = hints[field.name].__metadata__[0]
        shown = flag.name or field.name
        value = given[shown]
        if flag.duration:
            value = duration(value, f"--{shown.replace('_', '-')}")
        if value is not None:
            chosen[field.name] = value
    return LoadOptions(**chosen)


def duration(text: str | None, flag: str) -> float | None:
    """Seconds of ``30s``, ``2m``, ``1m30s``, ``500ms`` or a plain number of seconds."""
    from assay.toml_file import parse_duration

    if text is None:
        return None
    try:
        seconds = parse_duration(text.strip())
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not a duration: {error}", param_hint=flag) from None
    if seconds <= 0:
        raise typer.BadParameter(f"'{text}' is not a positive duration; write 30s, 2m or 1h", param_hint=flag)
    return seconds


def check_together(given: Mapping[str, Any]) -> None:
    """SettingsError when options contradict each other; ``given`` maps parameter names to values."""
    master, worker = given["master"], given["worker"]
    if master and worker:
        raise SettingsError("--master and --worker exclude each other: give one of them")
    if worker and given["master_host"] is None:
        raise SettingsError("--worker needs to know its master", hint="--master-host HOST")
    for name, needed, there in (
        ("master_host", "--worker", worker),
        ("master_bind_host", "--master", master),
        ("expect_workers", "--master", master),
    ):
        if given[name] is not None and not there:
            raise SettingsError(f"--{name.replace('_', '-')} has no effect without {needed}")
    if master and given["processes"] is not None:
        raise SettingsError(
            "--master sends no load itself, so --processes has no effect",
            hint="give --processes to the workers: assay benchmark --worker --master-host HOST --processes N",
        )
    if worker and given["ui"]:
        raise SettingsError("the master shows the web UI: give --ui there, not to --worker")
    if given["ui_host"] is not None and not given["ui"]:
        raise SettingsError("--ui-host has no effect without --ui")
    if given["otel"] and find_spec("opentelemetry") is None:
        raise SettingsError(
            "--otel needs the OpenTelemetry packages, which are not installed",
            hint="pip install 'locust[otel]' in the environment that assay runs in",
        )


def _target(
    base_url: opt.BaseUrl = None,
    project: opt.Project = None,
    cluster: opt.Cluster = None,
    ca_file: opt.CaFile = None,
    insecure: opt.Insecure = None,
    proxy: opt.ProxyUrl = None,
    client_cert: opt.ClientCert = None,
    client_key: opt.ClientKey = None,
    token_url: opt.TokenUrl = None,
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

    check_together(given)
    console = Console(highlight=False, markup=False, emoji=False)
    load = load_options(given)
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
    load = list(_load_flags())
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
