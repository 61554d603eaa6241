"""`assay init`: asks for a target, looks at it, and writes the files that runs against it begin from."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Final

import typer

from assay.cli import options as opt
from assay.errors import EXIT_PASS, SettingsError, UsageError
from assay.files import temporary_folder

if TYPE_CHECKING:
    from assay.cli.starter import Proposal
    from assay.client.preflight.places import ListedPlace
    from assay.client.session import Session
    from assay.client.settings import Settings
    from assay.contract.documents import Contract

_CONFIG: Final = Path("assay.toml")
_TIMEOUT: Final = 10.0  # seconds, as for `assay doctor`
_LOOKS: Final = 5  # answers whose median time the proposed rate is made from


def init(
    base_url: opt.BaseUrl = None,
    project: opt.Project = None,
    cluster: opt.Cluster = None,
    ca_file: opt.CaFile = None,
    insecure: opt.Insecure = None,
    proxy: opt.ProxyUrl = None,
    token_url: opt.TokenUrl = None,
    client_cert: opt.ClientCert = None,
    client_key: opt.ClientKey = None,
    ci: Annotated[
        str | None, typer.Option(metavar="SYSTEM", help="Also write a job for a CI system: github or gitlab.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing: take what was given and what is proposed.")
    ] = False,
) -> None:
    """Write assay.toml for a control plane, after a look at it.

    Asks for the URL, for credentials (used now, never stored) and for one of the projects and clusters that they may
    use, checks the target as `assay doctor` does (which creates one plain workload and deletes it), proposes limits,
    and writes a commented assay.toml. Without a terminal it takes --base-url, --project and --cluster, and the
    credentials from ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET (or ASSAY_TOKEN). Exit 0: written; 2: something you gave
    is wrong or missing; 3: the target cannot be used.
    """
    given = opt.given(locals() | {"ci": None, "force": None, "yes": None})
    raise typer.Exit(_Init(given, ci, force=force, asks=sys.stdin.isatty() and not yes).run())


class _Init:
    def __init__(self, given: dict[str, object], ci: str | None, *, force: bool, asks: bool) -> None:
        from assay.cli.starter import CI

        if ci is not None and ci not in CI:
            raise UsageError(f"--ci {ci} is not known", hint=f"it takes {' or '.join(CI)}")
        self._given = given
        self._force = force
        self._asks = asks
        self._files = [_CONFIG, *([CI[ci][0]] if ci else [])]
        self._job = CI[ci][1] if ci else ""

    def run(self) -> int:
        """Ask, look, write; returns the exit code. Raises AssayError."""
        from assay.contract.documents import load

        self._see_files()
        contract = load()
        settings = self._with_credentials(self._target())
        proposal = self._proposal(settings, contract)
        settings = settings.model_copy(update={"project": proposal.project.id, "cluster": proposal.cluster.id})
        if code := _doctor(settings, contract):
            return code
        self._write(proposal)
        return EXIT_PASS

    # --- what is asked --------------------------------------------------------------------------------------

    def _see_files(self) -> None:
        """Tell before the first question that a file is in the way."""
        if there := [file for file in self._files if os.path.lexists(file) and not self._force]:
            names = " and ".join(map(str, there))
            if not self._asks:
                raise UsageError(f"{names} would be replaced", hint="add --force to replace what exists")
            if not typer.confirm(f"Replace {names}?"):
                raise typer.Abort
            self._force = True

    def _target(self) -> Settings:
        from assay.client.layers import load_settings

        with temporary_folder("assay-init-") as folder:
            empty = folder / _CONFIG  # the file that is to be written says nothing about itself
            empty.touch()
            while True:
                try:
                    settings = load_settings(self._given, config=empty)
                    if settings.base_url is not None:
                        return settings.with_command_defaults(request_timeout=_TIMEOUT)
                except SettingsError as error:
                    if not self._asks or "base_url" not in self._given:
                        raise
                    typer.echo(error.message)
                self._given["base_url"] = self._ask("--base-url", "URL of the control plane (https://...)")

    def _with_credentials(self, settings: Settings) -> Settings:
        from pydantic import SecretStr

        from assay.client.identities import credentials_of

        main, _ = credentials_of(settings)
        if main.given or not self._asks:
            main.check()
            return settings
        typer.echo("Credentials of an application: used now, never stored. The name of a variable or a file will do.")
        client_id = typer.prompt("Client id (empty: a token)", default="", show_default=False)
        names = ("client_id", "client_secret") if client_id else ("token",)
        values = [client_id] if client_id else []
        values.append(typer.prompt("Client secret" if client_id else "Token", hide_input=True))
        secrets = {name: SecretStr(_held(value)) for name, value in zip(names, values, strict=True)}
        return settings.model_copy(update=secrets)

    def _ask(self, flag: str, question: str) -> str:
        if not self._asks:
            raise UsageError(f"{flag} is not given, and there is no terminal to ask at", hint=f"give {flag}")
        return str(typer.prompt(question)).strip()

    def _choose(self, kind: str, given: str | None, listed: list[ListedPlace] | None) -> ListedPlace:
        """The place that was given, by id or name, or that is chosen out of the list."""
        from assay.client.preflight.places import ListedPlace

        if given is None and listed is not None and len(listed) == 1:
            typer.echo(f"{kind}: {listed[0]}, the only one")
            return listed[0]
        if given is None and listed:
            typer.echo(f"These {kind}s may be used:")
            for place in listed:
                typer.echo(f"  {place}")
        if given is None:
            given = self._ask(f"--{kind}", f"{kind.capitalize()} (id{' or name' if listed else ''})")
        matching = [place for place in listed or () if given in {place.id, place.name}]
        return matching[0] if len(matching) == 1 else ListedPlace(given, "")

    # --- what is found --------------------------------------------------------------------------------------

    def _proposal(self, settings: Settings, contract: Contract) -> Proposal:
        """What to write, from what the target tells this identity. UsageError, and whatever a failed step says."""
        from assay.cli.starter import Proposal, way_of
        from assay.client.ledger import MemoryLedger
        from assay.client.opening import reopen_session
        from assay.client.preflight.diagnose import reach
        from assay.client.preflight.places import ListedPlace, clusters, projects

        with closing(reopen_session(settings, contract, MemoryLedger())) as session:
            for step in reach(session):
                step.insist()
            project = self._choose("project", settings.project, projects(session))
            listed = clusters(session)
            if settings.cluster is None and project.cluster is not None:
                named = [place for place in listed or () if place.id == project.cluster]
                listed = named or [ListedPlace(project.cluster, "")]
            cluster = self._choose("cluster", settings.cluster, listed)
            return Proposal(str(settings.base_url), project, cluster, _latency(session), way_of(settings))

    # --- what is written ------------------------------------------------------------------------------------

    def _write(self, proposal: Proposal) -> None:
        from assay.client.layers import load_settings
        from assay.files import write_text

        texts = [proposal.toml(), self._job.format(config=_CONFIG)]
        for file, text in zip(self._files, texts, strict=False):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, text)
            typer.echo(f"written: {file}")
        load_settings({}, env={}, config=_CONFIG)
        typer.echo("Next: set ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET (or ASSAY_TOKEN), then run `assay gate`.")


def _held(answer: str) -> str:
    """What an answer stands for: the value of the variable or the content of the file that it names, else itself."""
    name = answer.strip()
    if name.removeprefix("$") in os.environ:
        return os.environ[name.removeprefix("$")].strip()
    try:
        return Path(name).read_text(encoding="utf-8").strip() if Path(name).is_file() else name
    except (OSError, ValueError):  # a secret that no file can be named after
        return name


def _doctor(settings: Settings, contract: Contract) -> int:
    from assay.cli.doctor import show
    from assay.client.preflight.diagnose import diagnose

    return show(diagnose(settings, contract))


def _latency(session: Session) -> float:
    """Seconds that a small answer takes: the median of a few."""
    from assay.client.preflight.recognise import unknown_workload

    return median(session.send(unknown_workload(session.contract)).seconds for _ in range(_LOOKS))
