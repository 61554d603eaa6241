"""`assay certify`: may this release go out?"""

from __future__ import annotations

import typer

from assay.cli import options as opt


def certify(
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
    """Pre-release certification: the gate's checks with ten times the examples and a longer load profile.

    Takes 10 to 15 minutes on the embedded control plane. Same verdicts, exit codes and reports as the gate.
    """
    from assay.cli.conducting import conduct_command

    raise typer.Exit(conduct_command("certify", opt.given(locals()), config))
