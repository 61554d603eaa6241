"""Gateways that answer in the API's place, now and then or for good, and an API that is really wrong."""

from __future__ import annotations

from collections.abc import Callable

from tests.first_contact.conftest import Play
from tests.first_contact.environment import Command, End, Environment, passes, relay, remarks, undecided, violates
from tests.first_contact.gateways import (
    CLOUDFLARE_520,
    CLOUDFLARE_CHALLENGE,
    ENVOY_431,
    ENVOY_503,
    ISTIO_401,
    ISTIO_403,
    NGINX_413,
    NGINX_414,
    NGINX_502,
    SSO_LOGIN,
    WAF_BLOCK,
    Question,
    after,
    bare_token,
    changed,
    every,
    hung_up,
    instead,
    longer_than,
    looks_hostile,
    measuring,
    measuring_pods,
    on,
    reading,
    reset,
    reset_after,
    says,
    sometimes,
    to,
    truncated,
    unsolicited,
)
from tests.first_contact.relay import Behaviour
from tests.first_contact.wire import Reply


def behind(
    name: str,
    make: Callable[[], Behaviour],
    end: End | None = None,
    only: str = "lifecycle",
    at_length: str | None = None,
    rate: int | None = None,
) -> Environment:
    """A good API behind a gateway; two seconds of reads may not meet what happens now and then, unless at a rate."""
    front, end = {"front": relay(make)}, end or passes()
    return Environment(
        name,
        end,
        servers=front,
        only=only,
        at_length=at_length,
        load=("--rate", str(rate)) if rate else (),
        benchmark=end if rate else passes(),
    )


BROKEN = "broken connection"
OPERATIONS = {
    "creation": on("POST"),
    "read": reading,
    "update": on("PATCH"),
    "deletion": on("DELETE"),
    "metrics": measuring,
    "pod-metrics": measuring_pods,
}
SERVER_ERROR = says(500, "Internal server error")
BUSY = says(503, "please try again later")
QUOTA = says(403, "quota exceeded in project")


def failing(operation: Question) -> Callable[[], Behaviour]:
    """Each 50th answer of one operation is an error of the API, though what was asked is done."""
    return lambda: changed(to(SERVER_ERROR), every(50, operation, first=10))


def taken_over(name: str, reply: Reply, told: str) -> Environment:
    """A gateway begins to answer everything; a load run looks on for half a minute before it says so."""
    return Environment(
        name,
        undecided(f"every request is answered {told}, not by the API"),
        servers={"front": relay(lambda: instead(reply, after(25)))},
        only="lifecycle",
        load=("--duration", "60s"),
        benchmark=undecided(f"every request was answered {told}, not by the API"),
    )


ROWS = [
    behind(
        "one-percent-502",
        lambda: instead(NGINX_502, every(100)),
        remarks("502 by nginx"),
        at_length="contract",
        rate=60,
    ),
    behind(
        "one-percent-502-though-done",
        lambda: changed(to(NGINX_502), every(100)),
        remarks("502 by nginx"),
        at_length="contract",
        rate=60,
    ),
    behind("one-percent-502-at-random", lambda: instead(NGINX_502, sometimes(0.01))),
    behind("envoy-503-now-and-then", lambda: instead(ENVOY_503, every(50)), remarks("503 by envoy"), rate=30),
    behind(
        "cloudflare-520-now-and-then",
        lambda: instead(CLOUDFLARE_520, every(50)),
        remarks("520 by Cloudflare"),
        rate=30,
    ),
    behind("sign-in-page-now-and-then", lambda: instead(SSO_LOGIN, every(50)), remarks("200 by a login page")),
    behind("each-15th-read-500", lambda: changed(to(SERVER_ERROR), every(15, reading)), violates("answers 500")),
    *(
        behind(
            f"each-50th-{name}-500",
            failing(operation),
            violates("answers 500"),
            only="metrics" if "metrics" in name else "lifecycle",
            at_length="contract",
        )
        for name, operation in OPERATIONS.items()
    ),
    behind(
        "each-9th-creation-503-though-done",
        lambda: changed(to(BUSY), every(9, on("POST"))),
        violates("503 although created"),
    ),
    behind("firewall-for-hostile-bodies", lambda: instead(WAF_BLOCK, looks_hostile), only="robustness/create"),
    behind("mesh-401-without-token", lambda: instead(ISTIO_401, bare_token), only="access"),
    taken_over("mesh-403-after-a-while", ISTIO_403, "403 by envoy"),
    taken_over("challenge-after-a-while", CLOUDFLARE_CHALLENGE, "403 by Cloudflare"),
    taken_over("502-after-a-while", NGINX_502, "502 by nginx"),
    behind("limit-of-bodies", lambda: instead(NGINX_413, longer_than(body=20_000)), only="robustness/create"),
    behind("limit-of-targets", lambda: instead(NGINX_414, longer_than(target=2000)), only="robustness/read"),
    behind("limit-of-heads", lambda: instead(ENVOY_431, longer_than(head=8000)), only="robustness/read"),
    behind("resets", lambda: reset(every(40)), remarks(BROKEN), at_length="contract", rate=30),
    behind("resets-at-random", lambda: reset(sometimes(0.025)), remarks(BROKEN), at_length="contract", rate=60),
    behind("resets-though-done", lambda: reset_after(every(40)), remarks(BROKEN), at_length="contract", rate=30),
    behind("hangs-up-though-done", lambda: hung_up(every(40)), remarks(BROKEN)),
    behind("truncated-answers", lambda: truncated(every(40)), remarks(BROKEN), rate=30),
    behind("unsolicited-bytes", lambda: unsolicited(every(10))),
    Environment(
        "every-creation-refused",
        undecided("every creation is refused, a plain one too, with 403"),
        servers={"front": relay(lambda: instead(QUOTA, after(3, on("POST"))))},
        only="lifecycle",
        benchmark=undecided("could not create the workloads it needs: create_inference1 gave 403"),
    ),
    Environment(
        "502-for-the-last-two-seconds",
        passes(),
        servers={"front": relay(lambda: instead(NGINX_502, after(45)))},
        only="access/read",
        load=("--duration", "3s"),
        benchmark=undecided("was answered 502 by nginx, not by the API"),
    ),
]


def test_gateways(row: Environment, command: Command, run: Play) -> None:
    run(row, command)
