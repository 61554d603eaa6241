"""What starting costs, by the modules that are imported, and what assay takes from inside Typer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest
import typer
from typer.core import TyperCommand

from assay.cli import lazy
from assay.cli.main import _COMMANDS, app
from tests.cli.conftest import Assay

pytestmark = pytest.mark.slow

# Each takes 40 to 600 ms to import. `assay --help` took 1.1 s while it imported them, 0.2 s without.
HEAVY = {
    *("httpx", "hypothesis", "jinja2", "jsonschema", "jsonschema_rs", "locust", "numpy", "oas_patch", "pytest"),
    *("rich", "schemathesis", "scipy", "tomlkit", "uvicorn", "yaml"),
}
CHECKED = {"pydantic", "pydantic_core"}  # Typer checks the values of options with it, once there are values
START = {
    "assay",
    "assay.cli",
    "assay.cli.lazy",
    "assay.cli.main",
    "assay.cli.streams",
    "assay.errors",
    "assay.legible",
}
COMMANDS = [name for name, _, _ in _COMMANDS]
PROGRAM = """
import json, sys
from assay.cli.main import main
told = []
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit:
        told.append(sorted(sys.modules))
print(json.dumps(told))
"""


def imported(*commands: Sequence[str]) -> list[set[str]]:
    """The names of all modules that one process has imported, after each of the commands."""
    given = json.dumps([list(arguments) for arguments in commands])
    done = subprocess.run([sys.executable, "-c", PROGRAM, given], capture_output=True, text=True, check=True)
    return [set(modules) for modules in json.loads(done.stdout.splitlines()[-1])]


@pytest.mark.parametrize(
    ("arguments", "beside"),
    [(["--help"], set()), ([], set()), (["--nosuch"], set()), (["gat"], CHECKED), (["--version"], CHECKED)],
)
def test_starting_imports_no_command(arguments: list[str], beside: set[str]) -> None:
    (modules,) = imported(arguments)
    assert {name for name in modules if name.partition(".")[0] == "assay"} == START
    assert modules & (HEAVY | CHECKED) <= beside


def test_the_help_of_a_command_imports_nothing_heavy() -> None:
    after = imported(*([command, "--help"] for command in COMMANDS))
    assert len(after) == len(COMMANDS)
    assert {
        command: modules & HEAVY for command, modules in zip(COMMANDS, after, strict=True) if modules & HEAVY
    } == {}
    assert {source.partition(":")[0] for _, source, _ in _COMMANDS} <= after[-1]


def test_the_list_of_commands_is_in_the_order_of_the_table(assay: Assay) -> None:
    said = assay("--help")
    listed = [line.split()[0] for line in said.out.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed == COMMANDS
    assert all(line in said.out for _, _, line in _COMMANDS)


@pytest.mark.parametrize("arguments", [(), ("contract",)])
def test_without_a_command_the_help_is_shown(assay: Assay, arguments: tuple[str, ...]) -> None:
    said = assay(*arguments)
    assert (said.code, said.err) == (2, "")
    assert "Commands:" in said.out


def test_what_is_taken_from_inside_typer() -> None:
    """Fails first when an upgrade of Typer moves what ``assay.cli.lazy`` uses."""
    assert lazy.UsageError.__name__ == "UsageError"
    assert issubclass(lazy.UsageError, Exception)
    assert issubclass(lazy.LazyCommand, TyperCommand)
    assert callable(TyperCommand.make_context)
    group = typer.main.get_command(app)
    with pytest.raises(lazy.UsageError) as refused:
        group.make_context("assay", [])
    assert lazy.is_help(refused.value)
    assert lazy.command_path(refused.value) == "assay"
    with pytest.raises(lazy.UsageError) as refused:
        group.main(["contract", "nosuch"], "assay", standalone_mode=False)
    assert not lazy.is_help(refused.value)
    assert lazy.command_path(refused.value) == "assay contract"
