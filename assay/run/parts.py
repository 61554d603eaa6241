"""The two parts of a run, each a child process that writes to the run's journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from assay import folders
from assay.client.handover import JOURNAL, PROFILE, RUN_ID, hand_over
from assay.client.usage import read_usage
from assay.errors import SettingsError
from assay.load.options import RunFile
from assay.run import child
from assay.run.context import RunContext
from assay.run.plan import modules_with

# pytest's exit codes 0 and 1 are results (all passed, some failed); the others say that it could not run.
_PYTEST_RESULTS: Final = frozenset({0, 1})
_PYTEST_USAGE: Final = 4
_NO_TEST: Final = "ERROR: --only"  # how the plugin begins to say that a prefix selects no test
# The load part has put its problems into the journal when it ends with 3 (inconclusive).
_LOAD_RESULTS: Final = frozenset({0, 3})


def contract(run: RunContext) -> None:
    """Run contract_tests under pytest."""
    tests = folders.top("contract_tests")
    settings = run.settings
    # Collecting all of them takes 7 s of a core, most of it for drawing cases; one area may take 1 s.
    modules = sorted({file for prefix in run.plan.only for file in modules_with(prefix)}) or [tests]
    arguments = [
        "-m",
        "pytest",
        *map(str, modules),
        "-c",
        str(tests / "pytest.ini"),
        # Plugins that happen to be installed beside us (their loading is switched off) may reorder or repeat tests.
        "-p",
        "hypothesispytest",
        "-q",
        "--no-header",
        "--tb=short",
        f"--hypothesis-seed={settings.seed}",
        f"--concurrency={settings.concurrency}",
    ]
    arguments += [f"--only={prefix}" for prefix in run.plan.only]
    run.progress.start("contract", "fuzzing and judging every operation")
    ended = _run_child(run, "contract", arguments)
    if ended.code == _PYTEST_USAGE and _NO_TEST in ended.tail:
        raise SettingsError(
            f"--only{ended.tail.rpartition(_NO_TEST)[2]}", hint="run `assay rules` for the rules' ids"
        )
    _explain(run, "contract", ended, _PYTEST_RESULTS)


def load(run: RunContext) -> None:
    """Run the load profile under Locust."""
    chosen = run.plan.load
    file = run.space.work / "load.json"
    run_file(run).write(file)
    run.progress.start("load", f"profile '{chosen.profile}'")
    ended = _run_child(run, "load", ["-m", "assay.load", "--run-file", str(file)])
    _explain(run, "load", ended, _LOAD_RESULTS)


def run_file(run: RunContext) -> RunFile:
    """The run file of the load part. A benchmark with the default folder keeps its measurement beside it."""
    options = run.plan.load
    if run.plan.command == "benchmark" and run.space.is_default:
        options = replace(options, save=options.save or run.space.out.with_name(f"{run.space.out.name}.load.json"))
    files = {name: getattr(options, name) for name in ("profiles", "slo", "baseline", "save")}
    return RunFile(
        run=run.space.run_id,
        stem=run.mark,
        journal=run.space.journal.resolve(),
        options=replace(options, **{name: file and file.resolve() for name, file in files.items()}),
        seed=run.settings.seed,
    )


def _run_child(run: RunContext, part: str, arguments: list[str]) -> child.Ended:
    usage = run.space.work / "usage" / part
    env = hand_over(run.settings, run.space.work, used=run.used_so_far(), usage_folder=usage)
    env |= {JOURNAL: str(run.space.journal.resolve()), RUN_ID: run.space.run_id, PROFILE: run.plan.profile}
    try:
        return child.run(
            arguments,
            env=env,
            folder=run.space.work,
            log=run.space.work / f"{arguments[1]}.log",
            watch=run.progress.follow,
            stop=lambda: run.interrupted,
            deadline=run.deadline,
        )
    finally:
        run.used = run.used.then(read_usage(usage))


def _explain(run: RunContext, part: str, ended: child.Ended, results: frozenset[int]) -> None:
    run.progress.done()
    if ended.timed_out:
        run.journal.write("problem", what=f"{part} was ended: the wall-clock budget (max_seconds) is used up")
    elif not ended.interrupted and ended.code not in results:
        run.journal.write("problem", what=f"the {part} part broke off (exit {ended.code}): {ended.tail[-600:]}")


PARTS: Final[dict[str, Callable[[RunContext], None]]] = {"contract": contract, "load": load}
