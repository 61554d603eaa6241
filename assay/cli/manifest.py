"""`assay manifest`: the load tests as a LocustTest for a Kubernetes operator."""

from __future__ import annotations

from typing import Annotated

import typer

from assay.cli import options as opt
from assay.errors import SettingsError


def manifest(
    base_url: opt.BaseUrl = None,
    project: opt.Project = None,
    cluster: opt.Cluster = None,
    operator: Annotated[
        str,
        typer.Option(
            metavar="VERSION",
            help="v2 (AbdelrhmanHamouda/locust-k8s-operator) or v1 (locustio/k8s-operator) of LocustTest.",
        ),
    ] = "v2",
    image: Annotated[
        str, typer.Option(metavar="IMAGE", help="Container image with Locust and assay.")
    ] = "registry.example.com/assay:latest",
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the LocustTest.")] = "assay-load",
    workers: Annotated[int, typer.Option(metavar="N", min=1, max=500, help="Number of worker pods.")] = 2,
    users: Annotated[
        int, typer.Option(metavar="N", min=1, help="Request streams of one request per second on average.")
    ] = 50,
    spawn_rate: Annotated[
        float, typer.Option(metavar="N", min=0.01, help="Request streams started per second.")
    ] = 5.0,
    run_time: Annotated[str, typer.Option(metavar="TIME", help="Duration: 90s, 5m, 1h.")] = "5m",
    secret: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Kubernetes Secret with the keys ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET (v2)."
        ),
    ] = "assay-credentials",  # noqa: S107 - the name of a Secret, not a secret
    claim: Annotated[
        str | None, typer.Option(metavar="NAME", help="Volume claim (ReadWriteMany) for the ledgers (v2).")
    ] = None,
) -> None:
    """Print a LocustTest manifest that runs load_tests/locustfile.py on a Kubernetes cluster.

    Use it as `assay manifest --base-url URL --project ID --cluster UUID --image IMAGE | kubectl apply -f -`. The
    manifest holds no credentials: they come from a Secret.
    """
    from assay.client.layers import load_settings
    from assay.load.manifest import VERSIONS, Wanted
    from assay.load.manifest import manifest as made
    from assay.toml_file import parse_duration

    if operator not in VERSIONS:
        raise SettingsError(f"--operator {operator} is none of: {', '.join(VERSIONS)}")
    if claim is not None and operator == "v1":
        raise SettingsError("--claim has no effect with --operator v1, which mounts no volumes")
    try:
        parse_duration(run_time)
    except ValueError as error:
        raise SettingsError(f"--run-time {run_time} is not a duration: {error}") from None
    settings = load_settings({"base_url": base_url, "project": project, "cluster": cluster})
    if settings.base_url is None or settings.project is None or settings.cluster is None:
        raise SettingsError(
            "a manifest needs the control plane, a project and a cluster",
            hint="--base-url URL --project ID --cluster UUID",
        )
    wanted = Wanted(
        base_url=settings.base_url,
        project=settings.project,
        cluster=settings.cluster,
        image=image,
        name=name,
        workers=workers,
        users=users,
        spawn_rate=spawn_rate,
        run_time=run_time,
        secret=secret,
        claim=claim,
    )
    typer.echo(made(operator, wanted), nl=False)
