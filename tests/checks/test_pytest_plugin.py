"""The contract tests under plain pytest: ids, selection, the journal, from any working directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay import folders
from assay.checks import pytest_plugin
from assay.checks.exchange import ContractBreachError
from assay.client.budget import LimitReached
from assay.errors import EXIT_USAGE, AssayError, CredentialsError, TargetLostError
from assay.findings.journal import read
from assay.generation.plans import Plan
from assay.reference.embedded import Embedded
from tests.run.whole import environment, place, serving

pytestmark = pytest.mark.slow

RULE = "compute/portion-limit-not-below-request"
IDS = (
    f"rules/{RULE}[create-reject]",
    "rules/storage/a[update-accept]",
    "lifecycle/deletion",
    "schema/create/x[reject]",
)


@pytest.fixture(scope="module")
def broken() -> Iterator[Embedded]:
    with serving(f"rule-off/{RULE}") as plane:
        yield plane


def contract_tests(
    folder: Path, *arguments: str, plane: Embedded, files: tuple[str, ...] = (), **more: str
) -> subprocess.CompletedProcess[str]:
    """``pytest contract_tests`` as a user types it, in another folder; or ``files`` of it, which collects less."""
    tests = folders.top("contract_tests")
    env = {**environment(folder, plane), **more, "PYTHONPATH": f"{tests.parent}{os.pathsep}{folder}"}
    chosen = [str(tests / f"test_{name}.py") for name in files] or [str(tests)]
    command = [sys.executable, "-m", "pytest", *chosen, "-q", *arguments]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=240)


def item(file: str, name: str, case: str | None = None) -> Any:
    made = SimpleNamespace(path=Path(file), name=name)
    if case is not None:
        made.callspec = SimpleNamespace(id=case)
    return made


@pytest.mark.parametrize(
    ("file", "name", "case", "wanted"),
    [
        ("test_rules.py", "test_rules[x]", IDS[0].removeprefix("rules/"), IDS[0]),
        ("test_lifecycle.py", "test_update_is_stored[update-args]", "update-args", "lifecycle/update-args"),
        ("test_lifecycle.py", "test_deletion", None, "lifecycle/deletion"),
        ("test_concurrency.py", "test_parallel_updates", None, "concurrency/parallel-updates"),
    ],
)
def test_ids(file: str, name: str, case: str | None, wanted: str) -> None:
    assert pytest_plugin.test_id(item(f"x/{file}", name, case)) == wanted


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("rules/computer", "--only rules/computer selects no test; did you mean rules/compute?"),
        ("lifecycle/deletoin", "did you mean lifecycle/deletion?"),
        ("zzz", "--only zzz selects no test; test ids begin with lifecycle, rules, schema"),
    ],
)
def test_a_prefix_of_nothing(prefix: str, words: str) -> None:
    assert words in pytest_plugin.selects_nothing(prefix, IDS)


def test_the_cases_of_a_run_are_those_of_its_plans() -> None:
    cases: Any = (object(), object(), object())
    taken = [{"plan": Plan("a", cases[:2])}, {"plan": "of another kind"}, {}, {"plan": Plan("b", cases[2:])}]
    items: Any = [SimpleNamespace(callspec=SimpleNamespace(params=params)) for params in taken]
    assert pytest_plugin._planned_cases([*items, item("test_x.py", "test_y")]) == cases


def test_errors_are_sorted() -> None:
    breach, crash = ContractBreachError(()), RuntimeError("x")
    assert pytest_plugin.sort_errors(None) == ([], [])
    assert pytest_plugin.sort_errors(breach) == ([breach], [])
    assert pytest_plugin.sort_errors(crash) == ([], [crash])
    group = BaseExceptionGroup("several", [breach, BaseExceptionGroup("inner", [crash, breach])])
    assert pytest_plugin.sort_errors(group) == ([breach, breach], [crash])
    assert pytest_plugin.sort_errors(pytest.skip.Exception("not here")) == ([], [])


def test_no_test_begins_once_the_run_is_over() -> None:
    told: list[tuple[str, ...]] = []
    begun: list[str] = []
    run = pytest_plugin.ContractRun(SimpleNamespace())  # type: ignore[arg-type]
    run._session = SimpleNamespace(  # type: ignore[assignment]
        target=SimpleNamespace(
            recorder=SimpleNamespace(run_is_over=lambda error: told.append(("over", error.message))),
            not_tested=lambda name, why: told.append((name, why)),
            journal=SimpleNamespace(write=lambda kind, **event: told.append((kind, event["id"], event["outcome"]))),
        )
    )
    later = item("test_lifecycle.py", "test_deletion")
    assert run.pytest_runtest_protocol(later) is None

    def ends() -> None:
        raise CredentialsError("it ended")

    with pytest.raises(CredentialsError, match="it ended"):
        run._body(ends, {})
    with pytest.raises(CredentialsError, match="it ended"):
        run._body(lambda: begun.append("another"), {})
    run._end(CredentialsError("in other words, from a test that was under way"))
    assert run.pytest_runtest_protocol(later) is True
    assert begun == []
    assert told == [
        ("over", "it ended"),
        ("over", "in other words, from a test that was under way"),
        ("lifecycle/deletion", "it ended"),
        ("test", "lifecycle/deletion", "skipped"),
    ]


@pytest.mark.parametrize("cut", [LimitReached("max_requests", "all are sent"), TargetLostError("it is gone")])
def test_what_cuts_a_test_short_after_a_breach_is_no_broken_test(cut: AssayError) -> None:
    told: list[tuple[str, ...]] = []
    run = pytest_plugin.ContractRun(SimpleNamespace())  # type: ignore[arg-type]
    run._session = SimpleNamespace(  # type: ignore[assignment]
        target=SimpleNamespace(
            recorder=SimpleNamespace(write=lambda *_: None, run_is_over=lambda _: told.append(("over",))),
            not_tested=lambda name, why: told.append((name, why)),
            journal=SimpleNamespace(write=lambda _, **event: told.append((event["id"], event["outcome"]))),
        )
    )
    cut_short = item("test_lifecycle.py", "test_deletion")
    cut_short.user_properties = []
    report = SimpleNamespace(outcome="failed", duration=0.0)
    group = BaseExceptionGroup("found before the run was cut short", [ContractBreachError(()), cut])
    run._journal(cut_short, report, group)  # type: ignore[arg-type]
    over = [("over",)] if isinstance(cut, TargetLostError) else []
    assert told == [("lifecycle/deletion", cut.message), *over, ("lifecycle/deletion", "failed")]


def test_from_another_folder(tmp_path: Path, broken: Embedded) -> None:
    journal = tmp_path / "journal.jsonl"
    only = ["--only", f"rules/{RULE}[create", *place(broken)]
    done = contract_tests(tmp_path, *only, plane=broken, ASSAY__JOURNAL=str(journal), ASSAY_MAX_GPU_DEVICES="4")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "preflight: the target can be tested" in done.stdout
    assert "1 failed, 1 passed" in done.stdout
    assert f"{RULE}[create-reject]" in done.stdout
    events = list(read(journal))
    (planned,) = (event for event in events if event["t"] == "planned")
    assert sorted(planned["tests"]) == [f"rules/{RULE}[create-accept]", f"rules/{RULE}[create-reject]"]
    outcomes = {event["id"]: event["outcome"] for event in events if event["t"] == "test"}
    assert outcomes == {f"rules/{RULE}[create-accept]": "passed", f"rules/{RULE}[create-reject]": "failed"}
    found = {(event["class"], event["kind"], event["rule"]) for event in events if event["t"] == "finding"}
    assert found == {("violation", "rule-enforced", RULE)}
    exchanges = [event for event in events if event["t"] == "exchange"]
    sides = {side for event in exchanges for rule, side in event["rules"] if rule == RULE}
    assert sides == {"accept", "reject"}
    assert [
        entry.name for entry in tmp_path.iterdir() if entry.name not in {"journal.jsonl", "state", "temporary"}
    ] == []


def test_settings_that_are_missing(tmp_path: Path, broken: Embedded) -> None:
    done = contract_tests(
        tmp_path, "--only", "lifecycle/names", "--base-url", broken.base_url, plane=broken, files=("lifecycle",)
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    said = done.stdout + done.stderr
    assert "a target needs --project" in said
    assert "Traceback" not in said


def test_a_wrong_place_ends_it_as_it_ends_a_run(tmp_path: Path, broken: Embedded) -> None:
    where = [*place(broken), "--project", "999"]
    done = contract_tests(tmp_path, "--only", "lifecycle/names", *where, plane=broken, files=("lifecycle",))
    assert done.returncode == EXIT_USAGE, done.stdout + done.stderr
    assert "project 999 may not be used with these credentials (403" in done.stdout + done.stderr
    assert "(check --project (its id, not its name)" in done.stdout + done.stderr
    assert "passed" not in done.stdout


GUARD = """
import ast
import os
import threading
from pathlib import Path

from assay.checks.generation_lock import has_turn

parse = ast.parse


def guarded(*args, **options):
    if not has_turn() and any(thread.name.startswith("assay") for thread in threading.enumerate()):
        with Path(os.environ["PARSED"]).open("a") as file:
            file.write(f"{threading.current_thread().name}\\n")
    with Path(os.environ["PARSED"]).with_suffix(".count").open("a") as file:
        file.write(".")
    return parse(*args, **options)


ast.parse = guarded
"""


def test_nobody_parses_source_out_of_turn(tmp_path: Path, broken: Embedded) -> None:
    """CPython 3.11 cannot parse in two threads at once (see generation_lock): generating and reports take turns."""
    (tmp_path / "parse_guard.py").write_text(GUARD)
    parsed = tmp_path / "parsed"
    only = ["variations/compute", f"rules/{RULE}[create", "schemathesis/fuzzing/create", "schemathesis/stateful"]
    arguments = [f"--only={prefix}" for prefix in only]
    arguments += ["-p", "parse_guard", f"--alluredir={tmp_path / 'allure'}", *place(broken)]
    files = ("variations", "rules", "schemathesis")
    done = contract_tests(
        tmp_path, *arguments, plane=broken, files=files, PARSED=str(parsed), ASSAY_MAX_GPU_DEVICES="4"
    )
    assert " failed" in done.stdout, done.stdout + done.stderr
    assert len(parsed.with_suffix(".count").read_text()) > 10
    assert not parsed.exists(), parsed.read_text()


def test_what_others_deselect_is_missing_from_the_run_and_not_from_the_plan(tmp_path: Path, broken: Embedded) -> None:
    journal = tmp_path / "journal.jsonl"
    only = ["--only", f"rules/{RULE}[create", "-k", "accept", *place(broken)]
    done = contract_tests(tmp_path, *only, plane=broken, files=("rules",), ASSAY__JOURNAL=str(journal))
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    (planned,) = (event for event in read(journal) if event["t"] == "planned")
    assert (planned["total"], len(planned["tests"])) == (2, 2)
