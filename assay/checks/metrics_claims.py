"""What a sound metrics answer says, by the check that has judged it; see ``claims``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from assay.checks.claims import Claim, every, none
from assay.checks.exchange import Deviation

_SERIES: Final = "body/measurements/[^/ ]+"
_SAMPLE: Final = f"{_SERIES}/values/[^/ ]+"
_NUMBER: Final = "[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][-+]?[0-9]+)?"
LIVED: Final = Claim("lived", ("1",), "nothing measured before the creation or in the future")
NO_SAMPLES: Final = none(f"{_SAMPLE}(/[^ ]*)?", "", "no samples")


def claimed(found: Iterable[Deviation], types: Iterable[str], start: str, end: str, most: int) -> Iterator[Deviation]:
    """The deviations with the claims that they break; asked for were ``types`` from ``start`` to ``end``."""
    for deviation in found:
        claim = _claim(deviation, "|".join(types), start, end, most)
        yield deviation if claim is None else replace(deviation, claims=(claim,))


def _claim(deviation: Deviation, types: str, start: str, end: str, most: int) -> Claim | None:
    if deviation.rule == "csv":
        return None
    match deviation.check:
        case "metrics-type-filter":
            return every(f"{_SERIES}/type", f"string ({types})$", "only types that were asked for")
        case "metrics-type-unknown":
            return every(f"{_SERIES}/type", "string (THROUGHPUT|LATENCY)$", "only documented types")
        case "metrics-more-samples-than-asked":
            return Claim("between", (f"^{_SERIES}/values array ", "", str(most)), f"at most {most} samples")
        case "metrics-outside-range":
            return Claim("within", (start, end), "samples within the time range")
        case "metrics-range-rounded":
            return Claim(
                "within", (start, end, "0.001"), "samples within the time range, its fractions of a second too"
            )
        case "metrics-repeated-timestamp" | "metrics-repeated-sample":
            return Claim("distinct", (), "samples of different times")
        case "metrics-repeated-series":
            return Claim("apart_series", (), "measurements that their types and labels tell apart")
        case "metrics-out-of-order":
            return Claim("sorted", (), "samples in the order of time")
        case "metrics-inverted-range":
            return NO_SAMPLES
        case "metrics-value-not-a-number":
            return every(f"{_SAMPLE}/value string", f"{_NUMBER}$", "values that are numbers")
        case "metrics-value-negative":
            return none(f"{_SAMPLE}/value", "string -.*[1-9]", "values that are not negative")
    return None
