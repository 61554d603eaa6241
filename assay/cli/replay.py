"""`assay replay`: one finding again, with what it needs."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli import options as opt
from assay.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_PASS, UsageError

if TYPE_CHECKING:
    from rich.console import Console

_LATEST = Path("reports") / "runs" / "latest"
_SCHEMA = "assay/verdict/1"
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
    token_url: opt.TokenUrl = None,
    config: opt.Config = None,
    max_gpu_devices: opt.MaxGpuDevices = None,
) -> None:
    """Run the test behind a finding again, with the same seed, and say whether it still fails.

    The test creates what it needs, sends the failing request and cleans up. Without --base-url the target is that of
    the run. Exit codes: 1 still failing, 0 no longer failing, 3 could not decide.
    """
    verdict = _read(run or _LATEST)
    found = _find(verdict, finding)
    flags = opt.given(locals() | {"finding": None, "run": None, "verdict": None, "found": None})
    raise typer.Exit(_again(verdict, found, flags, config))


def _read(folder: Path) -> dict[str, Any]:
    file = folder / "verdict.json" if folder.is_dir() else folder
    try:
        verdict = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"no run to replay from: {file} cannot be read ({error.strerror})",
            hint="name the folder of the run's reports with --run, or run `assay gate` first",
        ) from None
    except ValueError:
        verdict = None
    if not isinstance(verdict, dict) or not isinstance(verdict.get("findings"), list):
        raise UsageError(f"{file} is not the verdict of a run")
    if verdict.get("schema") != _SCHEMA:
        raise UsageError(
            f"{file} has the schema {str(verdict.get('schema'))[:80]!r}, and replay reads {_SCHEMA}",
            hint="replay it with the version of assay that wrote it",
        )
    return verdict


def _find(verdict: dict[str, Any], finding: str) -> dict[str, Any]:
    known = {entry["id"]: entry for entry in verdict["findings"]}
    if finding not in known:
        listed = ", ".join(list(known)[:8]) or "none"
        raise UsageError(f"the run holds no finding {finding}", hint=f"it holds: {listed}")
    entry: dict[str, Any] = known[finding]
    return entry


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


def _again(verdict: dict[str, Any], found: dict[str, Any], flags: dict[str, object], config: Path | None) -> int:
    from rich.console import Console

    from assay.client.layers import load_settings
    from assay.run.conduct import conduct
    from assay.run.plan import plan

    if "base_url" not in flags:
        flags |= _target_of(verdict, found)
    parts = (selection(str(found["test"])),)
    with tempfile.TemporaryDirectory(prefix="assay-replay-") as folder:
        out = Path(folder) / "reports"
        settings = load_settings({**flags, "seed": verdict["seed"], "only": parts, "out": out}, config=config)
        if "base_url" not in flags and settings.base_url is not None:
            raise UsageError(
                f"the run tested the {_EMBEDDED}, and {settings.origin('base_url')} names {settings.base_url}",
                hint="give --base-url to replay there, or take that setting away",
            )
        console = Console(highlight=False)
        console.print(f"{found['id']} {found['summary']}", markup=False)
        code = conduct(plan(verdict["command"], settings.only), settings, Console(quiet=True))
        fresh = json.loads((out / "verdict.json").read_text(encoding="utf-8"))
    return _tell(console, found, fresh, code)


def _target_of(verdict: dict[str, Any], found: dict[str, Any]) -> dict[str, object]:
    """The flags that name the target of the run; UsageError when the verdict contradicts itself about it."""
    target = str((verdict.get("target") or {}).get("base_url"))
    sent = str((((found.get("evidence") or {}).get("request")) or {}).get("url") or target)
    if target == _EMBEDDED and (sent == target or sent.startswith("http://127.0.0.1:")):
        return {}
    if target.startswith(("http://", "https://")) and sent.startswith(target):
        return {"base_url": target}
    raise UsageError(
        f"the verdict names {target} as its target, and the request of {found['id']} went to {sent}",
        hint="the file was changed: give --base-url to say where to replay it",
    )


def _tell(console: Console, found: dict[str, Any], fresh: dict[str, Any], code: int) -> int:
    """Print the outcome and return the exit code."""
    now = next((entry for entry in fresh["findings"] if entry["id"] == found["id"]), None)
    if now is not None:
        evidence = now.get("evidence") or {}
        request, response = evidence.get("request") or {}, evidence.get("response") or {}
        console.print(f"{request.get('method', '')} {request.get('url', '')}", markup=False)
        if request.get("body"):
            console.print(str(request["body"])[:2000], markup=False)
        console.print(f"-> {response.get('status', 'no answer')} {str(response.get('body', ''))[:600]}", markup=False)
        console.print("still failing")
        return EXIT_FAIL
    if fresh["verdict"] == "inconclusive" or code == EXIT_INCONCLUSIVE or not fresh["tests"].get("planned"):
        for problem in fresh["problems"]:
            console.print(problem, markup=False)
        console.print("could not decide")
        return EXIT_INCONCLUSIVE
    console.print("no longer failing")
    return EXIT_PASS
