"""`assay gate`: may this build be merged?"""

from __future__ import annotations

import typer

from assay.cli import options as opt


def gate(
    base_url: opt.BaseUrl = None,
    project: opt.Project = None,
    cluster: opt.Cluster = None,
    out: opt.Out = None,
    seed: opt.Seed = None,
    only: opt.Only = None,
    concurrency: opt.Concurrency = None,
    fail_on: opt.FailOn = None,
    waivers: opt.Waivers = None,
    contract: opt.ContractFile = None,
    corrections: opt.Corrections = None,
    config: opt.Config = None,
    max_requests: opt.MaxRequests = None,
    max_live: opt.MaxLive = None,
    yes: opt.Yes = None,
) -> None:
    """The CI quality gate: drives every operation against its contract and a short load profile. About 2 minutes.

    Ends with a verdict: pass (0), fail (1: the target violates its contract or misses a limit) or inconclusive (3:
    the run could not decide, and says why). Writes verdict.json, report.html, junit.xml, allure-results/ and
    summary.md to --out (default reports/runs/<run id>, with reports/runs/latest pointing to it).
    """
    from assay.cli.conducting import conduct_command

    raise typer.Exit(conduct_command("gate", opt.given(locals()), config))
