"""Every way out of a run: what it created is removed, the verdict tells what happened, the exit code says it."""

from __future__ import annotations

import html
import io
import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from assay import folders
from assay.client import cleanup
from assay.client.budget import Budget, LimitReached
from assay.client.handover import from_env, hand_over
from assay.client.layers import load_settings
from assay.client.opening import budget_of, open_session
from assay.client.unfinished import unfinished_runs
from assay.client.usage import read_usage
from assay.contract.request import Request
from assay.errors import BudgetExhausted, InconclusiveError, ReportError, SettingsError, TargetLostError, UsageError
from assay.findings.journal import FileJournal
from assay.run import parts
from assay.run.conduct import conduct
from assay.run.context import RunContext
from assay.run.plan import plan
from tests.client.plane import CLUSTER, PROJECT, SECRET, Plane
from tests.client.servers import Reply, Server, always, serving

REPORTS = {"verdict.json", "report.html", "junit.xml", "allure-results", "summary.md"}

STRANGER = "00000000-1111-4222-8333-444444444444"

Part = Callable[[RunContext], None]


class Stand:
    """A run on a small control plane whose contract part is ours."""

    def __init__(self, server: Server, plane: Plane, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.server, self.plane, self.out = server, plane, folder / "out"
        self.shown = io.StringIO()
        self._patch = patch

    def run(
        self,
        part: Part,
        *,
        secret: str = SECRET,
        base_url: str | None = None,
        only: tuple[str, ...] = ("contract",),
        command: str = "gate",
        **flags: Any,
    ) -> int:
        self._patch.setitem(parts.PARTS, "contract", part)
        flags = {"project": PROJECT, "cluster": CLUSTER, "request_timeout": 3.0, "retry_cap": 0.1, **flags}
        settings = load_settings(
            {"base_url": base_url or self.server.base_url, "out": self.out, "delete_deadline": 3.0, **flags},
            env={"ASSAY_CLIENT_ID": "researcher", "ASSAY_CLIENT_SECRET": secret},
        )
        return conduct(plan(command, only), settings, Console(file=self.shown, width=200))

    @property
    def verdict(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.out / "verdict.json").read_text())
        return found


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    for name in [name for name in os.environ if name.startswith("ASSAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ASSAY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    # The plane of these tests has stored a creation before it loses the answer.
    monkeypatch.setattr(cleanup, "_SETTLE", 0.2)
    plane = Plane()
    with serving(plane) as server:
        made = Stand(server, plane, tmp_path, monkeypatch)
        yield made
    assert list((tmp_path / "temporary").iterdir()) == []  # whatever happened, no working file is left


def create(run: RunContext, count: int = 1) -> None:
    """What a part does, in its own process: create, and break off before it deletes."""
    target = open_session(run.settings, run.contract, run_id=run.space.run_id)
    try:
        for _ in range(count):
            body = {"name": target.name(), "projectId": PROJECT, "clusterId": CLUSTER, "spec": {"image": "i"}}
            target.send(Request("create", body=body))
    finally:
        target.close()


def passed(run: RunContext) -> None:
    run.journal.write("planned", total=1, tests=["area/test"])
    run.journal.write(
        "exchange", operation="get_inference", status=200, ms=1.0, expected="accept", rules=[], keywords=[]
    )
    run.journal.write("test", id="area/test", outcome="passed", seconds=0.1)


def test_pass(stand: Stand) -> None:
    def part(run: RunContext) -> None:
        create(run, 2)
        passed(run)

    assert stand.run(part) == 0
    assert {entry.name for entry in stand.out.iterdir()} == REPORTS
    assert stand.verdict["verdict"] == "pass"
    resources = stand.verdict["resources"]
    assert (resources["created"], resources["deleted"], resources["left_behind"]) == (
        3,
        3,
        [],
    )  # with the plain workload of the preflight
    assert stand.plane.workloads == {}
    assert unfinished_runs() == []


def test_the_parts_share_the_limits_of_the_run(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(run: RunContext, part: str) -> Budget:
        folder = run.space.work / "usage" / part
        env = hand_over(run.settings, run.space.work, used=run.used_so_far(), usage_folder=folder)
        return budget_of(from_env({**os.environ, **env}))

    def contract(run: RunContext) -> None:
        budget = counted(run, "contract")
        for _ in range(7):
            budget.request()
        budget.take(3)
        run.used = run.used.then(read_usage(run.space.work / "usage" / "contract"))
        passed(run)

    def load(run: RunContext) -> None:
        budget = counted(run, "load")
        assert budget.limits.creates == 2
        assert budget.requests_left == 20 - run.used.requests
        budget.take(2)
        with pytest.raises(LimitReached, match="has used up its 6 creations"):
            budget.take()
        run.used = run.used.then(read_usage(run.space.work / "usage" / "load"))

    monkeypatch.setitem(parts.PARTS, "load", load)
    stand.run(contract, only=(), max_requests=20, max_creates=6)
    limits = {limit["name"]: limit for limit in stand.verdict["resources"]["limits"]}
    assert (limits["max_creates"]["allowed"], limits["max_creates"]["used"]) == (6, 6)
    assert limits["max_requests"]["allowed"] == 20
    assert 8 <= limits["max_requests"]["used"] <= 20  # with the questions whether this is the API at all
    assert (limits["max_live"]["allowed"], limits["max_live"]["used"]) == (10, 3)
    assert limits["max_seconds"]["allowed"] is None
    assert limits["max_seconds"]["used"] > 0
    assert "limits   live 3 of 10, creates 6 of 6, requests" in stand.shown.getvalue()


def test_foreign_workloads_survive(stand: Stand) -> None:
    stand.plane.store({"name": "somebody-elses", "projectId": PROJECT})
    assert stand.run(create) == 3  # a part that runs no test decides nothing
    assert [workload["name"] for workload in stand.plane.workloads.values()] == ["somebody-elses"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt(stand: Stand, number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def part(run: RunContext) -> None:
        create(run, 2)
        os.kill(os.getpid(), number)
        assert run.interrupted

    assert stand.run(part) == 130
    assert stand.plane.workloads == {}
    assert {entry.name for entry in stand.out.iterdir()} == REPORTS
    assert stand.verdict["verdict"] == "inconclusive"
    assert f"interrupted by {number.name}" in stand.verdict["problems"]
    assert "interrupted: removing what this run created" in stand.shown.getvalue()
    assert signal.getsignal(number) is before


def test_a_second_interrupt_does_not_stop_the_clean_up(stand: Stand) -> None:
    def part(run: RunContext) -> None:
        create(run, 3)
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)

    assert stand.run(part) == 130
    assert stand.plane.workloads == {}
    assert stand.shown.getvalue().count("interrupted:") == 1


def test_parts_after_an_interrupt_are_listed_as_not_tested(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[RunContext] = []

    def interrupted(run: RunContext) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setitem(parts.PARTS, "contract", interrupted)
    monkeypatch.setitem(parts.PARTS, "load", ran.append)
    settings = load_settings(
        {"base_url": stand.server.base_url, "project": PROJECT, "cluster": CLUSTER, "out": stand.out},
        env={"ASSAY_CLIENT_ID": "researcher", "ASSAY_CLIENT_SECRET": SECRET},
    )
    assert conduct(plan("gate", ()), settings, Console(quiet=True)) == 130
    assert ran == []
    assert {"what": "load", "why": "the run was interrupted"} in stand.verdict["not_tested"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TargetLostError("the target is gone", hint="look after it"), "the target is gone (look after it)"),
        (BudgetExhausted("all requests are spent"), "all requests are spent"),
    ],
)
def test_a_run_that_cannot_decide(stand: Stand, error: Exception, words: str) -> None:
    def part(run: RunContext) -> None:
        create(run)
        raise error

    assert stand.run(part) == 3
    assert stand.plane.workloads == {}
    assert words in stand.verdict["problems"]
    assert stand.verdict["verdict"] == "inconclusive"


def failing(error: Exception) -> Callable[[RunContext], None]:
    def part(run: RunContext) -> None:
        create(run)
        raise error

    return part


def test_an_error_that_leaves_no_report_still_cleans_up(stand: Stand) -> None:
    with pytest.raises(SettingsError, match="wrong"):
        stand.run(failing(SettingsError("wrong")))
    assert stand.plane.workloads == {}
    assert not stand.out.exists()


def test_a_fault_of_ours_loses_nothing_that_was_measured(stand: Stand) -> None:
    with pytest.raises(RuntimeError, match="a fault of ours"):
        stand.run(failing(RuntimeError("a fault of ours")))
    assert stand.plane.workloads == {}
    assert stand.verdict["verdict"] == "inconclusive"
    assert "assay itself broke: RuntimeError: a fault of ours" in stand.verdict["problems"]


def full_disk(*_: object, **__: object) -> None:
    raise ReportError("no space left on device")


def test_a_full_disk_under_the_journal_loses_no_report(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def part(run: RunContext) -> None:
        create(run)
        monkeypatch.setattr(FileJournal, "write", full_disk)
        raise InconclusiveError("the journal cannot be written")

    assert stand.run(part) == 3
    assert stand.plane.workloads == {}
    assert stand.verdict["verdict"] == "inconclusive"
    assert any("no space left on device" in problem for problem in stand.verdict["problems"])


def test_a_full_disk_under_the_reports_sends_them_elsewhere(
    stand: Stand,
) -> None:
    def part(run: RunContext) -> None:
        passed(run)
        shutil.rmtree(run.space.out)
        run.space.out.write_text("in the way")

    assert stand.run(part) == 3
    (kept,) = re.findall(r"the reports are in (\S+) instead", stand.shown.getvalue())
    assert json.loads((Path(kept) / "verdict.json").read_text())["verdict"] == "inconclusive"
    assert f"{kept}/report.html\n" in stand.shown.getvalue()
    assert f"{stand.out}/report.html\n" not in stand.shown.getvalue()
    shutil.rmtree(Path(kept).parent)


def test_what_cannot_be_removed_is_told(stand: Stand) -> None:
    def part(run: RunContext) -> None:
        create(run)
        stand.plane.delete_status = 403
        passed(run)

    stand.run(part)
    (left,) = stand.verdict["resources"]["left_behind"]
    assert left["id"] in stand.plane.workloads
    assert left["name"].startswith("assay-")
    assert len(unfinished_runs(stand.server.base_url)) == 1  # for `assay cleanup`


def told(stand: Stand, error: UsageError) -> str:
    """What a run that ends at the preflight says: on the terminal where its reports are, and why in all of them."""
    assert error.exit_code == 2
    assert error.hint
    assert stand.verdict["verdict"] == "inconclusive"
    assert stand.verdict["problems"] == [f"{error.message} ({error.hint})"]
    assert {"what": "contract", "why": error.message} in stand.verdict["not_tested"]
    assert stand.verdict["findings"] == []
    assert {entry.name for entry in stand.out.iterdir()} == REPORTS
    assert error.message in html.unescape((stand.out / "summary.md").read_text())
    assert stand.shown.getvalue().splitlines() == [
        f"target: {stand.server.base_url} (2.22)",
        f"report: {stand.out / 'report.html'}",
    ]
    assert stand.plane.workloads == {}
    return error.message


def test_refused_credentials(stand: Stand) -> None:
    with pytest.raises(UsageError) as caught:
        stand.run(passed, secret="wrong-secret-0815")
    assert "refused the credentials with 400" in told(stand, caught.value)
    assert all("wrong-secret-0815" not in file.read_text() for file in stand.out.glob("*.*"))


def test_a_certification_that_tested_nothing_has_no_digest_to_keep(stand: Stand) -> None:
    with pytest.raises(UsageError):
        stand.run(passed, command="certify", secret="wrong-secret-0815")
    assert "digest" not in stand.shown.getvalue()
    shutil.rmtree(stand.out)
    stand.run(passed, command="certify")
    assert "certificate: keep its digest elsewhere: sha256:" in stand.shown.getvalue()


WRONG_PLACES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "project": ({"project": "999"}, {}, "project 999 may not be used with these credentials (403: You do not"),
    "body first": ({"project": "999"}, {"project_first": False}, "project 999 may not be used"),
    "cluster": ({"cluster": STRANGER}, {}, f"cluster {STRANGER} is not known there (400: cluster {STRANGER}"),
    "unnamed": ({"cluster": STRANGER}, {"terse": True}, "is not known there (400: no such cluster)"),
}


@pytest.mark.parametrize(("flags", "switches", "words"), WRONG_PLACES.values(), ids=WRONG_PLACES)
def test_a_wrong_place_is_told_after_at_most_five_requests(
    stand: Stand, flags: dict[str, Any], switches: dict[str, Any], words: str
) -> None:
    for name, value in switches.items():
        setattr(stand.plane, name, value)
    ran: list[RunContext] = []
    with pytest.raises(UsageError) as caught:
        stand.run(ran.append, **flags)
    assert words in told(stand, caught.value)
    assert ran == []
    assert len(stand.server.seen) <= 5


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, raw=b"<html>Welcome</html>", headers={"Content-Type": "text/html"}),
        Reply(404, {"detail": "Not Found"}),
        Reply(hang_up=True),
    ],
)
def test_what_is_no_api_is_not_tested(stand: Stand, reply: Reply) -> None:
    ran: list[RunContext] = []
    with serving(always(reply)) as other:
        assert stand.run(ran.append, base_url=other.base_url) == 3
    assert ran == []
    assert stand.verdict["problems"]
    assert stand.verdict["verdict"] == "inconclusive"


def test_without_a_single_test_there_is_no_pass(stand: Stand) -> None:
    def idle(run: RunContext) -> None:
        """Does nothing."""

    assert stand.run(idle) == 3
    assert stand.verdict["verdict"] == "inconclusive"


def test_a_part_that_breaks_off_is_no_pass(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real part, with tests that cannot even be collected."""
    broken = stand.out.parent / "contract_tests"
    broken.mkdir()
    (broken / "pytest.ini").write_text("[pytest]\n")
    (broken / "conftest.py").write_text("raise RuntimeError('broken on purpose')\n")
    whole = folders.top
    monkeypatch.setattr("assay.folders.top", lambda name: broken if name == "contract_tests" else whole(name))
    assert stand.run(parts.contract) == 3
    problem = " ".join(stand.verdict["problems"])
    assert "the contract part broke off (exit 4)" in problem
    assert "broken on purpose" in problem
