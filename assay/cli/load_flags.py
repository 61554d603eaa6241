"""The flags of `assay benchmark` that are load options, made from ``LoadOptions``, and what they may be together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib.util import find_spec
from inspect import Parameter
from typing import Annotated, Any, get_type_hints

import typer

from assay.errors import SettingsError
from assay.load.options import Flag, LoadOptions


def parameters() -> Iterator[Parameter]:
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
