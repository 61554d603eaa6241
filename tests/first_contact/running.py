"""Runs a command in the environment of a row, and holds it to what the row states."""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from assay.reference.embedded import Embedded
from tests.first_contact.certificates import Certificates
from tests.first_contact.environment import Command, End, Environment
from tests.first_contact.listening import Running, Stage
from tests.here import Here

ROOT = Path(__file__).parents[2]
PROFILES, LIMITS = (str(Path(__file__).parent / name) for name in ("profiles.toml", "limits.toml"))
# Longer than any of these runs takes on a crowded machine.
PATIENCE = 240.0
# Nobody waits ten seconds for a server of a test.
_LIMITS = ("--request-timeout", "5", "--yes")
_LOAD = ("--profiles", PROFILES, "--slo", LIMITS, "--profile", "short", "--scenario", "read", "--rate", "15")
# What a load run on a crowded machine may say of itself; the answers that it got are judged all the same.
_CROWDED = "the load generator was the bottleneck"
_OURS = re.compile(r"(ASSAY_|PYTEST_|SSL_CERT_|PYTHONPATH$)|.*_PROXY$", re.IGNORECASE)


# Words that are made when a row asks for them.
_MADE = ("authority", "authority_pem", "expired", "server_cert", "server_key", "client_cert", "client_key", "token")


class Words(dict[str, str]):
    """What ``{name}`` in a row stands for; a token is fetched when a row asks for one."""

    def __init__(self, plane: Embedded, certificates: Certificates) -> None:
        main, outsider = plane.clients[0], plane.clients[1]
        super().__init__(
            plane=plane.base_url.partition("://")[2],
            project=plane.projects[0],
            cluster=plane.cluster,
            client_id=main.client_id,
            client_secret=main.client_secret,
            outsider_id=outsider.client_id,
            outsider_secret=outsider.client_secret,
            others_project=outsider.projects[0],
        )
        self._certificates = certificates

    def __missing__(self, name: str) -> str:
        made = {
            "authority": lambda: str(self._certificates.authority),
            "authority_pem": lambda: self._certificates.authority.read_text(),
            "server_cert": lambda: str(self._certificates.server[0]),
            "server_key": lambda: str(self._certificates.server[1]),
            "expired": lambda: str(self._certificates.expired_file),
            "client_cert": lambda: str(self._certificates.client[0]),
            "client_key": lambda: str(self._certificates.client[1]),
            "token": self._token,
        }
        return made[name]()

    def _token(self) -> str:
        body = {
            "grantType": "client_credentials",
            "clientId": self["client_id"],
            "clientSecret": self["client_secret"],
        }
        with httpx.Client(trust_env=False) as http:
            return str(http.post(f"http://{self['plane']}/api/v1/token", json=body).json()["accessToken"])

    def fill(self, text: str) -> str:
        """The text with every name of a word replaced; other braces stay."""
        known = {*self, *_MADE}
        return re.sub(r"\{(\w+)\}", lambda found: self[found[1]] if found[1] in known else found[0], text)


@dataclass(frozen=True)
class Ended:
    """What a command did. ``arrived`` are the requests that the row's servers saw."""

    code: int
    said: str
    arrived: tuple[str, ...]
    report: Path

    @property
    def verdict(self) -> Mapping[str, Any] | None:
        file = self.report / "verdict.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def play(
    row: Environment,
    command: Command,
    *,
    stage: Stage,
    plane: Embedded,
    certificates: Certificates,
    folder: Path,
    here: Here | None,
) -> None:
    """Set the row up, run the command, judge how it ended; ``here`` runs it in this process, unless it is None."""
    words = Words(plane, certificates)
    with contextlib.ExitStack() as stack:
        running = []
        for name, server in row.servers.items():
            tls = server.tls(certificates) if server.tls else None
            running.append(stack.enter_context(stage.serving(server.make(), words, tls=tls, host=server.host)))
            words[name] = running[-1].address
        words.setdefault("front", words["plane"])
        _write(row, words, folder)
        only = row.only if here is not None else row.at_length or row.only
        arguments, env = _arguments(row, command, words, only), _variables(row, words, folder)
        if here is not None and not row.apart:
            code, said = here(arguments, env, folder)
        else:
            code, said = _in_its_own(arguments, env, folder)
    judge(row.ends(command), Ended(code, said, _arrived(running), folder / "out"), words, row.leaves)


def _arrived(running: list[Running]) -> tuple[str, ...]:
    return tuple(request for server in running for request in server.tally.requests)


def _write(row: Environment, words: Words, folder: Path) -> None:
    for name, content in row.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else words.fill(content).encode())
    if row.prepare is not None:
        row.prepare(folder)


def _arguments(row: Environment, command: Command, words: Words, only: str) -> list[str]:
    place = {"--base-url": row.base_url, "--project": row.project, "--cluster": row.cluster}
    given = [word for flag, value in place.items() if value is not None for word in (flag, value)]
    own = ["--only", only] if command == "gate" else [*_LOAD, *row.load]
    return [command, *(words.fill(word) for word in (*given, *own, *_LIMITS, "--out", "out", *row.flags))]


def _variables(row: Environment, words: Words, folder: Path) -> dict[str, str]:
    """A clean environment with the row's variables, and credentials unless the row says otherwise."""
    env = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
    env |= {"ASSAY_STATE_DIR": str(folder / "state"), "COLUMNS": "1000", "PYTHONPATH": str(ROOT)}
    given: dict[str, str | None] = {"ASSAY_CLIENT_ID": "{client_id}", "ASSAY_CLIENT_SECRET": "{client_secret}"}
    given |= row.env
    return env | {name: words.fill(value) for name, value in given.items() if value is not None}


def _in_its_own(arguments: list[str], env: Mapping[str, str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        # As the installed command starts: without the working folder on the import path.
        [sys.executable, "-P", "-m", "assay", *arguments],
        env=dict(env),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "backslashreplace")


def judge(end: End, ended: Ended, words: Words, leaves: int | None) -> None:
    """Exit code, sentence, verdict and reports are as the row states; AssertionError says what the command said."""
    said = " ".join(ended.said.split())
    sentence = words.fill(end.says)
    assert "Traceback" not in said, ended.said
    leaves = leaves if end.code else None
    if end.code == 0 and _was_crowded(ended):
        end = End(3, "inconclusive", _CROWDED, end.remark)
        sentence = end.says
    assert (ended.code, sentence in said) == (end.code, True), f"expected {end.code}, {sentence!r}:\n{ended.said}"
    assert words["client_secret"] not in ended.said
    _judge_report(end, sentence, ended)
    if leaves is not None:
        assert len(ended.arrived) <= leaves, ended.arrived


def _was_crowded(ended: Ended) -> bool:
    """Whether a load run has nothing to say but that this machine was too busy for it."""
    found = ended.verdict or {"problems": [], "load": {}}
    right = all(each["errors"] <= each["requests"] / 10 for each in found["load"].values())
    return bool(found["problems"] and right) and all(_CROWDED in problem for problem in found["problems"])


def _judge_report(end: End, sentence: str, ended: Ended) -> None:
    verdict = ended.verdict
    if end.verdict is None:
        assert verdict is None, f"a run that never began left a report: {verdict}"
        return
    assert verdict is not None, ended.said
    violations = [found["summary"] for found in verdict["findings"] if found["class"] == "violation"]
    assert (verdict["verdict"], len(violations)) == (end.verdict, end.verdict == "fail"), violations or verdict
    if end.remark is not None:
        _judge_remark(end.remark, verdict["findings"])
    summary = " ".join(html.unescape((ended.report / "summary.md").read_text(encoding="utf-8")).split())
    assert end.verdict == "pass" or sentence in summary, summary


def _judge_remark(kind: str, findings: Sequence[Mapping[str, Any]]) -> None:
    """There is one advisory, and it says how many of how many answers were of the kind, and their share."""
    advisories = [found["summary"] for found in findings if found["class"] == "advisory"]
    assert len(advisories) == 1, advisories
    told = re.match(rf"([\d,]+) of ([\d,]+) answers \((\d+\.\d%)\) (?:was|were) a {kind}[,;]", advisories[0])
    assert told, advisories[0]
    count, answers = (int(number.replace(",", "")) for number in told.groups()[:2])
    assert told[3] == f"{count / answers:.1%}", advisories[0]
