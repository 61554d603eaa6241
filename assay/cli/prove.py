"""`assay prove`: seeds defects into the embedded control plane and says which share of them the suite catches."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from assay.prove.conduct import ProveRequest


class Profile(StrEnum):
    """Whose tests are put to the proof."""

    GATE = "gate"
    CERTIFY = "certify"


def prove(
    profile: Annotated[Profile, typer.Option(help="Whose tests are put to the proof.")] = Profile.GATE,
    family: Annotated[list[str] | None, typer.Option(help="A family of defects, e.g. rule-off; repeatable.")] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="ID", help="A defect, or the first steps of ids.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Try so many defects, drawn by the seed.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws the sample and what the tests draw.")] = 1,
    processes: Annotated[int | None, typer.Option(min=1, help="Worker processes; as many as cores.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the defects and try none.")] = False,
    json_: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the whole report.")] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Fail (1) when a defect survives that this record does not list."),
    ] = None,
    write_baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the score as the new record; for a run of all defects.")
    ] = None,
    after: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For certify: the --json of a proof of the gate, whose tests it spares."),
    ] = None,
    check_shortcuts: Annotated[
        int, typer.Option(min=0, help="Try so many of the defects the plain way too: `assay gate` over a socket.")
    ] = 0,
) -> None:
    """Seed defects into the embedded control plane, one at a time, and report which the suite catches.

    A defect counts as caught when a finding turns up that the control plane without it does not have. Exit 1 when a
    defect survives that the record (--baseline) does not list, or when a short cut disagrees with the plain way.
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
        check_shortcuts=check_shortcuts,
        after=after,
    )
    raise typer.Exit(conduct(request, Console(highlight=False), list_only=list_))
