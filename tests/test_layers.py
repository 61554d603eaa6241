"""Imports point down the house's list only; nobody imports the conductor of a run but the command line."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import assay

PACKAGE = Path(assay.__file__).parent
COMMON = {"assay", "errors", "folders"}
ALLOWED: dict[str, set[str]] = {
    "contract": set(),
    "generation": {"contract"},
    "client": {"contract"},
    "findings": {"contract", "client"},
    "reference": {"contract", "generation"},
    "checks": {"contract", "generation", "client", "findings", "reference"},
    "load": {"contract", "generation", "client", "findings", "checks", "reference"},
    "reporting": {"contract", "generation", "client", "findings", "load"},
    "run": {"contract", "generation", "client", "findings", "checks", "load", "reporting", "reference"},
    "prove": {"contract", "generation", "client", "findings", "checks", "load", "reporting", "reference", "run"},
}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] in ALLOWED)


def imported_parts(source: str) -> set[str]:
    """The parts of assay that a module names in any import, at the top or inside a function, typing-only or not."""
    parts = set()
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "assay" else [f"assay.{alias.name}" for alias in node.names]
        for name in names:
            steps = name.split(".")
            if steps[0] == "assay" and len(steps) > 1 and (PACKAGE / steps[1]).is_dir():
                parts.add(steps[1])
    return parts


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(module: Path) -> None:
    part = module.relative_to(PACKAGE).parts[0]
    upward = imported_parts(module.read_text()) - ALLOWED[part] - {part}
    assert not upward, f"{module} may not import {sorted(upward)}"


@pytest.mark.parametrize("folder", ["contract_tests", "load_tests"])
def test_top_folders_do_not_import_each_other(folder: str) -> None:
    other = {"contract_tests": "load_tests", "load_tests": "contract_tests"}[folder]
    for module in (PACKAGE.parent / folder).rglob("*.py"):
        assert f"import {other}" not in module.read_text()
        assert f"from {other}" not in module.read_text()


def test_the_walker_sees_every_form_of_import() -> None:
    source = "import assay.cli.main\nfrom assay import run\ndef f():\n    from assay.load.recorder import x\n"
    assert imported_parts(source) == {"cli", "run", "load"}


def test_every_part_is_listed() -> None:
    parts = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name.isidentifier()} - {"__pycache__"}
    assert parts - {"_bundled"} == {*ALLOWED, "cli"}
