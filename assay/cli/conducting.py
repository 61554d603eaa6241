"""What gate and certify share: the options, the settings from them, the plan, the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import typer

from assay.cli import options as opt


def command(name: str, text: str) -> Callable[..., None]:
    """A command ``name`` with the options of a run; ``text`` is its help."""

    def run(
        base_url: opt.BaseUrl = None,
        project: opt.Project = None,
        cluster: opt.Cluster = None,
        ca_file: opt.CaFile = None,
        insecure: opt.Insecure = None,
        proxy: opt.ProxyUrl = None,
        client_cert: opt.ClientCert = None,
        client_key: opt.ClientKey = None,
        token_url: opt.TokenUrl = None,
        request_timeout: opt.RequestTimeout = None,
        out: opt.Out = None,
        seed: opt.Seed = None,
        only: opt.Only = None,
        concurrency: opt.Concurrency = None,
        fail_on: opt.FailOn = None,
        waivers: opt.Waivers = None,
        contract: opt.ContractFile = None,
        corrections: opt.Corrections = None,
        config: opt.Config = None,
        yes: opt.Yes = None,
        max_live: opt.MaxLive = None,
        max_creates: opt.MaxCreates = None,
        max_requests: opt.MaxRequests = None,
        max_rps: opt.MaxRps = None,
        max_gpu_devices: opt.MaxGpuDevices = None,
        max_seconds: opt.MaxSeconds = None,
        delete_deadline: opt.DeleteDeadline = None,
    ) -> None:
        raise typer.Exit(conduct_command(name, opt.given(locals()), config))

    run.__doc__ = text
    run.__name__ = name
    return run


def conduct_command(name: str, flags: Mapping[str, object], config: Path | None) -> int:
    """Run the command ``name`` and return its exit code. Raises UsageError for what the user must correct first."""
    # Imported late: what a run needs takes 0.6 s to import, which --help and serve need not pay.
    from rich.console import Console

    from assay.client.layers import load_settings
    from assay.run.conduct import conduct
    from assay.run.plan import plan

    given = {key: value for key, value in flags.items() if key not in {"name", "text"}}
    settings = load_settings(given, config=config)
    return conduct(plan(name, settings.only), settings, Console(highlight=False, markup=False, emoji=False))


gate = command(
    "gate",
    """CI quality gate: test every operation against the contract and run a short load test. Takes about 2 minutes.

    The verdict is pass (exit 0), fail (1: the target violates its contract or misses a limit) or inconclusive (3: the
    run could not decide; the reports say why). Writes verdict.json, report.html, junit.xml, allure-results/,
    summary.md and reproduce/ to --out (default: reports/runs/<run id>; reports/runs/latest points to the newest run).

    To test a real target, give --base-url, --project and --cluster, and set ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET
    (or ASSAY_TOKEN). `assay doctor` says what is missing. At most --max-live small workloads exist at a time, none
    requests a GPU, and all are removed at the end, also after Ctrl-C.
    """,
)

certify = command(
    "certify",
    """Pre-release certification: the tests of the gate with ten times the examples and a longer load test.

    Takes 5 minutes on the embedded control plane and sends up to 60,000 requests (measured: 43,000). Verdicts, exit
    codes and reports are those of the gate. With a second identity (ASSAY_OUTSIDER_CLIENT_ID and
    ASSAY_OUTSIDER_CLIENT_SECRET) it also tests access between projects.

    Also writes certificate.json: what was certified, against which contract, what was not tested, the measured
    detection score of this suite, and the digests of all files. `assay verify DIR` shows whether a file has changed
    since.
    """,
)
