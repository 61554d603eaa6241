"""`assay cleanup`: removes what an earlier run left on a target."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from assay.cli import options as opt
from assay.errors import EXIT_INCONCLUSIVE, EXIT_PASS, UsageError
from assay.wording import plural

if TYPE_CHECKING:
    from assay.client.cleanup import Swept
    from assay.client.evidence import Mask
    from assay.client.settings import Settings
    from assay.client.unfinished import Unfinished
    from assay.contract.documents import Contract

_SHOWN: Final = 10  # workloads listed by name before the question


def cleanup(
    base_url: opt.BaseUrl = None,
    yes: opt.Yes = None,
    delete_deadline: opt.DeleteDeadline = None,
    ca_file: opt.CaFile = None,
    insecure: opt.Insecure = None,
    proxy: opt.ProxyUrl = None,
    client_cert: opt.ClientCert = None,
    client_key: opt.ClientKey = None,
    token_url: opt.TokenUrl = None,
    config: opt.Config = None,
) -> None:
    """Remove workloads that earlier runs left behind because they were killed or lost the target.

    Reads the ledgers of all unfinished runs of this user against --base-url, and deletes only what they list. Asks
    before it deletes, unless --yes is given. Does not touch a run that is still active. Exit 0: nothing is left; 3:
    something could not be removed, or could not be seen to be gone (it is listed).
    """
    given = opt.given(locals())
    from assay.client.layers import load_settings

    settings = load_settings(given, config=config)
    raise typer.Exit(run(settings))


def run(settings: Settings) -> int:
    """Clean up and return the exit code. Raises UsageError when it would have to ask, or guess the target."""
    from assay.client.unfinished import unfinished_runs

    runs = [entry for entry in unfinished_runs(settings.base_url) if not _close_embedded(entry)]
    for entry in runs:
        if entry.active:
            typer.echo(f"run {entry.run} on {entry.base_url or 'its target'} is still active: not touched")
    runs = [entry for entry in runs if not entry.active]
    if not runs:
        typer.echo(f"nothing to clean up{' on ' + settings.base_url if settings.base_url else ''}")
        return EXIT_PASS
    code = _told_damage(runs)
    known = [entry for entry in runs if entry.base_url]
    if not known:
        return code
    if settings.base_url is None:
        targets = sorted({entry.base_url for entry in known})
        raise UsageError(
            "unfinished runs are known on " + ", ".join(targets),
            hint=f"name the target, so that credentials go to the right one: assay cleanup --base-url {targets[0]}",
        )
    _announce(known)
    _confirm(settings, sum(_size(entry) for entry in known))
    return _sweep_all(settings, known) or code


def _told_damage(runs: Sequence[Unfinished]) -> int:
    """Tell of ledgers that may not list everything, and what to do; inconclusive if there are any."""
    damaged = [entry for entry in runs if entry.damage]
    for entry in damaged:
        typer.echo(f"the ledger {entry.file} is damaged: {entry.damage}")
        typer.echo(
            f"  look on {entry.base_url or 'the targets of your runs'} for workloads whose names begin with "
            f"{entry.mark or 'assay-'}, delete those of that run, then remove the file"
        )
    return EXIT_INCONCLUSIVE if damaged else EXIT_PASS


def _close_embedded(entry: Unfinished) -> bool:
    """An embedded control plane ended with its run, and its workloads with it: only the ledger is left to remove."""
    if not entry.embedded or entry.active:
        return False
    entry.file.unlink(missing_ok=True)
    typer.echo(f"run {entry.run}: its embedded control plane has ended, nothing is left")
    return True


def _announce(runs: Sequence[Unfinished]) -> None:
    for entry in runs:
        live, lost, agreed = entry.state.standing, entry.state.unresolved, entry.state.agreed
        project = entry.state.header.get("project") or "unknown"
        awaited = f", {plural(len(agreed), 'agreed deletion')} to confirm" if agreed else ""
        typer.echo(
            f"run {entry.run} (project {project}): {plural(len(live), 'workload')} to delete, "
            f"{plural(len(lost), 'name')} to look for{awaited}"
        )
        for item in [*live.values(), *lost.values()][:_SHOWN]:
            typer.echo(f"  {item.name}  {item.id or '(id unknown)'}")
        if _size(entry) > _SHOWN:
            typer.echo(f"  ... and {_size(entry) - _SHOWN} more")


def _size(entry: Unfinished) -> int:
    """How many may have to be deleted; to see that an agreed deletion was done needs nobody's leave."""
    return len(entry.state.standing) + len(entry.state.unresolved)


def _confirm(settings: Settings, count: int) -> None:
    if settings.yes or count == 0:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"{plural(count, 'workload')} on {settings.base_url} would be deleted, "
            "and there is no terminal to ask at",
            hint="add --yes to delete them without a question",
        )
    if not typer.confirm(f"Delete these {count} from {settings.base_url}?"):
        raise typer.Abort


def _sweep_all(settings: Settings, runs: Sequence[Unfinished]) -> int:
    from assay.contract import documents

    contract = documents.load(settings.contract, settings.corrections)
    stayed = sum(_sweep_one(settings, contract, entry.file, asks=entry is runs[0]) for entry in runs)
    return EXIT_INCONCLUSIVE if stayed else EXIT_PASS


def _sweep_one(settings: Settings, contract: Contract, file: Path, *, asks: bool) -> int:
    """Sweep one run; before the first one the target is asked whether it can be used at all."""
    from assay.client.ledger import Ledger
    from assay.client.opening import reopen_session
    from assay.client.preflight.diagnose import reach_own

    ledger = Ledger(file)
    with closing(ledger), closing(reopen_session(settings, contract, ledger)) as session:
        for step in reach_own(session, reached=not asks):
            step.insist()
        swept = session.sweep()
    _tell(file, swept, session.mask)
    return len(swept.left_behind) + len(swept.unconfirmed)


def _tell(file: Path, swept: Swept, mask: Mask) -> None:
    """Say what was found and what became of it."""
    unconfirmed = f", {len(swept.unconfirmed)} not confirmed" if swept.unconfirmed else ""
    typer.echo(
        f"run {file.stem}: looked for {swept.looked_for}: {swept.gone} gone, {len(swept.deleted)} deleted, "
        f"{len(swept.left_behind)} left behind{unconfirmed}"
    )
    for entry in (*swept.left_behind, *swept.unconfirmed):
        how = "not confirmed" if entry.agreed else "left behind"
        typer.echo(f"  {how}: {entry.name} {entry.id or '(id unknown)'}: {mask.text(entry.why)}")
    if any(entry.id is None for entry in swept.left_behind):
        typer.echo(f"  once you have looked for the names yourself, remove {file}")
