"""``assay serve``: the embedded control plane, for developing and trying out clients of the Inferences API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    port: Annotated[int, typer.Option(metavar="PORT", help="Port on 127.0.0.1; 0 chooses a free one.")] = 0,
    pace: Annotated[
        float, typer.Option(metavar="FACTOR", help="Factor on the duration of every phase of a workload.")
    ] = 1.0,
    token_seconds: Annotated[float, typer.Option(metavar="SECONDS", help="Lifetime of an access token.")] = 3600.0,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Makes workload ids and generated names repeatable.")
    ] = None,
    faults: Annotated[
        bool, typer.Option("--faults", help="Obey the request header X-Assay-Fault: 500, 503 or 503-after.")
    ] = False,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A conforming variant: differ from the default within the contract; repeatable."
        ),
    ] = None,
    defect: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A seeded defect, such as rule-off/<rule>; repeatable.")
    ] = None,
    latency: Annotated[float, typer.Option(metavar="SECONDS", help="Median of an added latency (log-normal).")] = 0.0,
    contract: Annotated[
        Path | None, typer.Option(metavar="FILE", help="OpenAPI 3.0 document to enforce instead of the shipped one.")
    ] = None,
    corrections: Annotated[
        Path | None, typer.Option(metavar="FILE", help="OpenAPI Overlay 1.0 file to apply to it.")
    ] = None,
) -> None:
    """Serve the embedded Run:ai Inferences control plane until SIGTERM or Ctrl-C.

    Prints one JSON line when it is ready, with its address and the credentials of its two clients:
    {"base_url", "projects", "cluster", "clients"}. All data is in memory and lost at the end.
    """
    from assay.reference.embedded import Options
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
