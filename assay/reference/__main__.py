"""``python -m assay.reference``: the control plane alone, started in the least time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from assay.errors import AssayError
from assay.reference.embedded import Options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m assay.reference",
        description="Serve the embedded Run:ai Inferences control plane on 127.0.0.1 until SIGTERM.",
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0, the default, takes a free one")
    parser.add_argument("--pace", type=float, default=1.0, help="how many times as long each phase lasts")
    parser.add_argument("--token-seconds", type=float, default=3600.0, help="how long a token holds")
    parser.add_argument("--seed", type=int, help="make ids repeatable")
    parser.add_argument("--faults", action="store_true", help="obey the header X-Assay-Fault: 500, 503, 503-after")
    parser.add_argument("--variant", action="append", default=[], metavar="NAME", help="a conforming variant")
    parser.add_argument("--defect", action="append", default=[], metavar="ID", help="a seeded defect; repeatable")
    parser.add_argument("--contract", type=Path, help="another OpenAPI document to enforce")
    parser.add_argument("--corrections", type=Path, help="its OpenAPI Overlay")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds, in the median, that answers take longer")
    parser.add_argument("--lifeline", action="store_true", help=argparse.SUPPRESS)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run until it is stopped; returns the exit code (0, or 2 for a wrong option)."""
    given = _parser().parse_args(arguments)
    try:
        from assay.reference.server import serve

        serve(
            Options(
                port=given.port,
                pace=given.pace,
                token_seconds=given.token_seconds,
                seed=given.seed,
                faults=given.faults,
                variants=tuple(given.variant),
                defects=tuple(given.defect),
                contract=given.contract,
                corrections=given.corrections,
                latency=given.latency,
            ),
            lifeline=given.lifeline,
        )
    except AssayError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
