"""What answers in place of the API (a gateway, a login page, a firewall), as a step: whose part it is, what to do."""

from __future__ import annotations

import re
from typing import Final

from assay.client.exchange import Answer
from assay.client.first_words import HTTP2
from assay.client.gateway import SSO, WELCOME, gateway_of
from assay.client.network import TransportConfig
from assay.client.preflight.base_url import HEADERS
from assay.client.preflight.recognise import is_html
from assay.client.preflight.steps import Step, unusable, usage
from assay.legible import quoted, without_markup

HTTP1: Final = "assay speaks HTTP/1.1: give an address of the control plane that speaks it, too"
_CERTIFICATE: Final = re.compile(r"\b(?:ssl|tls|client)[ -]certificate\b", re.IGNORECASE)
_ASKS_FOR_ONE: Final = frozenset({400, 401, 403, 495, 496})
_GIVE_ONE: Final = "give one with --client-cert, and its key with --client-key"
_OTHER_ONE: Final = "ask who runs the control plane which authority must have signed it"
_LET_PASS: Final = f"have it let assay's requests through, or {HEADERS}"
_NOT_FORWARDED: Final = (
    "check the base URL, path prefix included; if it is right, have these requests passed on to the API"
)
_AGAIN: Final = "try again in a few minutes; if it stays, look at the control plane's own health"
_REFUSES: Final = frozenset({401, 403, 406, 451})
_BUSY: Final = 429
_NO_HTTP1: Final = 505
_SAID: Final = 80  # characters of a page that a sentence has room for


def in_place_of_the_api(name: str, answer: Answer, config: TransportConfig) -> Step | None:
    """The failure of the step ``name`` when something else answered in the API's place; None when nothing says so.

    A redirect, a welcome page and a web site are None as well: the base URL is what is wrong with them.
    """
    if answer.status == _NO_HTTP1:
        return unusable(name, f"{config.address} {HTTP2} ({answer.status})", HTTP1)
    if _wants_certificate(answer):
        return _certificate(name, config)
    maker = gateway_of(answer)
    if maker == SSO and not 300 <= answer.status < 400:
        text = (
            f"a login page answers, not the API ({_told(answer)}): an access proxy or single sign-on stands before it"
        )
        return usage(name, text, HEADERS)
    if answer.status < 400 or maker == WELCOME:
        return None
    if maker is None:
        return _refusal(name, "something before the API", answer) if _is_refusing_page(answer) else None
    return _of_gateway(name, maker, answer)


def _of_gateway(name: str, maker: str, answer: Answer) -> Step:
    if answer.status in _REFUSES:
        return _refusal(name, maker, answer)
    by = f"answered by {maker}, not by the API ({_told(answer)})"
    if answer.status == _BUSY:
        return unusable(name, f"{by}: it limits how many requests it takes", f"{_AGAIN}; --max-rps slows a run down")
    if answer.status >= 500:
        return unusable(name, f"{by}: what stands behind it is down, or out of its reach", _AGAIN)
    return unusable(name, f"{by}: it does not pass the request on", _NOT_FORWARDED)


def _refusal(name: str, maker: str, answer: Answer) -> Step:
    text = f"answered by {maker}, not by the API ({_told(answer)}): it does not let the request through"
    return usage(name, text, _LET_PASS)


def _is_refusing_page(answer: Answer) -> bool:
    """Whether a page for people refuses: an API that programs call has none."""
    return answer.status in {401, 403} and is_html(answer)


def _wants_certificate(answer: Answer) -> bool:
    """Servers that ask for a certificate, and take connections without one, say so on a page."""
    return answer.status in _ASKS_FOR_ONE and is_html(answer) and _CERTIFICATE.search(answer.text) is not None


def _certificate(name: str, config: TransportConfig) -> Step:
    if config.client_cert is None:
        return usage(name, f"{config.address} wants a client certificate", _GIVE_ONE)
    return usage(name, f"{config.address} does not accept the client certificate {config.client_cert}", _OTHER_ONE)


def _told(answer: Answer) -> str:
    """ "403", or with what a page says beyond its status: "403: Request Rejected"."""
    title = without_markup(answer.text).strip().removeprefix(str(answer.status))
    words = quoted(title.lstrip(" :-"), _SAID)
    return f"{answer.status}: {words}" if words else str(answer.status)
