"""Text for readers: hostile characters made visible, numbers and durations in words."""

from __future__ import annotations

import re
from typing import Final

_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters: no XML, and terminals obey them
    "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"  # invisible ones, and those that reverse what is read
    "\ud800-\udfff\ufffe\uffff]"  # no characters at all
)


def visible(text: str) -> str:
    """The text with control, invisible and reversing characters spelled out, as ``\\x00`` or ``\\u202e``."""
    return _HIDDEN.sub(_spelled, text.replace("\r\n", "\n").replace("\r", "\\r"))


def one_line(text: str) -> str:
    """The visible text with every run of white space as one blank."""
    return " ".join(visible(text).split())


def plural(count: int, one: str, many: str | None = None) -> str:
    """The count with its noun: ``1 finding``, ``1,024 findings``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def number(value: float | int | None) -> str:
    """Three significant digits and no exponent; a dash when there is no value."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) else _three(value)


def milliseconds(value: float | None) -> str:
    """A latency with its unit."""
    if value is None:
        return "–"
    return f"{_three(value / 1000)} s" if value >= 10_000 else f"{_three(value)} ms"


def duration(seconds: float) -> str:
    """A duration as people say it: ``4.2 s``, ``2 min 5 s``, ``1 h 3 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def share(part: float) -> str:
    """A share of one in percent; 100 % and 0 % only when exactly so."""
    percent = part * 100
    if percent in (0, 100):
        return f"{percent:.0f} %"
    return f"{min(max(percent, 0.1), 99.9):.1f} %"


def _three(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _spelled(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"
