"""`assay replay`: one finding again, with what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli import options as opt
from assay.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_PASS, EXIT_USAGE, UsageError
from assay.wording import listed

if TYPE_CHECKING:
    from rich.console import Console

    from assay.findings.stored import StoredFinding, StoredVerdict

_LATEST = Path("reports") / "runs" / "latest"
_LISTED = 8  # ids of findings in a hint
_EMBEDDED = "embedded control plane"


def replay(
    finding: Annotated[str, typer.Argument(metavar="FINDING", help="Id of the finding, F- and eight hex digits.")],
    run: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the run that reported it (default: reports/runs/latest)."),
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
    the run. Exit codes: 1 still failing, 0 no longer failing, 3 could not decide.
    """
    folder = run or _LATEST
    verdict = _read(folder)
    found = verdict.finding(finding)
    if found is None:
        ids = listed((each.id for each in verdict.findings), _LISTED, rest=f"{folder} has all of them") or "none"
        raise UsageError(f"the run holds no finding {finding}", hint=f"it holds: {ids}")
    flags = opt.given(locals() | dict.fromkeys(("finding", "run", "verdict", "found", "folder")))
    raise typer.Exit(_again(verdict, found, flags, config))


def _read(folder: Path) -> StoredVerdict:
    from assay.findings.stored import read_verdict

    file = folder / "verdict.json" if folder.is_dir() else folder
    return read_verdict(
        file,
        called=f"no run to replay from: {file}",
        hint="name the folder of the run's reports with --run, or run `assay gate` first",
    )


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


def _again(verdict: StoredVerdict, found: StoredFinding, flags: dict[str, object], config: Path | None) -> int:
    from rich.console import Console

    from assay.client.layers import load_settings
    from assay.files import temporary_folder
    from assay.findings.stored import read_verdict
    from assay.run.conduct import conduct
    from assay.run.plan import plan

    if "base_url" not in flags:
        flags |= _target_of(verdict, found)
    parts = (selection(found.test),)
    with temporary_folder("assay-replay-") as folder:
        out = folder / "reports"
        settings = load_settings({**flags, "seed": verdict.seed, "only": parts, "out": out}, config=config)
        if "base_url" not in flags and settings.base_url is not None:
            raise UsageError(
                f"the run tested the {_EMBEDDED}, and {settings.origin('base_url')} names {settings.base_url}",
                hint="give --base-url to replay there, or take that setting away",
            )
        console = Console(highlight=False, markup=False, emoji=False)
        console.print(f"target: {settings.base_url or _EMBEDDED}")
        console.print(f"{found.id} {found.summary}")
        code = conduct(plan(verdict.command, settings.only), settings, Console(quiet=True, markup=False, emoji=False))
        return _tell(console, found, read_verdict(out / "verdict.json"), code)


def _target_of(verdict: StoredVerdict, found: StoredFinding) -> dict[str, object]:
    """The flags that name the target of the run; UsageError when the verdict contradicts itself about it."""
    target = verdict.target.base_url
    sent = (found.evidence and found.evidence.request.url) or target
    if target == _EMBEDDED and (sent == target or sent.startswith("http://127.0.0.1:")):
        return {}
    if target.startswith(("http://", "https://")) and f"{sent}/".startswith(f"{target.rstrip('/')}/"):
        return {"base_url": target}
    raise UsageError(
        f"the verdict names {target} as its target, and the request of {found.id} went to {sent}",
        hint="the file was changed: give --base-url to say where to replay it",
    )


def _tell(console: Console, found: StoredFinding, fresh: StoredVerdict, code: int) -> int:
    """Print the outcome and return the exit code."""
    now = fresh.finding(found.id)
    if now is not None:
        _show(console, now)
        console.print("still failing")
        return EXIT_FAIL
    if fresh.verdict == "inconclusive" or code == EXIT_INCONCLUSIVE or not fresh.tests.planned:
        for problem in fresh.problems:
            console.print(problem)
        console.print("could not decide")
        return EXIT_USAGE if code == EXIT_USAGE else EXIT_INCONCLUSIVE
    console.print("no longer failing")
    return EXIT_PASS


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
