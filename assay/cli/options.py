"""Options that several commands share: one spelling, one help text. ``None`` means "not given" (see settings)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

_TARGET: Final = "Target"
_RUN: Final = "Run"
_LIMITS: Final = "Limits"

BaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="The control plane, https://host. Without it: the embedded one.", rich_help_panel=_TARGET
    ),
]
Project = Annotated[
    str | None, typer.Option(metavar="ID", help="Project to create workloads in (its id).", rich_help_panel=_TARGET)
]
Cluster = Annotated[
    str | None, typer.Option(metavar="UUID", help="Cluster to create workloads on.", rich_help_panel=_TARGET)
]
CaFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Trust this authority (PEM) instead of the system's.", rich_help_panel=_TARGET),
]
Insecure = Annotated[
    bool | None, typer.Option("--insecure", help="Do not check the target's certificate.", rich_help_panel=_TARGET)
]
RequestTimeout = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", help="Longest wait for one answer (default 30, doctor 10).", rich_help_panel=_TARGET
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Settings in TOML (default: assay.toml here, if there is one).", rich_help_panel=_RUN
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where the reports go (default: reports/runs/<run id>).", rich_help_panel=_RUN),
]
Seed = Annotated[
    int | None,
    typer.Option(metavar="N", help="Repeat a run's random choices (default: a new seed).", rich_help_panel=_RUN),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PART",
        help="contract, load, or a test id's beginning such as rules/compute; repeatable.",
        rich_help_panel=_RUN,
    ),
]
Concurrency = Annotated[
    int | None, typer.Option(metavar="N", help="Requests in flight at once (default 8).", rich_help_panel=_RUN)
]
FailOn = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS", help="Lightest finding that fails: violation (default), gap, advisory.", rich_help_panel=_RUN
    ),
]
Waivers = Annotated[Path | None, typer.Option(metavar="FILE", help="Accepted findings (TOML).", rich_help_panel=_RUN)]
ContractFile = Annotated[
    Path | None,
    typer.Option(
        "--contract", metavar="FILE", help="Another OpenAPI 3.0 document to test against.", rich_help_panel=_RUN
    ),
]
Corrections = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="OpenAPI Overlay 1.0 that corrects the document.", rich_help_panel=_RUN),
]
Yes = Annotated[bool | None, typer.Option("--yes", "-y", help="Do not ask before deleting.", rich_help_panel=_RUN)]
MaxLive = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Workloads that may live at once (default 10; 1,000 in a benchmark of the embedded control plane).",
        rich_help_panel=_LIMITS,
    ),
]
MaxCreates = Annotated[
    int | None, typer.Option(metavar="N", help="Workloads that may be created in all.", rich_help_panel=_LIMITS)
]
MaxRequests = Annotated[
    int | None, typer.Option(metavar="N", help="Requests that may be sent in all.", rich_help_panel=_LIMITS)
]
MaxRps = Annotated[float | None, typer.Option(metavar="N", help="Requests per second.", rich_help_panel=_LIMITS)]
MaxGpuDevices = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="GPU devices that may be asked for at once (a real target: 0).", rich_help_panel=_LIMITS
    ),
]
MaxSeconds = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Wall-clock time of the run.", rich_help_panel=_LIMITS)
]
DeleteDeadline = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Longest wait for a deletion to end (default 60).", rich_help_panel=_LIMITS),
]

_NOT_SETTINGS: Final = frozenset({"config"})


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were given, from a command's ``locals()``: what ``load_settings`` takes."""
    return {
        name: value
        for name, value in parameters.items()
        if name not in _NOT_SETTINGS and value is not None and value != []
    }
