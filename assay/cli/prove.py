"""`assay prove`: seeds defects into the embedded control plane and reports which share of them the suite detects."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from assay.prove.conduct import ProveRequest


class ProofProfile(StrEnum):
    """Whose tests are measured."""

    GATE = "gate"
    CERTIFY = "certify"


def prove(
    profile: Annotated[ProofProfile, typer.Option(help="Which tests are measured.")] = ProofProfile.GATE,
    family: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A family of defects, such as rule-off; repeatable.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A defect, or a prefix of defect ids; repeatable.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Try this many defects, chosen by the seed.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the sample and of the tests.")] = 1,
    processes: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Worker processes (default: one per core).")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the defects and stop.")] = False,
    json_: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the full report.")] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Exit 1 if a defect is missed that this record does not list."),
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the score as the new record (needs a run of all defects)."),
    ] = None,
    causes: Annotated[
        bool,
        typer.Option(
            "--causes", help="Also count how many findings the tests about its place make of each defect (longer)."
        ),
    ] = False,
    after: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --profile certify: the --json report of the gate; its detected defects are not tried again.",
        ),
    ] = None,
    check_shortcuts: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Repeat this many defects with a plain `assay gate` over a socket and compare."
        ),
    ] = 0,
) -> None:
    """Seed defects into the embedded control plane, one at a time, and report which of them the suite detects.

    A defect is detected if the run reports a finding that a run without the defect does not report. Exit 1 if a
    defect is missed that the record (--baseline) does not list, or if a shortcut disagrees with the plain run.
    """
    # Imported late: the contract tests take seconds to plan, which --help need not pay.
    from rich.console import Console

    from assay.prove.conduct import ProveRequest, conduct

    request: ProveRequest = ProveRequest(
        profile=profile.value,
        families=tuple(family or ()),
        only=tuple(only or ()),
        sample=sample,
        seed=seed,
        processes=processes,
        json_file=json_,
        baseline=baseline,
        write_baseline=write_baseline,
        causes=causes,
        check_shortcuts=check_shortcuts,
        after=after,
    )
    raise typer.Exit(conduct(request, Console(highlight=False, markup=False, emoji=False), list_only=list_))
