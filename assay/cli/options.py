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
        metavar="URL",
        help="The control plane to test, https://host (default: the embedded one).",
        rich_help_panel=_TARGET,
    ),
]
Project = Annotated[
    str | None, typer.Option(metavar="ID", help="Id of the project to create workloads in.", rich_help_panel=_TARGET)
]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="UUID", help="UUID of the cluster to create workloads on.", rich_help_panel=_TARGET),
]
CaFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Certificate authority to trust instead of the system's (PEM).", rich_help_panel=_TARGET
    ),
]
Insecure = Annotated[
    bool | None, typer.Option("--insecure", help="Accept any certificate of the target.", rich_help_panel=_TARGET)
]
ProxyUrl = Annotated[
    str | None,
    typer.Option(
        "--proxy",
        metavar="URL",
        help="Proxy to the target: http://, https:// or socks5h://host:port, or none (default: the environment's).",
        rich_help_panel=_TARGET,
    ),
]
ClientCert = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Client certificate to show to the target (PEM).", rich_help_panel=_TARGET),
]
ClientKey = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Its private key, if it is in a file of its own (PEM).", rich_help_panel=_TARGET
    ),
]
TokenUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Token endpoint for client credentials, or its path (default: the control plane's own).",
        rich_help_panel=_TARGET,
    ),
]
RequestTimeout = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", help="Longest wait for one response (default: 30; doctor: 10).", rich_help_panel=_TARGET
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Settings file (default: assay.toml in this folder, if it exists).", rich_help_panel=_RUN
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder for the reports (default: reports/runs/<run id>).", rich_help_panel=_RUN
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Seed of the random choices; the same seed repeats them (default: new).",
        rich_help_panel=_RUN,
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PART",
        help="contract, load, or a test id prefix such as rules/compute; repeatable.",
        rich_help_panel=_RUN,
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option(metavar="N", help="Requests in flight at the same time (default: 8).", rich_help_panel=_RUN),
]
FailOn = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS",
        help="Least severe class of finding that fails: violation (default), gap, advisory.",
        rich_help_panel=_RUN,
    ),
]
Waivers = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Accepted findings (default: assay-waivers.toml).", rich_help_panel=_RUN),
]
ContractFile = Annotated[
    Path | None,
    typer.Option(
        "--contract",
        metavar="FILE",
        help="OpenAPI 3.0 document to test against instead of the shipped one.",
        rich_help_panel=_RUN,
    ),
]
Corrections = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="OpenAPI Overlay 1.0 file to apply to the document.", rich_help_panel=_RUN),
]
Yes = Annotated[bool | None, typer.Option("--yes", "-y", help="Delete without asking.", rich_help_panel=_RUN)]
MaxLive = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Most live workloads at a time (default: 10; 1,000 in a benchmark of the embedded control plane).",
        rich_help_panel=_LIMITS,
    ),
]
MaxCreates = Annotated[
    int | None, typer.Option(metavar="N", help="Most workloads created in total.", rich_help_panel=_LIMITS)
]
MaxRequests = Annotated[
    int | None, typer.Option(metavar="N", help="Most requests sent in total.", rich_help_panel=_LIMITS)
]
MaxRps = Annotated[float | None, typer.Option(metavar="N", help="Most requests per second.", rich_help_panel=_LIMITS)]
MaxGpuDevices = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Most GPU devices requested at a time (default: 0 on a real target).",
        rich_help_panel=_LIMITS,
    ),
]
MaxSeconds = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Longest duration of the run.", rich_help_panel=_LIMITS)
]
DeleteDeadline = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", help="Longest wait for a deletion to finish (default: 60).", rich_help_panel=_LIMITS
    ),
]

_NOT_SETTINGS: Final = frozenset({"config"})


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were given, from a command's ``locals()``: what ``load_settings`` takes."""
    return {
        name: value
        for name, value in parameters.items()
        if name not in _NOT_SETTINGS and value is not None and value != []
    }
