"""``assay serve``: the embedded control plane, for developing and trying out clients of the Inferences API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    port: Annotated[int, typer.Option(help="Port to listen on (127.0.0.1 only); 0 takes a free one.")] = 0,
    pace: Annotated[float, typer.Option(help="How many times as long each phase of a workload lasts.")] = 1.0,
    token_seconds: Annotated[float, typer.Option(help="Seconds that an access token holds.")] = 3600.0,
    seed: Annotated[int | None, typer.Option(help="Make workload ids and generated names repeatable.")] = None,
    faults: Annotated[bool, typer.Option("--faults", help="Obey X-Assay-Fault: 500, 503 or 503-after.")] = False,
    variant: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Differ lawfully from the reference; repeatable.")
    ] = None,
    defect: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Be wrong on purpose, e.g. rule-off/<rule>; repeatable.")
    ] = None,
    latency: Annotated[
        float, typer.Option(metavar="SECONDS", help="Answer this much later, in the median (log-normal).")
    ] = 0.0,
    contract: Annotated[Path | None, typer.Option(help="Another OpenAPI 3.0 document to enforce.")] = None,
    corrections: Annotated[Path | None, typer.Option(help="The OpenAPI Overlay that corrects it.")] = None,
) -> None:
    """Serve the embedded Run:ai Inferences control plane until SIGTERM or Ctrl-C.

    One JSON line on standard output says when it is ready, where it is, and the credentials of its two clients:
    {"base_url", "projects", "cluster", "clients"}. Everything is kept in memory and gone afterwards.
    """
    from assay.reference.options import Options
    from assay.reference.server import serve as run

    run(
        Options(
            port=port,
            pace=pace,
            token_seconds=token_seconds,
            seed=seed,
            faults=faults,
            variants=tuple(variant or ()),
            defects=tuple(defect or ()),
            contract=contract,
            corrections=corrections,
            latency=latency,
        )
    )
