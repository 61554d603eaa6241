"""Several clients at once: silent on what is lawful, loud on what goes wrong only when calls meet."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial

import pytest

from assay.checks import concurrency, specs
from tests.checks.scenes import Scenario, bench, blamed, live

SCENARIOS: Mapping[str, Scenario] = {
    "creations": lambda target: concurrency.creations(target, "t", 6),
    "updates": lambda target: concurrency.updates(target, "t", specs.RICH),
    "update-against-delete": lambda target: concurrency.update_against_delete(target, "t"),
    "reads-during-writes": lambda target: concurrency.reads_during_writes(target, "t"),
}

BLAMED: tuple[tuple[str, str, str], ...] = (
    ("race/same-id", "creations", "id-unique"),
    ("race/crossed-answers", "creations", "parallel-create-metadata"),
    ("race/create-fails", "creations", "server-error"),
    ("race/update-lost", "updates", "parallel-update-lost"),
    ("store/update-loses-command", "updates", "parallel-update-lost"),
    ("race/update-fails", "updates", "server-error"),
    ("store/delete-ignored", "update-against-delete", "delete-takes-effect"),
    ("race/update-torn", "reads-during-writes", "read-torn"),
    ("store/read-tells-other-workloadId", "reads-during-writes", "read-other"),
)

LAWFUL = (
    "deletion-conflicts",
    "delete-at-once",
    "updates-show-late",
    "section-overwrite",
    "capital-ids",
    "drop-nulls",
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_silent_on_the_reference_and_nothing_is_left(scenario: str) -> None:
    stand = bench()
    SCENARIOS[scenario](stand.target)
    assert [found for found in stand.notebook.findings.values() if found["class"] == "violation"] == []
    assert stand.notebook.requests >= 5
    assert live(stand) == []


@pytest.mark.parametrize("variant", LAWFUL)
def test_silent_on_what_is_lawful(variant: str) -> None:
    assert {name: found for name, run in SCENARIOS.items() if (found := blamed(run, variant))} == {}


@pytest.mark.parametrize(("defect", "scenario", "check"), BLAMED, ids=[row[0] for row in BLAMED])
def test_loud_on_what_is_wrong(defect: str, scenario: str, check: str) -> None:
    """A race need not happen every time; what is missed in five attempts is not found in a gate either."""
    assert any(check in blamed(SCENARIOS[scenario], defect) for _ in range(5))


def test_every_scenario_has_been_seen_to_find_something() -> None:
    assert {scenario for _, scenario, _ in BLAMED} == set(SCENARIOS)


def test_jobs_start_together_and_answer_in_order() -> None:
    arrived = threading.Barrier(5, timeout=10)

    def job(number: int) -> int:
        arrived.wait()  # passes only while all five run
        return number

    assert concurrency.at_once([partial(job, number) for number in range(5)]) == [0, 1, 2, 3, 4]


def test_an_error_of_a_job_is_raised() -> None:
    def fail() -> None:
        raise RuntimeError("one of them")

    with pytest.raises(RuntimeError, match="one of them"):
        concurrency.at_once([fail, lambda: None])
