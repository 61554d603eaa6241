"""`assay init`: asks for a target, looks at it, and writes the files that runs against it begin from."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from assay.cli import options as opt


def init(
    base_url: opt.BaseUrl = None,
    project: opt.Project = None,
    cluster: opt.Cluster = None,
    ca_file: opt.CaFile = None,
    insecure: opt.Insecure = None,
    proxy: opt.ProxyUrl = None,
    token_url: opt.TokenUrl = None,
    client_cert: opt.ClientCert = None,
    client_key: opt.ClientKey = None,
    ci: Annotated[
        str | None, typer.Option(metavar="SYSTEM", help="Also write a job for a CI system: github or gitlab.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing: take what was given and what is proposed.")
    ] = False,
) -> None:
    """Write assay.toml for a control plane, after a look at it.

    Asks for the URL, for credentials (used now, never stored) and for one of the projects and clusters that they may
    use, checks the target as `assay doctor` does (which creates one plain workload and deletes it), proposes limits,
    and writes a commented assay.toml. Without a terminal it takes --base-url, --project and --cluster, and the
    credentials from ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET (or ASSAY_TOKEN). Exit 0: written; 2: something you gave
    is wrong or missing; 3: the target cannot be used.
    """
    given = opt.given(locals() | {"ci": None, "force": None, "yes": None})
    from assay.cli.beginning import Beginning

    raise typer.Exit(Beginning(given, ci, force=force, asks=sys.stdin.isatty() and not yes).run())
