"""`assay replay`: one finding again, with what it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli import options as opt
from assay.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_PASS, EXIT_USAGE, UsageError
from assay.wording import listed

if TYPE_CHECKING:
    from rich.console import Console

    from assay.client.settings import Settings
    from assay.findings.stored import StoredFinding, StoredResources, StoredVerdict
    from assay.run.plan import RunPlan

_LATEST = Path("reports") / "runs" / "latest"
_LISTED = 8  # ids of findings in a hint
_EMBEDDED = "embedded control plane"
_KEPT = {"max_live": int, "max_rps": float}
"""Limits of the run that hold for its replay, unless others are given."""


def replay(
    finding: Annotated[str, typer.Argument(metavar="FINDING", help="Id of the finding, F- and eight hex digits.")],
    run: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the run that reported it (default: the newest run that has it)."),
    ] = None,
    base_url: opt.BaseUrl = None,
    project: opt.Project = None,
    cluster: opt.Cluster = None,
    ca_file: opt.CaFile = None,
    insecure: opt.Insecure = None,
    proxy: opt.ProxyUrl = None,
    client_cert: opt.ClientCert = None,
    client_key: opt.ClientKey = None,
    contract: opt.ContractFile = None,
    corrections: opt.Corrections = None,
    token_url: opt.TokenUrl = None,
    config: opt.Config = None,
    max_gpu_devices: opt.MaxGpuDevices = None,
) -> None:
    """Run the test behind a finding again, with the same seed, and say whether it still fails.

    The test creates what it needs, sends the failing request and cleans up. Without --base-url the target is that of
    the run, with its project and cluster. A finding of the load part is measured again, as its run was asked to (at
    most two minutes where time is not what it is about), then and now side by side. The id of what another finding
    explains replays that one. Exit codes: 1 still failing, 0 no longer failing, 3 could not decide.
    """
    folder = run or _holder(finding)
    verdict = _read(folder)
    found = verdict.cause(finding)
    if found is None:
        ids = listed((each.id for each in verdict.findings), _LISTED, rest=f"{folder} has all of them") or "none"
        raise UsageError(f"the run holds no finding {finding}", hint=f"it holds: {ids}")
    flags = opt.given(locals() | dict.fromkeys(("finding", "run", "verdict", "found", "folder")))
    raise typer.Exit(_again(verdict, found, flags, config, called=finding))


def _read(folder: Path) -> StoredVerdict:
    from assay.findings.stored import read_verdict

    file = folder / "verdict.json" if folder.is_dir() else folder
    return read_verdict(
        file,
        called=f"no run to replay from: {file}",
        hint="name the folder of the run's reports with --run, or run `assay gate` first",
    )


def _holder(finding: str) -> Path:
    """The newest run that holds the finding: the latest here, else one of this user's, wherever it was written."""
    from assay.run.places import remembered

    holders = (folder for folder in (_LATEST, *remembered()) if _holds(folder / "verdict.json", finding))
    return next(holders, _LATEST)


def _holds(file: Path, finding: str) -> bool:
    try:
        return f'"{finding}"' in file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def selection(test: str) -> str:
    """What ``--only`` takes to run a test again: the load part, a test id, or the plan of a batch's first case.

    Accept cases that share a request are sent as ``pack/<id of the first case>``; whichever test needs one of them
    first sends them all.
    """
    area, _, rest = test.partition("/")
    if area == "load":
        return "load"
    if area != "pack":
        return test
    steps = rest.split("/")
    return "/".join(steps[: 2 if steps[0] == "combinations" else 3])


def _again(
    verdict: StoredVerdict, found: StoredFinding, flags: dict[str, object], config: Path | None, *, called: str
) -> int:
    from rich.console import Console

    from assay.client.layers import load_settings
    from assay.files import temporary_folder
    from assay.findings.stored import read_verdict
    from assay.run.conduct import conduct

    if "base_url" not in flags:
        flags = {**_target_of(verdict, found), **flags}
    parts = tuple(dict.fromkeys(selection(test) for test in _tests(found, called)))
    with temporary_folder("assay-replay-") as folder:
        out = folder / "reports"
        settings = load_settings({**flags, "seed": verdict.seed, "only": parts, "out": out}, config=config)
        if "base_url" not in flags and settings.base_url is not None:
            raise UsageError(
                f"the run tested the {_EMBEDDED}, and {settings.origin('base_url')} names {settings.base_url}",
                hint="give --base-url to replay there, or take that setting away",
            )
        # What is printed may be copied: a line ends where it ends, and not at the width of a terminal.
        console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        console.print(f"target: {settings.base_url or _EMBEDDED}")
        if called != found.id:
            console.print(f"{called} is explained by {found.id}")
        console.print(f"{found.id} {found.summary}")
        chosen = _plan(verdict, found, settings)
        if "load" in parts:
            console.print(f"measuring again: {_asked(chosen)}")
        code = conduct(chosen, settings, Console(quiet=True, markup=False, emoji=False))
        fresh = read_verdict(out / "verdict.json")
        if "load" in parts:
            _compare(console, found, verdict, fresh)
        return _tell(console, found, fresh, code)


def _tests(found: StoredFinding, called: str) -> Iterator[str]:
    """The test that observed the finding, and that of the symptom by whose id it was called."""
    yield found.test
    if not found.test.startswith("load"):
        own = (symptom.test for symptom in found.symptoms if symptom.id == called)
        yield from (test for test in own if not test.startswith("load"))


def _plan(verdict: StoredVerdict, found: StoredFinding, settings: Settings) -> RunPlan:
    """The plan of the run, narrowed to what the replay needs, with the load and the limits that the run had."""
    from assay.run.plan import plan
    from assay.run.stage import stage

    chosen = plan(verdict.command, settings.only)
    if "load" in chosen.parts:
        chosen = replace(chosen, load=stage(chosen.load, verdict.load_options, found))
    limits = {name: kind(allowed) for name, kind in _KEPT.items() if (allowed := verdict.limit(name)) is not None}
    return replace(chosen, defaults={**chosen.defaults, **limits})


def _asked(chosen: RunPlan) -> str:
    from assay.load.profiles import load_profile

    load = chosen.load
    profile = load_profile(load.profile, load.profiles).limited(load.scenario, load.rate, load.duration)
    how_long = "until the highest rate is found" if profile.search else f"{profile.seconds:.0f} s"
    loads = ", ".join(f"{each.scenario} {each.rate:g}/s" for each in profile.loads)
    return f"profile {profile.name}, {loads}, {how_long}"


def _target_of(verdict: StoredVerdict, found: StoredFinding) -> dict[str, object]:
    """The flags that name the target of the run; UsageError when the verdict contradicts itself about it."""
    target = verdict.target.base_url
    sent = (found.evidence and found.evidence.request.url) or target
    if target == _EMBEDDED and (sent == target or sent.startswith("http://127.0.0.1:")):
        return {}
    if target.startswith(("http://", "https://")) and f"{sent}/".startswith(f"{target.rstrip('/')}/"):
        place = {"project": verdict.target.project, "cluster": verdict.target.cluster}
        return {"base_url": target, **{name: value for name, value in place.items() if value}}
    raise UsageError(
        f"the verdict names {target} as its target, and the request of {found.id} went to {sent}",
        hint="the file was changed: give --base-url to say where to replay it",
    )


def _compare(console: Console, found: StoredFinding, then: StoredVerdict, now: StoredVerdict) -> None:
    """What was measured under load, then and now side by side, and what this run says of the finding."""
    from assay.cli.side_by_side import side_by_side

    for line in side_by_side(found, then, now):
        console.print(line)
    console.print(f"then: {found.summary}")
    again = now.cause_among(found.ids)
    if again is not None:
        console.print(f"now:  {again.summary}")


def _tell(console: Console, found: StoredFinding, fresh: StoredVerdict, code: int) -> int:
    """Print the outcome and return the exit code."""
    _tell_left(console, fresh.resources)
    now = fresh.cause_among(found.ids)
    if now is not None:
        _show(console, now)
        console.print("still failing")
        return EXIT_FAIL
    if fresh.verdict == "inconclusive" or code == EXIT_INCONCLUSIVE or not (fresh.tests.planned or fresh.load):
        for problem in fresh.problems:
            console.print(problem)
        console.print("could not decide")
        return EXIT_USAGE if code == EXIT_USAGE else EXIT_INCONCLUSIVE
    console.print("no longer failing")
    return EXIT_PASS


def _tell_left(console: Console, resources: StoredResources) -> None:
    """Say what the replay could not remove, or see gone."""
    from assay.reporting import words

    if resources.left_behind:
        console.print(words.left_behind([left.name or left.id for left in resources.left_behind]))
    if resources.unconfirmed:
        console.print(words.unconfirmed(len(resources.unconfirmed)))
    if resources.left_behind or resources.unconfirmed:
        console.print("`assay cleanup` looks after them")


def _show(console: Console, now: StoredFinding) -> None:
    """The exchange behind a finding, cut to a screen."""
    if now.evidence is None:
        return
    request, response = now.evidence.request, now.evidence.response
    console.print(f"{request.method} {request.url}")
    if request.body:
        console.print(request.body[:2000])
    status = response.status if response is not None and response.status is not None else "no answer"
    console.print(f"-> {status} {(response.body if response is not None else None) or ''}"[:600])
