"""What holds for the source as a whole: who may import whom, no cycles, one name for one class, time handed in.

Every guard is tried on a made-up breach, too.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import assay

ROOT = Path(assay.__file__).parents[1]
TOPS = ("assay", "contract_tests", "load_tests")
# Any part may import them, and they import no part.
COMMON = {"clock", "errors", "files", "folders", "legible", "polling", "processes", "toml_file", "wording"}
# Exactly what is used: a permission that nobody needs is taken away.
ALLOWED: dict[str, set[str]] = {
    "contract": set(),
    "generation": {"contract"},
    "client": {"contract"},
    "findings": set(),
    "reference": {"contract"},
    "checks": {"client", "contract", "findings", "generation", "reference"},
    "load": {"client", "contract", "findings", "generation", "reference"},
    "reporting": {"findings"},
    "run": {"client", "contract", "findings", "load", "reference", "reporting"},
    "prove": {"checks", "client", "contract", "findings", "reference", "run"},
    "cli": {"client", "contract", "findings", "load", "prove", "reference", "reporting", "run"},
    "contract_tests": {"checks", "client", "contract", "generation"},
    "load_tests": {"client", "contract", "load"},
}
LONGEST_FILE = 450
CLOCK = {"time", "monotonic", "perf_counter", "sleep"}
# Who asks the machine itself how late it is, or waits on it: the clocks, which everybody else is handed.
CLOCKS = {"assay.clock": {"time"}, "assay.load.clock": {"gevent.sleep"}}
MACHINE_TIME = re.compile(r"time(\.\w+)?|gevent\.(sleep|time)|(\w+\.)*(datetime|date)\.(now|utcnow|today)")
# Styles its own words, and escapes those of the document.
MARKUP = {"assay.cli.rules"}
# Load scenarios are plug-ins: the file names them, the class is always called the same.
PLUG_INS = ("load_tests/scenarios/", "Scenario")


@cache
def modules() -> Mapping[str, ast.Module]:
    """Every module of the package and of the two top folders of tests, by its dotted name."""
    files = [file for top in TOPS for file in sorted((ROOT / top).rglob("*.py"))]
    return {
        dotted(file.relative_to(ROOT)): ast.parse(file.read_bytes(), file)
        for file in files
        if "_bundled" not in file.parts
    }


def dotted(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(name: str) -> str:
    """The part that a module belongs to: a folder of assay, one of its common modules, or a top folder."""
    first, _, rest = name.partition(".")
    return rest.partition(".")[0] if first == "assay" else first


def imported(tree: ast.Module, known: Mapping[str, object]) -> set[str]:
    """The ``known`` modules that a module imports: at the top or inside a function, typing-only or not."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in known}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in names}
    return found & known.keys()


def imports(trees: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    return {name: imported(tree, trees) - {name} for name, tree in trees.items()}


def used(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Which parts each part imports, itself and the common modules left out."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, targets in graph.items():
        found[part_of(name)] |= {part_of(target) for target in targets} - {part_of(name), "", *COMMON}
    return {part: found[part] for part in found if part not in {"", "__main__", *COMMON}}


def cycles(graph: Mapping[str, set[str]]) -> set[frozenset[str]]:
    """The groups of modules that reach each other."""
    reach = {name: reachable(name, graph) for name in graph}
    return {
        frozenset({other for other in reach[name] if name in reach[other]}) for name in graph if name in reach[name]
    }


def reachable(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = list(graph[start])
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += graph[name]
    return seen


def homonyms(trees: Mapping[str, ast.Module]) -> dict[str, list[str]]:
    """Classes that share a name, leading underscores aside, and the modules they stand in."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not is_plug_in(name, node.name):
                places[node.name.lstrip("_")].append(name)
    return {name: where for name, where in places.items() if len(where) > 1}


def is_plug_in(module: str, name: str) -> bool:
    folder, shared = PLUG_INS
    return name == shared and f"{module.replace('.', '/')}/".startswith(folder)


def patched_clocks(tree: ast.Module) -> Iterator[int]:
    """Lines that put something else in the place of another module's clock."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from (node.lineno for target in node.targets if is_clock_of_another(target))


def is_clock_of_another(target: ast.expr) -> bool:
    if not isinstance(target, ast.Attribute) or target.attr not in CLOCK:
        return False
    return not (isinstance(target.value, ast.Name) and target.value.id == "self")


def machine_time(tree: ast.Module) -> set[str]:
    """What a module uses to ask the machine how late it is or to wait on it: ``time`` and what else does so."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = [ast.unparse(node)] if isinstance(node, ast.Attribute) else []
        found |= {name for name in names if MACHINE_TIME.fullmatch(name)}
    return {"time" if name.partition(".")[0] == "time" else name for name in found}


def stopwatches(tree: ast.Module) -> Iterator[int]:
    """Lines that assert how long something took, or how much was done meanwhile."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and any(
            isinstance(inner, ast.BinOp) and reads_time(inner) for inner in ast.walk(node)
        ):
            yield node.lineno


def reads_time(node: ast.AST) -> bool:
    """Whether ``node`` asks the machine how late it is; a clock of the test's own may be asked."""
    return any(ast.unparse(inner) in {"time.monotonic", "time.perf_counter"} for inner in ast.walk(node))


def named(tree: ast.Module, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))


def readers_of_markup(trees: Mapping[str, ast.Module]) -> set[str]:
    """Modules with a console that takes words in brackets for styles: half of an IPv6 URL would not be shown."""
    return {
        name
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "Console"
        and "markup=False" not in map(ast.unparse, node.keywords)
    }


def test_imports_are_those_allowed() -> None:
    found = used(imports(modules()))
    assert found.keys() == ALLOWED.keys()
    for part, allowed in ALLOWED.items():
        assert not found[part] - allowed, f"{part} may not import {sorted(found[part] - allowed)}"
        assert not allowed - found[part], f"nobody in {part} needs {sorted(allowed - found[part])}: take it away"


def test_permissions_point_one_way() -> None:
    order = list(ALLOWED)
    for part, allowed in ALLOWED.items():
        assert not {other for other in allowed if order.index(other) > order.index(part)}, part


def test_no_modules_import_each_other() -> None:
    assert not cycles(imports(modules()))


def test_no_two_classes_share_a_name() -> None:
    assert not homonyms(modules())


def test_no_clock_is_patched() -> None:
    assert not {name for name, tree in modules().items() if list(patched_clocks(tree))}


def test_only_the_clocks_ask_the_machine_for_the_time() -> None:
    assert {name: uses for name, tree in modules().items() if (uses := machine_time(tree))} == CLOCKS


def test_no_test_asserts_how_long_something_took() -> None:
    """On a crowded machine that fails for no fault of ours; `make bench` is where speed is judged."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    assert len(files) > 100
    assert not {file: lines for file in files if (lines := list(stopwatches(ast.parse(file.read_bytes()))))}


def test_nothing_process_wide_remembers_a_target() -> None:
    assert not {name for name, tree in modules().items() if named(tree, "WeakKeyDictionary")}


def test_no_console_takes_brackets_for_styles() -> None:
    assert readers_of_markup(modules()) == MARKUP


def test_no_file_is_long() -> None:
    lengths = {file: len(file.read_bytes().splitlines()) for top in TOPS for file in (ROOT / top).rglob("*.py")}
    assert len(lengths) > 100
    assert not {file: length for file, length in lengths.items() if length > LONGEST_FILE}


def test_a_console_that_reads_markup_is_found() -> None:
    trees = parsed(assay_a="Console(width=1)", assay_b="Console(markup=False)", assay_c="f(Console())")
    assert readers_of_markup(trees) == {"assay.a", "assay.c"}


def parsed(**sources: str) -> dict[str, ast.Module]:
    return {name.replace("_", "."): ast.parse(source) for name, source in sources.items()}


def test_every_form_of_import_is_seen() -> None:
    trees = parsed(
        assay_a="import assay.b\nfrom assay import c\ndef f():\n    from assay.d.e import x",
        assay_b="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from assay.d import e",
        assay_c="",
        assay_d_e="import assay.nowhere, os",
    )
    assert imports(trees) == {
        "assay.a": {"assay.b", "assay.c", "assay.d.e"},
        "assay.b": {"assay.d.e"},
        "assay.c": set(),
        "assay.d.e": set(),
    }
    assert used(imports(trees)) == {"a": {"b", "c", "d"}, "b": {"d"}, "c": set(), "d": set()}


def test_a_cycle_is_found() -> None:
    trees = parsed(
        assay_a="from assay import b",
        assay_b="def f():\n    import assay.c",
        assay_c="if TYPE_CHECKING:\n    from assay.a import X",
        assay_d="import assay.a",
    )
    assert cycles(imports(trees)) == {frozenset({"assay.a", "assay.b", "assay.c"})}


def test_a_homonym_is_found() -> None:
    trees = parsed(assay_a="class Plan: ...", assay_b="def f():\n    class _Plan: ...", assay_c="class Other: ...")
    assert homonyms(trees) == {"Plan": ["assay.a", "assay.b"]}


def test_only_scenarios_may_share_the_name_of_a_plug_in() -> None:
    scenario = ast.parse("class Scenario: ...")
    assert not homonyms({"load_tests.scenarios.read": scenario, "load_tests.scenarios.create": scenario})
    assert homonyms({"load_tests.other": scenario, "assay.load.scenario": scenario})


def test_a_patched_clock_is_found() -> None:
    tree = ast.parse("self.time = x\nmodule.time = x\nother.module.sleep = y\ntime.monotonic = z\nlocal = time")
    assert list(patched_clocks(tree)) == [2, 3, 4]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", {"time"}),
        ("def f():\n    from time import monotonic as now", {"time"}),
        ("import gevent\ngevent.sleep(1)", {"gevent.sleep"}),
        ("from gevent import sleep", {"gevent.sleep"}),
        ("import datetime as dt\ndt.datetime.now(dt.UTC)", {"dt.datetime.now"}),
        ("from datetime import datetime\nf = datetime.utcnow", {"datetime.utcnow"}),
        ("date.today()", {"date.today"}),
        ("clock.time()\nself.clock.monotonic()\nplane.now()\ntarget.now()\ngevent.spawn(f)\nother.time", set()),
        ("from assay.reference.times import text\nimport assay.reference.times, datetime", set()),
    ],
)
def test_a_look_at_the_machines_time_is_found(source: str, found: set[str]) -> None:
    assert machine_time(ast.parse(source)) == found


def test_a_stopwatch_is_found() -> None:
    took, longer = "assert time.monotonic() - began < 2", "assert 1 < time.perf_counter() - began"
    ours, patience = "assert clock.monotonic() - began == 3", "assert time.monotonic() < deadline"
    assert list(stopwatches(ast.parse("\n".join([took, longer, ours, patience])))) == [1, 2]


def test_a_memory_per_target_is_found() -> None:
    assert named(ast.parse("_SEEN: Final[WeakKeyDictionary[A, B]] = {}"), "WeakKeyDictionary")
    assert named(ast.parse("_SEEN = WeakKeyDictionary()"), "WeakKeyDictionary")
    assert not named(ast.parse("_SEEN = {}  # no WeakKeyDictionary"), "WeakKeyDictionary")
