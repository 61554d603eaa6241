"""The options of `assay benchmark` that spread the load, and what they may be together."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Any

import typer

from assay.errors import SettingsError

_PANEL = "Scale-out"
_WATCH = "Watching"

Processes = Annotated[
    int | None, typer.Option(metavar="N", min=1, max=64, help="Load processes (default: 1).", rich_help_panel=_PANEL)
]
Master = Annotated[
    bool, typer.Option("--master", help="Coordinate load workers on other machines.", rich_help_panel=_PANEL)
]
MasterBindHost = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Address the master listens on (default: 127.0.0.1).", rich_help_panel=_PANEL
    ),
]
MasterPort = Annotated[
    int, typer.Option(metavar="PORT", min=1, max=65535, help="Port of the master.", rich_help_panel=_PANEL)
]
ExpectWorkers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=500,
        help="With --master: number of load processes to wait for (default: 1).",
        rich_help_panel=_PANEL,
    ),
]
JoinDeadline = Annotated[
    str,
    typer.Option(metavar="TIME", help="Longest wait of master and workers for each other.", rich_help_panel=_PANEL),
]
Worker = Annotated[
    bool,
    typer.Option(
        "--worker",
        help="Take work from the master at --master-host; credentials come from this machine.",
        rich_help_panel=_PANEL,
    ),
]
MasterHost = Annotated[
    str | None, typer.Option(metavar="HOST", help="With --worker: host of the master.", rich_help_panel=_PANEL)
]
Ui = Annotated[bool, typer.Option("--ui", help="Show the run live in the web UI of Locust.", rich_help_panel=_WATCH)]
UiHost = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Address of the web UI (default: 127.0.0.1); it has no login.",
        rich_help_panel=_WATCH,
    ),
]
UiPort = Annotated[
    int, typer.Option(metavar="PORT", min=1, max=65535, help="Port of the web UI.", rich_help_panel=_WATCH)
]
Otel = Annotated[
    bool,
    typer.Option(
        "--otel",
        help="Export the OpenTelemetry metrics of Locust; the usual OTEL_* variables apply.",
        rich_help_panel=_WATCH,
    ),
]


def check_together(given: dict[str, Any]) -> None:
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
