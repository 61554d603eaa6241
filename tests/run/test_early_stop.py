"""A run whose target turns its back in mid-run: it stops early, with one cause everywhere, and accuses nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from assay.reference.embedded import Embedded
from tests.client.servers import Reply, Seen, Server, error
from tests.client.servers import serving as scripted
from tests.here import Here
from tests.run.whole import environment, serving, verdict

pytestmark = pytest.mark.slow

COLLECTION = "/api/v1/workloads/inferences"
Turn = Callable[[Seen, int], Reply | None]


@pytest.fixture(scope="module")
def plane() -> Iterator[Embedded]:
    with serving() as started:
        yield started


@contextmanager
def turning(plane: Embedded, turn: Turn) -> Iterator[Server]:
    """A lawful control plane behind a door: ``turn`` may answer instead, given the number of creations so far."""
    created = 0
    with httpx.Client(base_url=plane.base_url, trust_env=False, timeout=30) as onward:

        def door(seen: Seen) -> Reply:
            nonlocal created
            created += seen.method == "POST" and seen.path == COLLECTION
            instead = turn(seen, created)
            if instead is not None:
                return instead
            headers = {name: value for name, value in seen.headers.items() if name not in ("host", "connection")}
            answer = onward.request(seen.method, seen.path, headers=headers, content=seen.body)
            kept = {"Content-Type": answer.headers["content-type"]} if answer.content else {}
            return Reply(answer.status_code, raw=answer.content, headers=kept)

        with scripted(door) as server:
            yield server


class Run(Protocol):
    """Runs a command on a control plane that turns; its exit code, what it said, its verdict."""

    def __call__(self, turn: Turn, *arguments: str) -> tuple[int, str, dict[str, Any]]: ...


@pytest.fixture
def run(here: Here, plane: Embedded, tmp_path: Path) -> Run:
    def runs(turn: Turn, *arguments: str) -> tuple[int, str, dict[str, Any]]:
        with turning(plane, turn) as server:
            place = ["--base-url", server.base_url, "--project", plane.projects[0], "--cluster", plane.cluster]
            words = [*arguments, *place, "--out", str(tmp_path / "out")]
            code, said = here(words, environment(tmp_path, plane), tmp_path)
        return code, said, verdict(tmp_path / "out")

    return runs


def check(code: int, said: str, found: dict[str, Any], words: str, folder: Path) -> None:
    """One cause, on the terminal and in every report; what did not run is listed with it; nobody is accused."""
    assert (code, found["verdict"]) == (3, "inconclusive"), said
    assert "Traceback" not in said
    (problem,) = found["problems"]
    assert words in problem
    assert [finding for finding in found["findings"] if finding["class"] == "violation"] == []
    assert problem in said
    assert any(entry["why"] == problem for entry in found["not_tested"])
    for name in ("summary.md", "report.html"):
        assert words.split(":")[0] in (folder / "out" / name).read_text()


def test_a_role_that_is_taken_away(tmp_path: Path, run: Run) -> None:
    def no_more(seen: Seen, created: int) -> Reply | None:
        if created > 12 and seen.method == "POST" and seen.path == COLLECTION:
            return error(403, "You do not have sufficient permissions.")
        return None

    code, said, found = run(no_more, "gate", "--only", "lifecycle", "--only", "load")
    check(code, said, found, "every creation is refused, a plain one too, with 403: You do not", tmp_path)
    assert {"what": "load", "why": found["problems"][0]} in found["not_tested"]


def test_a_status_that_answers_everything(tmp_path: Path, run: Run) -> None:
    def down(_: Seen, created: int) -> Reply | None:
        return Reply(500, {"code": 500, "message": "database is gone"}) if created > 12 else None

    # The clean-up asks for so long whether what it deletes is gone.
    code, said, found = run(down, "gate", "--only", "lifecycle", "--delete-deadline", "2")
    check(code, said, found, "every request is answered with 500: database is gone", tmp_path)


def test_a_status_that_answers_everything_under_load(tmp_path: Path, run: Run) -> None:
    """Its workloads stay and take every slot, so no creation is sent any more: no limit of the run is to blame."""

    def down(_: Seen, created: int) -> Reply | None:
        return Reply(500, {"code": 500, "message": "database is gone"}) if created > 12 else None

    (tmp_path / "assay.toml").write_text("delete_deadline = 2\n")  # for a minute, else
    code, said, found = run(down, "benchmark", "--profile", "smoke", "--max-live", "10")
    check(code, said, found, "every request was answered 500", tmp_path)


def test_a_token_service_that_knows_nobody_any_more(tmp_path: Path, run: Run) -> None:
    """Every old token is refused, and so is the secret: no test begins after that, and no request leaves."""
    since: list[int] = []

    def restarted(_: Seen, created: int) -> Reply | None:
        if created <= 12:
            return None
        since.append(1)
        return error(401, "client refused")

    code, said, found = run(restarted, "gate", "--only", "lifecycle", "--only", "rules/compute")
    check(code, said, found, "has refused the credentials with 401, which it took before: client refused", tmp_path)
    assert len(since) < 100, "what was in flight, and the clean-up"


def test_creations_that_are_refused_under_load(tmp_path: Path, run: Run) -> None:
    def full(seen: Seen, created: int) -> Reply | None:
        if created > 15 and seen.method == "POST" and seen.path == COLLECTION:
            return error(400, f"quota exceeded: {created} of 15 used")
        return None

    code, said, found = run(full, "benchmark", "--profile", "smoke")
    check(code, said, found, "every creation is refused with 400: quota exceeded", tmp_path)
