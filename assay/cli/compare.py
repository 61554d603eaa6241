"""`assay compare RUN RUN`: is the second stored measurement better, the same or worse?"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from assay.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_PASS, SettingsError

_RUNS = Path("reports") / "runs"
_NONE = "–"


def compare(
    before: Annotated[str, typer.Argument(metavar="RUN", help="Measurement before: a file or a run id.")],
    after: Annotated[str, typer.Argument(metavar="RUN", help="Measurement to judge.")],
    tolerance: Annotated[
        float, typer.Option(metavar="RATIO", min=0.01, max=10.0, help="Relative difference that counts as no change.")
    ] = 0.10,
) -> None:
    """Compare two stored benchmark runs: is the second better, the same or worse?

    RUN is a file that `assay benchmark --save` or `--update-baseline` wrote, or the id of a run in reports/runs. Exit
    codes: 0 the same or better, 1 worse, 3 cannot tell.
    """
    from rich.console import Console
    from rich.table import Table

    from assay.load.comparison import Trend
    from assay.load.comparison import compare as compared
    from assay.load.measurement import read_measurement

    first, second = (read_measurement(find(run)) for run in (before, after))
    comparison = compared(first, second, tolerance=tolerance)
    table = Table(box=None)
    for heading in ("operation", "percentile", "before, ms", "after, ms", "difference", "95 % confidence", "verdict"):
        table.add_column(heading, no_wrap=True)
    for item in comparison.differences:
        table.add_row(
            item.operation,
            item.percentile,
            _number(item.before, ".2f"),
            _number(item.after, ".2f"),
            _number(item.relative, "+.1%"),
            _NONE if math.isnan(item.low) else f"{item.low:+.1%} to {item.high:+.1%}",
            item.why or item.trend.value,
        )
    # A table cut to a pipe's 80 columns would lose the numbers it is for.
    console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 140)
    console.print(table)
    for note in comparison.notes:
        console.print(f"note: {note}")
    console.print(f"{second.run} against {first.run}: {comparison.trend.value}")
    codes = {Trend.WORSE: EXIT_FAIL, Trend.UNKNOWN: EXIT_INCONCLUSIVE}
    raise typer.Exit(codes.get(comparison.trend, EXIT_PASS))


def _number(value: float, form: str) -> str:
    """What was too short to compare has no numbers."""
    return _NONE if math.isnan(value) else format(value, form)


def find(run: str) -> Path:
    """The file of a measurement: a path, a run's folder, or a run's id. SettingsError when there is none."""
    given = Path(run)
    tried = [given, Path(f"{given}.load.json"), _RUNS / f"{run}.load.json"]
    for file in tried:
        if file.is_file():
            return file
    if given.is_symlink() or (given.exists() and not given.is_dir()):
        return given  # a pipe, a device, a link to nothing: reading it names what it is
    raise SettingsError(
        f"no measurement {run}: tried {', '.join(map(str, tried))}",
        hint="assay benchmark saves one next to its reports, or in the file that --save names",
    )
