"""What README and docs say is so: links lead somewhere, commands and flags exist, samples load."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from assay.cli.main import _COMMANDS
from assay.load.profiles import load_profile

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
# Flags in the docs that belong to Locust, pytest and other tools.
OTHERS = {"--alluredir", "--class-picker", "--csv"}


@cache
def flags() -> dict[str, set[str]]:
    """The flags of every command, by its name."""
    from importlib import import_module

    found = {}
    for name, source, _ in _COMMANDS:
        module, _, attribute = source.partition(":")
        loaded = getattr(import_module(module), attribute)
        if not isinstance(loaded, typer.Typer):
            alone = typer.Typer(add_completion=False)
            alone.command(name)(loaded)
            loaded = alone
        found[name] = names_of(typer.main.get_command(loaded))
    return found


def names_of(command: Any) -> set[str]:
    """The flags of a command and of the commands below it."""
    own = {flag for parameter in command.params for flag in parameter.opts if flag.startswith("--")}
    return own.union({"--help"}, *(names_of(below) for below in getattr(command, "commands", {}).values()))


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def code_of(page: Path) -> list[str]:
    """The lines of code blocks, with lines that continue joined, and the code spans of the text."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"```[a-z ]*\n(.*?)```", text, re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [line for block in blocks for line in block.splitlines()] + spans


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name) if name else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [slug(heading) for heading in headings], target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_flags_exist(page: Path) -> None:
    known = flags()
    for code in code_of(page):
        for name, rest in re.findall(r"(?:^|bin/|-m )assay ([a-z]+)\b([^|#]*)", code.strip()):
            assert name in known, code
            assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", rest)) <= known[name], code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_flag_that_stands_alone_is_one_of_ours(page: Path) -> None:
    every = set().union(*flags().values())
    alone = {match[1] for code in code_of(page) if (match := re.match(r"(--[a-z][a-z0-9-]+)", code))}
    assert alone <= every | OTHERS


def test_every_command_is_in_the_table_of_the_readme() -> None:
    listed = re.findall(r"^\| `assay ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(command for command, _, _ in _COMMANDS)


def test_the_scenario_of_the_guide_is_the_shipped_one() -> None:
    guide = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    shown = re.search(r"```python\n(.*?)```", guide, re.DOTALL)
    shipped = (ROOT / "load_tests" / "scenarios" / "metrics.py").read_text(encoding="utf-8")
    assert shown is not None
    assert shown[1] == shipped[shipped.index("class Scenario") :]


def test_the_profile_of_the_guide_loads(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    shown = re.search(r"```toml\n(.*?)```", guide, re.DOTALL)
    assert shown is not None
    file = tmp_path / "profiles.toml"
    file.write_text(shown[1])
    assert load_profile("mine", file).most_rate == 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_folders_exist(page: Path) -> None:
    """Paths in code spans, from the top of the repository or from the package."""
    named = {code for code in code_of(page) if re.fullmatch(r"[\w.-]+/(?:[\w.-]+/)*[\w.-]*", code)}
    ours = {name for name in named if name.partition("/")[0] in {*folders(ROOT), *folders(ROOT / "assay")}}
    written = {name for name in ours if name.startswith("reports/runs")}
    assert {
        name for name in ours - written if not any((top / name).exists() for top in (ROOT, ROOT / "assay"))
    } == set()


def folders(top: Path) -> set[str]:
    return {entry.name for entry in top.iterdir() if entry.is_dir()}
