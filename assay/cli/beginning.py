"""What `assay init` does: asks for a target, looks at it, and writes the files that runs against it begin from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Final

import typer
from pydantic import SecretStr

from assay.cli import questions
from assay.cli.doctor import show
from assay.cli.starter import CI, Proposal, way_of
from assay.client.identities import credentials_of
from assay.client.layers import load_settings
from assay.client.ledger import MemoryLedger
from assay.client.opening import reopen_session
from assay.client.preflight.diagnose import diagnose, outside, reach
from assay.client.preflight.places import ListedPlace, clusters, projects
from assay.client.preflight.recognise import unknown_workload
from assay.client.preflight.steps import Step, usage
from assay.client.session import Session
from assay.client.settings import Settings
from assay.contract.documents import Contract, load
from assay.errors import EXIT_PASS, CredentialsError, SettingsError, UsageError
from assay.files import refuse_unwritable, temporary_folder, write_text

_CONFIG: Final = Path("assay.toml")
_TIMEOUT: Final = 10.0  # seconds, as for `assay doctor`
_LOOKS: Final = 5  # answers whose median time the proposed rate is made from


class Beginning:
    """One run of `assay init`; ``given`` are settings from flags, ``asks`` whether there is somebody to ask."""

    def __init__(self, given: dict[str, object], ci: str | None, *, force: bool, asks: bool) -> None:
        if ci is not None and ci not in CI:
            raise UsageError(f"--ci {ci} is not known", hint=f"it takes {' or '.join(CI)}")
        self._given = given
        self._force = force
        self._asks = asks
        self._ci = ci
        self._typed: dict[str, SecretStr] = {}  # credentials that were asked for

    def run(self) -> int:
        """Ask, look, write; returns the exit code. Raises AssayError."""
        self._see_files([_CONFIG, *([CI[self._ci][0]] if self._ci else [])])
        contract = load()
        settings = self._reached(contract)
        proposal = self._proposal(settings, contract)
        settings = settings.model_copy(update={"project": proposal.project.id, "cluster": proposal.cluster.id})
        if code := show(diagnose(settings, contract)):
            return code
        if self._asks and self._ci is None:
            self._ci = questions.ask_ci(CI)
            self._see_files([CI[self._ci][0]] if self._ci else [])
        self._write(proposal)
        return EXIT_PASS

    # --- what is asked --------------------------------------------------------------------------------------

    def _see_files(self, files: list[Path]) -> None:
        """Tell before anything is asked or written that a file cannot be written, or is in the way."""
        for file in files:
            if file.is_dir():
                raise UsageError(
                    f"{file} is a folder, and a file of that name is to be written",
                    hint="remove or rename the folder",
                )
            folder = next(parent for parent in file.absolute().parents if parent.exists())
            try:
                refuse_unwritable(folder / file.name)
            except SettingsError as error:
                raise UsageError(error.message, hint="remove what is in the way, or go to another folder") from None
        if there := [file for file in files if os.path.lexists(file) and not self._force]:
            names = " and ".join(map(str, there))
            if not self._asks:
                raise UsageError(f"{names} would be replaced", hint="add --force to replace what exists")
            if not typer.confirm(f"Replace {names}?"):
                raise typer.Abort

    def _reached(self, contract: Contract) -> Settings:
        """Settings that reach a Run:ai API and are let in. What was typed and is wrong is asked for again."""
        typed_url = False
        while True:
            settings = self._target()
            typed_url = typed_url or self._asked_for_url
            step = _first_failure(_as_anybody(settings), contract, outside)
            if step is None:
                settings = self._with_credentials(settings)
                try:
                    step = _first_failure(settings, contract, reach)
                except CredentialsError as error:  # what can be no token
                    step = usage("credentials", error.message, error.hint or "")
                if step is None:
                    return settings
                if self._typed and step.name == "credentials":
                    self._tell(step)
                    self._typed = {}
                    continue
            if not typed_url:
                step.insist()
            self._tell(step)
            self._given.pop("base_url", None)

    def _tell(self, step: Step) -> None:
        typer.echo(step.text + (f"\n  {step.todo}" if step.todo else ""))

    def _target(self) -> Settings:
        self._asked_for_url = False
        with temporary_folder("assay-init-") as folder:
            empty = folder / _CONFIG  # the file that is to be written says nothing about itself
            empty.touch()
            while True:
                try:
                    settings = load_settings(self._given, config=empty)
                    if settings.base_url is not None:
                        return settings.with_command_defaults(request_timeout=_TIMEOUT)
                except SettingsError as error:
                    if not self._asked_for_url:
                        raise
                    typer.echo(error.message)
                if not self._asks:
                    raise UsageError(
                        "--base-url is not given, and there is no terminal to ask at", hint="give --base-url"
                    )
                self._given["base_url"] = questions.ask_url()
                self._asked_for_url = True

    def _with_credentials(self, settings: Settings) -> Settings:
        main, _ = credentials_of(settings)
        if main.given or not self._asks:
            main.check()
            return settings
        self._typed = self._typed or questions.ask_credentials()
        return settings.model_copy(update=self._typed)

    # --- what is found --------------------------------------------------------------------------------------

    def _proposal(self, settings: Settings, contract: Contract) -> Proposal:
        """What to write, from what the target tells this identity. Raises AssayError."""
        with closing(reopen_session(settings, contract, MemoryLedger())) as session:
            project = questions.choose("project", settings.project, projects(session), asks=self._asks)
            listed = clusters(session)
            if settings.cluster is None and project.cluster is not None:
                named = [place for place in listed or () if place.id == project.cluster]
                listed = named or [ListedPlace(project.cluster, "")]
            cluster = questions.choose("cluster", settings.cluster, listed, asks=self._asks)
            return Proposal(str(settings.base_url), project, cluster, _latency(session), way_of(settings))

    # --- what is written ------------------------------------------------------------------------------------

    def _write(self, proposal: Proposal) -> None:
        written = {_CONFIG: proposal.toml()}
        if self._ci is not None:
            file, job = CI[self._ci]
            written[file] = job.format(config=_CONFIG)
        for file, text in written.items():
            write_text(file, text)
            typer.echo(f"written: {file}")
        load_settings({}, env={}, config=_CONFIG)
        typer.echo("Next: set ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET (or ASSAY_TOKEN), then run `assay gate`.")


def _as_anybody(settings: Settings) -> Settings:
    """The settings, before credentials are asked for, for a session: with a token that is never sent."""
    main, _ = credentials_of(settings)
    return settings if main.given else settings.model_copy(update={"token": SecretStr("none-yet")})


def _first_failure(settings: Settings, contract: Contract, asked: Callable[[Session], Iterator[Step]]) -> Step | None:
    """The first step that fails; None when none does. Raises AssayError."""
    with closing(reopen_session(settings, contract, MemoryLedger())) as session:
        return next((step for step in asked(session) if step.code), None)


def _latency(session: Session) -> float:
    """Seconds that a small answer takes: the median of a few."""
    return median(session.send(unknown_workload(session.contract)).seconds for _ in range(_LOOKS))
