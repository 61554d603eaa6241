"""Time: the clock; moments as RFC 3339 texts and whole microseconds since 1970, without datetime's year limits."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

Now = Callable[[], float]
"""Seconds since 1970, as ``time.time``."""

Sleep = Callable[[float], Awaitable[None]]
"""Waits so many seconds, as ``asyncio.sleep``."""

SECOND: Final = 1_000_000
"""Microseconds in a second: the unit of every moment in this package is the microsecond."""

_DATE_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH: Final = date(1970, 1, 1)


def microseconds(clock: Now) -> int:
    return int(clock() * SECOND)


def parse(text: str) -> int | None:
    """The moment of an RFC 3339 date-time; None for a text of another shape. Digits beyond the sixth are cut."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction = int((match[7] or "")[:6].ljust(6, "0"))
    offset = (int(match[9]) * 60 + int(match[10])) * (1 if match[8] == "+" else -1) if match[8] else 0
    minutes = (_days(year, month, day) * 24 + hour) * 60 + minute - offset
    return (minutes * 60 + second) * SECOND + fraction


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar, the year 0 included (RFC 3339 allows it)."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def text(moment: int, digits: int = 3, zone: str = "Z") -> str:
    """RFC 3339 in UTC with ``digits`` (0, 3 or 6) decimals of a second, cut, never rounded up."""
    seconds, fraction = divmod(moment, SECOND)
    day, second = divmod(seconds, 86_400)
    minute, second = divmod(second, 60)
    stamp = f"{_date(day)}T{minute // 60:02d}:{minute % 60:02d}:{second:02d}"
    return f"{stamp}.{f'{fraction:06d}'[:digits]}{zone}" if digits else stamp + zone


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    """The date of a day since 1970. Asked for thousands of times a second, and changes once a day."""
    return (_EPOCH + timedelta(days=day)).isoformat()
