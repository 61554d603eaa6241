"""However often something broke on the way: one advisory with the count and the share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from assay.findings.disturbances import Disturbed, advisory
from assay.findings.model import Class
from assay.findings.record import Record


def seen(*parts: Mapping[str, Any]) -> Disturbed:
    return Record.of({"t": "disturbances", **part} for part in parts).disturbed


def part(requests: int, *, asked_again: bool = True, **kinds: int) -> dict[str, Any]:
    named = {kind.replace("_", " ").lstrip("n"): number for kind, number in kinds.items()}
    return {"requests": requests, "kinds": named, "asked_again": asked_again}


@pytest.mark.parametrize(
    ("parts", "summary"),
    [
        (
            [part(1204, n502_by_nginx=12)],
            "12 of 1,204 answers (1.0%) were a 502 by nginx; asked for again, none repeated",
        ),
        (
            [part(500, broken_connection=1)],
            "1 of 500 answers (0.2%) was a broken connection; asked for again, it did not repeat",
        ),
        (
            [part(1000, n502_by_nginx=10, broken_connection=2), part(1000, asked_again=False, n502_by_nginx=8)],
            "18 of 2,000 answers (0.9%) were a 502 by nginx, 2 (0.1%) a broken connection; asked for again, none "
            "repeated (the 8 under load were only counted)",
        ),
        (
            [part(0), part(700, asked_again=False, n502=7)],
            "7 of 700 answers (1.0%) were a 502; all under load, where nothing is asked for again",
        ),
    ],
)
def test_one_advisory_tells_of_all(parts: list[dict[str, Any]], summary: str) -> None:
    (found,) = advisory(seen(*parts))
    assert (found.cls, found.summary) == (Class.ADVISORY, summary)


def test_an_undisturbed_run_says_nothing() -> None:
    assert list(advisory(seen(part(100), part(7, asked_again=False)))) == []


def test_the_id_does_not_depend_on_what_was_seen() -> None:
    one, two = (next(iter(advisory(seen(given)))) for given in (part(9, n502=1), part(70, broken_connection=3)))
    assert one.id == two.id
