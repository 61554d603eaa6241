"""``python -m assay.load --run-file FILE``: a load run in a process of its own, because gevent patches its host.

``python -m assay.load --worker HOST:PORT`` joins a run as a further load process, on this machine or another.
Standard output stays empty; what was observed is in the journal that the run file names. Exit codes: 0 the run is
over (the journal has the result), 2 settings, 3 inconclusive, 130 interrupted after cleaning up.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import logging  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from assay.errors import EXIT_USAGE, AssayError  # noqa: E402
from assay.processes import Parent, terminate  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Run or join; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m assay.load", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run-file", type=Path, metavar="FILE", help="the run to conduct")
    what.add_argument("--worker", metavar="HOST:PORT", help="join the run whose master listens there")
    parser.add_argument(
        "--join-seconds", type=float, default=60.0, metavar="N", help="with --worker: how long to wait for the master"
    )
    parser.add_argument("--otel", action="store_true", help="with --worker: Locust's OpenTelemetry option")
    options = parser.parse_args(arguments)
    # Locust's web UI parses the command line once more, and ends the process when it meets what is not its own.
    sys.argv[1:] = []
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    Parent().when_gone(terminate)  # no load goes on unattended
    try:
        if options.run_file is not None:
            from assay.load.conduct import conduct
            from assay.load.options import RunFile

            return conduct(RunFile.read(options.run_file))
        from assay.load.processes import run_worker

        host, _, port = options.worker.rpartition(":")
        if not host or not port.isdigit():
            sys.stderr.write(f"--worker {options.worker}: expected HOST:PORT, for example 127.0.0.1:5557\n")
            return EXIT_USAGE
        return run_worker(host, int(port), join_seconds=options.join_seconds, otel=options.otel)
    except AssayError as error:
        sys.stderr.write(f"{error.message}\n" + (f"{error.hint}\n" if error.hint else ""))
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
