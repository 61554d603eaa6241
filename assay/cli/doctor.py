"""`assay doctor`: can this target be tested at all, and if not, what is wrong and what to do?"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Final

import typer

from assay.cli import options as opt
from assay.errors import EXIT_PASS
from assay.legible import visible

if TYPE_CHECKING:
    from assay.client.preflight.steps import Step
    from assay.client.settings import Settings

_COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red", "skipped": "bright_black"}
_TIMEOUT: Final = 10.0  # seconds; a doctor that takes longer for one question is not asked twice


def doctor(
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
    contract: opt.ContractFile = None,
    corrections: opt.Corrections = None,
    config: opt.Config = None,
    dry: Annotated[
        bool, typer.Option("--dry", help="Create nothing: rights in the project are only probed.")
    ] = False,
) -> None:
    """Check step by step whether a target can be tested, and say what is wrong and what to do.

    Checks host name, TLS, credentials, clocks, project, cluster and the second identity. Creates one plain workload
    without a GPU and deletes it again; with --dry it creates nothing, and tests permission in the project with a
    creation that the target must reject. Every run begins with the same questions. Exit 0: it can be tested; 2:
    something you gave is wrong or missing; 3: the target cannot be used. Without --base-url it checks the embedded
    control plane.
    """
    given = opt.given(locals() | {"dry": None})
    from assay.client.layers import load_settings

    settings = load_settings(given, config=config).with_command_defaults(request_timeout=_TIMEOUT)
    raise typer.Exit(run(settings, dry=dry))


def run(settings: Settings, *, dry: bool = False) -> int:
    """Diagnose, print every step as it is done, and return the exit code. Raises AssayError."""
    from assay.client.opening import check_embedded, name_target
    from assay.client.preflight.diagnose import diagnose
    from assay.contract import documents

    contract = documents.load(settings.contract, settings.corrections)
    with ExitStack() as stack:
        if settings.base_url is None:
            check_embedded(settings)
            settings = _with_embedded(settings, stack)
        typer.echo(name_target(settings, contract))
        return show(diagnose(settings, contract, dry=dry))


def show(steps: Iterable[Step]) -> int:
    """Print the steps and what they amount to; returns the exit code of the first failure."""
    from assay.client.preflight.steps import Step, StepState

    code, warnings, skipped = EXIT_PASS, 0, list[str]()
    for step in steps:
        if step.state is StepState.SKIPPED:
            skipped.append(step.name)
        else:
            _print(step)
        code = code or step.code
        warnings += step.state is StepState.WARN
    if skipped:
        _print(Step(", ".join(skipped), StepState.SKIPPED, "not looked at because of the failure"))
    if code:
        typer.echo("This target cannot be tested yet: see the arrow above.")
    elif warnings:
        typer.echo(f"This target can be tested, with {warnings} limitation{'s' if warnings > 1 else ''}.")
    else:
        typer.echo("This target can be tested.")
    return code


def _print(step: Step) -> None:
    label = typer.style(f"{step.state.value:>7}", fg=_COLOURS[step.state])
    typer.echo(f"{label}  {step.name}: {visible(step.text)}")
    if step.todo is not None:
        typer.echo(f"         -> {visible(step.todo)}")


def _with_embedded(settings: Settings, stack: ExitStack) -> Settings:
    from assay.reference import embedded

    plane = stack.enter_context(embedded.start())
    main, outsider = plane.clients[0], plane.clients[1]
    return settings.with_embedded(
        plane.base_url,
        plane.projects[0],
        plane.cluster,
        client_id=main.client_id,
        client_secret=main.client_secret,
        outsider_client_id=outsider.client_id,
        outsider_client_secret=outsider.client_secret,
    )
