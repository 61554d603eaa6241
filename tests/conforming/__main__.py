"""Run the gate against every conforming control plane: ``python -m tests.conforming [part ...] [--match TEXT]``.

Parts: variants (each alone), combinations (20 times three together), seeds (20 gates on the embedded control plane),
settings (limits, identities, tokens). Without a part, all. Two gates at a time, for one leaves cores idle.
Ends with 1 when there was a false alarm.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.conforming.gates import PARTS, run


def main() -> int:
    """Print one line a gate; 1 when one did not pass."""
    parser = argparse.ArgumentParser(prog="python -m tests.conforming", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--match", default="", help="only gates whose name holds this text")
    parser.add_argument("--jobs", type=int, default=2, help="gates at a time (default 2)")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    gates = [gate for part in given.parts or PARTS for gate in PARTS[part]() if given.match in gate.name]
    alarms = 0
    with ThreadPoolExecutor(given.jobs) as pool:
        for result in pool.map(run, gates):
            alarms += not result.ok
            print(result, flush=True)
    print(f"{len(gates)} gates, {alarms} false alarms")
    return 1 if alarms or not gates else 0


if __name__ == "__main__":
    sys.exit(main())
