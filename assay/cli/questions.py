"""What `assay init` asks at a terminal: each question again until its answer can be one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from assay.errors import UsageError

if TYPE_CHECKING:
    from pydantic import SecretStr

    from assay.client.preflight.places import ListedPlace

_MOST_SHOWN: Final = 40
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_SHAPES: Final = {
    "project": (re.compile(r"[0-9]+", re.ASCII), "a project's id is a number, such as 4501101"),
    "cluster": (_UUID, "a cluster's id is a UUID, such as 71f69d83-ba66-4822-adf5-55ce55efd210"),
}


def ask(question: str) -> str:
    """The answer to a question, without the white space around it; never empty."""
    while True:
        answer = str(typer.prompt(question)).strip()
        if answer:
            return answer


def ask_url() -> str:
    return ask("URL of the control plane (https://...)")


def ask_credentials() -> dict[str, SecretStr]:
    """Settings with the credentials of an application, or with a token; hidden while they are typed."""
    from pydantic import SecretStr

    typer.echo("Credentials of an application: used now, never stored. The name of a variable or a file will do.")
    client_id = str(typer.prompt("Client id (empty: a token)", default="", show_default=False)).strip()
    names = ("client_id", "client_secret") if client_id else ("token",)
    values = [client_id] if client_id else []
    values.append(typer.prompt("Client secret" if client_id else "Token", hide_input=True))
    return {name: SecretStr(_held(value)) for name, value in zip(names, values, strict=True)}


def _held(answer: str) -> str:
    """What an answer stands for: the value of the variable or the content of the file that it names, else itself."""
    name = answer.strip()
    if name.removeprefix("$") in os.environ:
        return os.environ[name.removeprefix("$")].strip()
    try:
        return Path(name).read_text(encoding="utf-8-sig").strip() if Path(name).is_file() else name
    except (OSError, ValueError):  # a secret that no file can be named after
        return name


def choose(kind: str, given: str | None, listed: list[ListedPlace] | None, *, asks: bool) -> ListedPlace:
    """The project or cluster that was given, by id or name, or that is chosen out of the list.

    UsageError when there is nobody to ask, or what was given can be none.
    """
    from assay.client.preflight.places import ListedPlace

    if given is None and listed is not None and len(listed) == 1:
        typer.echo(f"{kind}: {listed[0]}, the only one")
        return listed[0]
    if given is None:
        _show(kind, listed or [])
        if not asks:
            raise UsageError(f"--{kind} is not given, and there is no terminal to ask at", hint=f"give --{kind}")
    shape, meant = _SHAPES[kind]
    while True:
        answer = given if given is not None else ask(f"{kind.capitalize()} (id{' or name' if listed else ''})")
        matching = [place for place in listed or () if answer in {place.id, place.name}]
        if len(matching) == 1:
            return matching[0]
        wrong = f"several {kind}s are called {answer}; give the id" if matching else meant
        if not matching and shape.fullmatch(answer):
            return ListedPlace(answer, "")
        if given is not None:
            raise UsageError(f"--{kind} {answer}: {wrong}", hint=f"give one that these credentials see{_of(listed)}")
        typer.echo(f"{answer} is no {kind} of these credentials: {wrong}" if not matching else wrong)


def _show(kind: str, listed: list[ListedPlace]) -> None:
    if listed:
        typer.echo(f"These {kind}s may be used:")
    for place in listed[:_MOST_SHOWN]:
        typer.echo(f"  {place}")
    if len(listed) > _MOST_SHOWN:
        typer.echo(f"  and {len(listed) - _MOST_SHOWN} more, which may be named as well")


def _of(listed: list[ListedPlace] | None) -> str:
    return f": {', '.join(map(str, listed[:5]))}{', ...' if len(listed) > 5 else ''}" if listed else ""


def ask_ci(known: Mapping[str, object]) -> str | None:
    """The CI system to write a job for, or None."""
    while True:
        question = f"A job for a CI system as well? ({', '.join(known)}; empty: none)"
        answer = str(typer.prompt(question, default="", show_default=False)).strip().lower()
        if answer in {"", "none", "no", "n"}:
            return None
        if answer in known:
            return answer
        typer.echo(f"{answer} is not known")
