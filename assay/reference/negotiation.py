"""Reads the Accept header as far as two content types need it."""

from __future__ import annotations


def prefers_csv(accept: str | None) -> bool:
    """Whether ``Accept`` ranks text/csv above application/json. A malformed part counts as not acceptable."""
    if accept is None:
        return False
    return quality(accept, "text", "csv") > quality(accept, "application", "json")


def quality(accept: str, kind: str, subtype: str) -> float:
    """The weight of a media type: the most specific range that matches it decides (RFC 9110, 12.5.1)."""
    best = (-1, 0.0)
    for part in accept.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        specific = {f"{kind}/{subtype}": 2, f"{kind}/*": 1, "*/*": 0}.get(media, -1)
        if specific > best[0]:
            best = (specific, _weight(parameters))
    return best[1]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
