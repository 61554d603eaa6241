"""Under load: what a gateway answers and what breaks is counted by its kind, and forgiven while it is rare."""

from __future__ import annotations

import pytest

from assay.load.client import RawAnswer
from assay.load.dispatch import TargetPulse
from assay.load.slo import judge
from assay.load.way import disturbances, kind_of
from tests.client import pages


def test_an_answer_is_told_by_who_made_it() -> None:
    def raw(page: object) -> RawAnswer:
        return RawAnswer(page.status, dict(page.headers), page.body)  # type: ignore[attr-defined]

    assert kind_of(raw(pages.NGINX_502)) == "502 by nginx"
    assert kind_of(raw(pages.ENVOY_503)) == "503 by envoy"
    assert kind_of(raw(pages.LOGIN)) == "200 by a login page"
    assert kind_of(RawAnswer(500, {"server": "nginx", "content-type": "text/html"}, b"<h1>oops</h1>")) is None
    assert kind_of(RawAnswer(502, {"content-type": "application/json"}, b'{"code":502,"message":"x"}')) is None


@pytest.mark.parametrize(
    ("kinds", "requests", "share", "forgiven"),
    [
        ({"502 by nginx": 9, "500": 4, "body": 1}, 900, 0.05, {"502 by nginx": 9}),
        ({"reset": 2, "closed": 3, "502 by nginx": 1}, 900, 0.05, {"broken connection": 5, "502 by nginx": 1}),
        ({"502 by nginx": 50}, 900, 0.05, {}),  # 5.6 %
        ({"502 by nginx": 3}, 40, 0.05, {"502 by nginx": 3}),  # a few are chance
        ({"502 by nginx": 4}, 40, 0.05, {}),
        ({"502 by nginx": 1}, 900, 0.0, {}),  # limits that forgive nothing
        ({"500": 4, "timeout": 3, "503": 9, "protocol": 2, "content type": 1}, 900, 0.05, {}),
    ],
)
def test_what_is_rare_and_was_lost_on_the_way_is_forgiven(
    kinds: dict[str, int], requests: int, share: float, forgiven: dict[str, int]
) -> None:
    assert disturbances(kinds, requests, share) == forgiven


def test_the_share_that_is_forgiven_is_no_limit_of_its_own() -> None:
    limits = {"error_ratio": 0.01, "disturbed_ratio": 0.05}
    kept = judge(limits, latency_ms={}, requests=100, errors=1, due=100, started=100)
    assert [each.name for each in kept] == ["error_ratio"]


def test_a_gateway_that_answers_everything_loses_the_target() -> None:
    pulse = TargetPulse(silence=5.0, last_answer=100.0)
    for _ in range(30):
        pulse.failed("502 by nginx")
    assert pulse.lost(104.0) is None
    assert pulse.lost(106.0) == "for 6 s every request was answered 502 by nginx, not by the API (30 in a row)"
    pulse.answered(106.0)
    assert pulse.lost(106.0) is None


def test_an_api_that_answers_everything_alike_loses_the_target() -> None:
    pulse = TargetPulse(silence=5.0, last_answer=100.0)
    for _ in range(20):
        pulse.answered(100.0, "500", "read")
        pulse.answered(100.0, "500", "metrics")
    assert pulse.lost(104.0) is None
    assert pulse.lost(106.0) == "for 6 s every request was answered 500 (40 in a row)"
    pulse.answered(106.0, None, "read")
    assert pulse.lost(120.0) is None


@pytest.mark.parametrize(("operations", "status"), [(("read",), "500"), (("read", "metrics"), "503")])
def test_one_operation_that_fails_and_a_target_that_is_overloaded_are_not_lost(
    operations: tuple[str, ...], status: str
) -> None:
    pulse = TargetPulse(silence=5.0, last_answer=100.0)
    for number in range(40):
        pulse.answered(100.0, status, operations[number % len(operations)])
    assert pulse.lost(110.0) is None


def test_a_run_too_short_for_that_is_lost_at_its_end() -> None:
    pulse = TargetPulse()
    for _ in range(3):
        pulse.failed("502 by nginx")
    assert pulse.lost_at_the_end() is None  # a few are chance
    pulse.failed("502 by nginx")
    assert pulse.lost_at_the_end() == "every request was answered 502 by nginx, not by the API"
    pulse.answered(1.0)
    assert pulse.lost_at_the_end() is None
    for _ in range(4):
        pulse.failed("502 by nginx")
    assert pulse.lost_at_the_end() is None  # less than half
    pulse.failed("502 by nginx")
    assert pulse.lost_at_the_end() == "each of the last 5 requests was answered 502 by nginx, not by the API"
    pulse.failed("reset")
    assert pulse.lost_at_the_end() is None


@pytest.mark.parametrize("kind", ["refused", "unreachable", "dns"])
def test_a_target_to_which_nobody_could_connect_at_the_end_is_lost(kind: str) -> None:
    pulse = TargetPulse()
    for _ in range(1000):
        pulse.answered(1.0)
    for _ in range(3):
        pulse.failed(kind)
    assert pulse.lost_at_the_end() is None  # a few are chance
    pulse.failed(kind)
    assert pulse.lost_at_the_end() == f"the last 4 requests met nobody: {kind}"
    pulse.answered(1.0)
    assert pulse.lost_at_the_end() is None  # it was restarted: its errors are its own


def test_a_role_that_was_taken_away_loses_the_target_for_us() -> None:
    pulse = TargetPulse(last_answer=100.0)
    for _ in range(99):
        pulse.answered(101.0, "403")
    pulse.answered(101.0)  # something is still allowed
    assert pulse.lost(101.0) is None
    for _ in range(100):
        pulse.answered(101.0, "403")
    assert pulse.lost(101.0) == "each of the last 100 requests was answered 403"
    for _ in range(200):
        pulse.answered(101.0, "500")  # a failure under load is the target's
    assert pulse.lost(101.0) is None
