"""Files that are something else, variables that were meant for others, values that cannot be."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.first_contact.conftest import Play
from tests.first_contact.environment import Command, End, Environment, mistaken, passes
from tests.first_contact.running import ROOT

TRAP = "raise SystemExit('imported')\n"
PLACE = 'base_url = "http://{plane}"\nproject = "{project}"\ncluster = "{cluster}"\n'


def written(name: str, end: End, content: str | bytes) -> Environment:
    """An assay.toml that says where the target is, and something else."""
    return Environment(name, end, base_url=None, project=None, cluster=None, files={"assay.toml": content})


def at_its_place(name: str, end: End, prepare: Callable[[Path], None]) -> Environment:
    """Something else lies where assay.toml is looked for; a pipe nobody writes to would hold this process up."""
    return Environment(name, end, base_url=None, project=None, cluster=None, prepare=prepare, apart=prepare is pipe)


def folder(at: Path) -> None:
    (at / "assay.toml").mkdir()


def dangling(at: Path) -> None:
    (at / "assay.toml").symlink_to("nowhere")


def pipe(at: Path) -> None:
    os.mkfifo(at / "assay.toml")


DEEP = "a: &a [x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
BOMB = DEEP + "".join(
    f"{name}: &{name} [{', '.join([f'*{below}'] * 9)}]\n" for below, name in zip("bcdefghi", "cdefghij", strict=True)
)
NESTED = "[" * 100_000
DOCUMENT = (ROOT / "openapi" / "2.22" / "inferences.yaml").read_bytes()


def with_contract(name: str, end: End, content: str | bytes) -> Environment:
    """A contract of one's own, named by a relative path."""
    return Environment(name, end, files={"my.yaml": content}, env={"ASSAY_CONTRACT": "my.yaml"})


ROWS = [
    written("file-with-mark", passes(), "\ufeff" + PLACE),
    written("file-from-windows", passes(), PLACE.replace("\n", "\r\n")),
    Environment("file-in-utf16", passes("seed 7"), files={"assay.toml": "seed = 7\n".encode("utf-16")}),
    written(
        "file-with-misspelt-key",
        mistaken("assay.toml:4: max_lives is not a setting; did you mean max_live?"),
        PLACE + "max_lives = 3\n",
    ),
    written(
        "file-with-huge-number",
        mistaken("assay.toml:4: not valid TOML: a number has too many digits"),
        PLACE + f"seed = {'9' * 5000}\n",
    ),
    written(
        "file-with-secret",
        mistaken("assay.toml:4: client_secret is a secret and does not belong in this file"),
        PLACE + 'client_secret = "canary"\n',
    ),
    at_its_place("file-is-a-folder", mistaken("assay.toml cannot be read: it is a folder"), folder),
    at_its_place("file-is-a-dangling-link", mistaken("assay.toml cannot be read: it is a link to nowhere"), dangling),
    at_its_place("file-is-a-pipe", mistaken("assay.toml cannot be read: it is a pipe"), pipe),
    Environment("file-is-missing", mistaken("other.toml"), flags=("--config", "other.toml")),
    with_contract("contract-by-relative-path", passes(), DOCUMENT),
    with_contract("contract-nested-without-end", mistaken("my.yaml"), NESTED),
    with_contract("contract-with-growing-aliases", mistaken("my.yaml"), BOMB),
    with_contract("contract-is-a-page", mistaken("my.yaml"), "<html></html>"),
    with_contract("contract-is-empty", mistaken("my.yaml"), ""),
    Environment("contract-is-missing", mistaken("other.yaml does not exist"), env={"ASSAY_CONTRACT": "other.yaml"}),
    Environment("selection-for-pytest", passes("12 tests"), env={"PYTEST_ADDOPTS": "-k create"}, benchmark=passes()),
    Environment("module-secrets-in-folder", passes(), files={"secrets.py": TRAP}, apart=True),
    Environment("package-assay-in-folder", passes(), files={"assay/__init__.py": TRAP}),
    Environment(
        "plain-locale", passes(), env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, apart=True
    ),
    Environment(
        "misspelt-flag",
        mistaken("No such option: --base-ulr; did you mean --base-url?"),
        flags=("--base-ulr", "http://{plane}"),
    ),
    Environment(
        "misspelt-variable",
        mistaken("the environment sets ASSAY_BASE_URI, which is not a setting; did you mean ASSAY_BASE_URL?"),
        env={"ASSAY_BASE_URI": "http://{plane}"},
    ),
    Environment(
        "report-folder-is-a-file", mistaken("here cannot be written"), files={"here": ""}, flags=("--out", "here")
    ),
    Environment("report-folder-has-a-long-name", mistaken("cannot be written"), flags=("--out", "n" * 300)),
    Environment("timeout-is-no-number", mistaken("nan is not a finite number"), flags=("--request-timeout", "nan")),
    Environment("no-folder-for-temporary-files", passes(), env={"TMPDIR": "/nowhere"}, apart=True),
]


def test_mistakes(row: Environment, command: Command, run: Play) -> None:
    run(row, command)
