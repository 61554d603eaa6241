"""Telling a Run:ai API from everything else that may answer, before a run begins."""

from __future__ import annotations

import pytest

from assay.client.opening import open_session
from assay.client.preflight.diagnose import preflight
from assay.client.preflight.steps import StepState
from assay.client.session import Session
from assay.contract.documents import Contract
from tests.client.conftest import Configure, Open
from tests.client.servers import Reply, Script, Seen, always, free_port, serving


def find_problem(session: Session, *, judged: bool = True) -> str | None:
    """What stands in the way, as far as it is about what answers and not about our place there."""
    for step in preflight(session, judged=judged):
        if step.name == "project":
            return None
        if step.state is StepState.FAIL:
            assert step.code == (2 if step.name == "credentials" else 3)
            return f"{step.name}: {step.text}"
    return None


def test_preflight_passes_a_run_ai_api(reach: Open) -> None:
    assert find_problem(reach()) is None


def test_a_stand_in_that_answers_json_can_be_measured_and_nothing_else(
    configure: Configure, contract: Contract
) -> None:
    with serving(always(Reply(200, {"ok": True}))) as server:
        settings = configure().model_copy(update={"base_url": server.base_url, "token": configure().client_secret})
        target = open_session(settings, contract, run_id="r")
        assert find_problem(target, judged=False) is None
        problem = find_problem(target)
        target.close()
    assert problem is not None
    assert "not as a Run:ai API does" in problem


def framework(seen: Seen) -> Reply:
    """What frameworks answer by themselves: JSON, but none of it the contract's Error."""
    known = "authorization" in seen.headers
    return Reply(404 if known else 401, {"detail": "Not Found" if known else "Not authenticated"})


def plain_text(seen: Seen) -> Reply:
    """Errors in plain text, beside a list of workloads."""
    if seen.path.startswith("/api/v1/workloads?"):
        return Reply(200, {"workloads": []})
    return Reply(404, raw=b"not found", headers={"Content-Type": "text/plain"})


@pytest.mark.parametrize("script", [framework, plain_text])
def test_preflight_passes_an_api_all_of_whose_errors_have_another_shape(
    configure: Configure, contract: Contract, script: Script
) -> None:
    with serving(script) as server:
        settings = configure().model_copy(update={"base_url": server.base_url, "token": configure().client_secret})
        target = open_session(settings, contract, run_id="r")
        problem = find_problem(target)
        target.close()
    assert problem is None


@pytest.mark.parametrize("what", ["html", "500", "hang up", "none"])
def test_preflight_says_what_answers_instead(configure: Configure, contract: Contract, what: str) -> None:
    html = Reply(200, raw=b"<!DOCTYPE html><title>Shop\n page</title>", headers={"Content-Type": "text/html"})
    replies = {"html": html, "500": Reply(500, {"oops": 1}), "hang up": Reply(hang_up=True), "none": html}
    expected = {
        "html": 'it answers 200 with an HTML page titled "Shop page"',
        "500": "it answers 500 to everything",
        "hang up": "no answer came: the connection was closed without an answer",
        "none": "connection: nothing listens at",
    }
    with serving(always(replies[what])) as server:
        url = server.base_url if what != "none" else f"http://127.0.0.1:{free_port()}"
        settings = configure().model_copy(update={"base_url": url, "token": configure().client_secret})
        target = open_session(settings.model_copy(update={"retry_cap": 0.01}), contract, run_id="r")
        problem = find_problem(target)
        target.close()
    assert problem is not None
    assert expected[what] in problem


def test_preflight_tells_that_a_token_is_refused(configure: Configure, contract: Contract) -> None:
    settings = configure().model_copy(update={"token": configure().client_secret})
    target = open_session(settings, contract, run_id="r")
    assert find_problem(target) == "credentials: the target refuses the token (401: Issuer is not familiar.)"
    target.close()
