"""What stands between a client and an API and answers in its place: pages, blocks, limits, broken connections.

All are behaviours of a ``Relay``. Shares are counted, not drawn: ``every(100, ...)`` is one request in a hundred.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.first_contact.relay import Behaviour, Onward
from tests.first_contact.wire import NOTHING, RESET, Call, Reply, joined, page

NGINX_502 = page(
    502,
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>nginx/1.25.3</center>\r\n</body>\r\n</html>\r\n",
    ("Server", "nginx/1.25.3"),
)
NGINX_413 = page(413, "<html><head><title>413 Request Entity Too Large</title></head></html>", ("Server", "nginx"))
NGINX_414 = page(414, "<html><head><title>414 Request-URI Too Large</title></head></html>", ("Server", "nginx"))
ENVOY_431 = Reply(431, (("server", "envoy"),), then="close")
ENVOY_503 = page(
    503,
    "upstream connect error or disconnect/reset before headers. reset reason: connection failure",
    ("server", "envoy"),
    kind="text/plain",
)
ISTIO_403 = page(403, "RBAC: access denied", ("server", "istio-envoy"), kind="text/plain")
ISTIO_401 = page(
    401,
    "Jwt is missing",
    ("server", "istio-envoy"),
    ("www-authenticate", 'Bearer realm="https://runai.example.com/"'),
    kind="text/plain",
)
CLOUDFLARE_520 = page(
    520,
    "<!DOCTYPE html><html><head><title>runai.example.com | 520: Web server is returning an unknown error</title>"
    "</head></html>",
    ("Server", "cloudflare"),
    ("CF-RAY", "8c1f2b7e52d44a53-FRA"),
)
CLOUDFLARE_CHALLENGE = page(
    403,
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>",
    ("Server", "cloudflare"),
    ("CF-RAY", "8c1f2b7e52d44a53-FRA"),
    ("cf-mitigated", "challenge"),
)
SSO_LOGIN = page(200, "<!DOCTYPE html><html><head><title>Sign in to Example Corp</title></head></html>")
SSO_REDIRECT = Reply(302, (("Location", "https://login.example.com/authorize?client_id=gateway"),))
WAF_BLOCK = page(
    403,
    "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Please consult with "
    "your administrator. Your support ID is: 4182345890</body></html>",
)
WELCOME = page(200, "<!DOCTYPE html><html><head><title>Welcome to nginx!</title></head></html>")
MAINTENANCE = page(503, "<html><head><title>Down for maintenance</title></head></html>", ("Retry-After", "1"))
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Question = Callable[[Call], bool]
Change = Callable[[Reply], Reply]


def any_call(call: Call) -> bool:
    return True


def on(method: str, ending: str = "", within: str = "/inferences") -> Question:
    """Requests of one method whose path holds ``within`` and ends as said: one operation."""
    return lambda call: call.method == method and within in call.path and call.path.endswith(ending)


def reading(call: Call) -> bool:
    """Reads of one workload: one operation, without its metrics and pods."""
    return on("GET")(call) and call.path.count("/") == 5


def measuring(call: Call) -> bool:
    """Requests for the metrics of one workload, without those of its pods."""
    return on("GET", "/metrics")(call) and call.path.count("/") == 6


def measuring_pods(call: Call) -> bool:
    """Requests for the metrics of one pod."""
    return on("GET", "/metrics")(call) and call.path.count("/") == 8


def api_alone(call: Call) -> bool:
    """All but requests for tokens."""
    return "token" not in call.path


def instead(reply: Reply, when: Question = any_call) -> Behaviour:
    """Answer by itself; what is asked never arrives."""

    async def behave(call: Call, onward: Onward) -> Reply:
        return reply if when(call) else await onward(call)

    return behave


def changed(change: Change, when: Question = any_call) -> Behaviour:
    """Let it through, and change the answer: what a creation creates is there."""

    async def behave(call: Call, onward: Onward) -> Reply:
        reply = await onward(call)
        return change(reply) if when(call) else reply

    return behave


def to(reply: Reply) -> Change:
    """Replaces every answer by one, and keeps nothing of it."""
    return lambda _: reply


def every(nth: int, of: Question = any_call, *, first: int | None = None) -> Question:
    """True for one in ``nth`` of the requests that ``of`` says, from ``first`` (default: the nth) on."""
    seen = [nth - (first or nth)]

    def asked(call: Call) -> bool:
        seen[0] += of(call)
        return of(call) and seen[0] % nth == 0

    return asked


def sometimes(share: float, of: Question = any_call) -> Question:
    """True for a share of the requests, drawn from a fixed seed: now and then for two in a row."""
    random = Random(11)
    return lambda call: of(call) and random.random() < share


def after(number: int, of: Question = any_call) -> Question:
    """True for all but the first ``number`` of the requests that ``of`` says."""
    seen = [0]

    def asked(call: Call) -> bool:
        seen[0] += of(call)
        return of(call) and seen[0] > number

    return asked


def longer_than(*, body: int | None = None, target: int | None = None, head: int | None = None) -> Question:
    """Requests beyond a gateway's limits, in bytes."""

    def asked(call: Call) -> bool:
        measured = ((body, len(call.body)), (target, len(call.target)), (head, len(call.head)))
        return any(limit is not None and size > limit for limit, size in measured)

    return asked


_HOSTILE = (b"<script", b"../", b"' OR ", b"${", b"\\u0000", b"\x00", b"%00", b"%2e%2e", b"[[[[[")


def looks_hostile(call: Call) -> bool:
    """What a firewall for web applications takes for an attack."""
    return any(sign in call.body or sign in call.target.encode("latin-1") for sign in _HOSTILE)


def bare_token(call: Call) -> bool:
    """A mesh looks at tokens before the API does: none, or one that is no JWT."""
    scheme, _, token = call.field("authorization").partition(" ")
    return api_alone(call) and (scheme.lower() != "bearer" or token.count(".") != 2)


def reset(when: Question) -> Behaviour:
    """The connection is reset before anything is answered; what was asked never arrives."""
    return instead(RESET, when)


def reset_after(when: Question) -> Behaviour:
    """The connection is reset in place of an answer, though what was asked is done."""
    return changed(to(RESET), when)


def hung_up(when: Question) -> Behaviour:
    """The connection is closed in place of an answer, though what was asked is done."""
    return changed(to(NOTHING), when)


def truncated(when: Question) -> Behaviour:
    """The last bytes of an answer never come."""
    return changed(lambda reply: replace(reply, cut=min(5, len(reply.body)), then="close"), when)


def unsolicited(when: Question) -> Behaviour:
    """An answer is followed by one that nobody asked for, as a balancer ends an idle connection."""
    return changed(lambda reply: replace(reply, extra=TIMED_OUT, then="close"), when)


def compressed(reply: Reply) -> Reply:
    """gzip, asked for or not."""
    return replace(reply, body=gzip.compress(reply.body), fields=joined(reply.fields, Content_Encoding="gzip"))


def marked(reply: Reply) -> Reply:
    """A byte order mark before the answer."""
    return replace(reply, body=b"\xef\xbb\xbf" + reply.body if reply.body else b"")


def says(status: int, message: str) -> Reply:
    """An error as the API words it."""
    return Reply(
        status, (("Content-Type", "application/json"),), json.dumps({"code": status, "message": message}).encode()
    )


def below(prefix: str) -> Behaviour:
    """Publishes the API below a path, and nothing elsewhere."""

    async def behave(call: Call, onward: Onward) -> Reply:
        if not call.target.startswith(prefix + "/"):
            return page(404, "<html><title>404 Not Found</title></html>", ("Server", "nginx"))
        return await onward(call.to(call.target.removeprefix(prefix)))

    return behave


def moved(base: str, status: int = 308) -> Behaviour:
    """Redirects everything to the same path elsewhere."""

    async def behave(call: Call, onward: Onward) -> Reply:
        return Reply(status, (("Location", base + call.target),))

    return behave


def wants_field(name: str, value: str) -> Behaviour:
    """An access proxy: without its own header field nobody gets through, and the API never sees the field."""

    async def behave(call: Call, onward: Onward) -> Reply:
        return await onward(call.with_field(name, None)) if call.field(name) == value else SSO_REDIRECT

    return behave
