"""Tells a proxy's refusals from what the target says, so that nobody blames the target for them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from assay.client.exchange import Answer, NoAnswer
from assay.client.network import TransportConfig
from assay.client.proxies import Proxy
from assay.client.tunnel import refused_to_forward
from assay.errors import ProxyError

_LOGIN: Final = 407
_REFUSALS: Final = frozenset({403, 502, 503, 504})
_NO_HTTP: Final = frozenset({"protocol", "reset"})
_OTHER: Final = (
    "check the URL of the proxy; open any web page in a browser, for the network may want you to log in first"
)


class ProxyGate:
    """What one transport knows of its proxy. ``through`` is said behind what went wrong with a request.

    A proxy that forwards can say anything in the target's place. Until the target has been reached, pages and broken
    answers are taken for the proxy's; afterwards they are the target's own, but for 407, which no target says.
    """

    def __init__(self, config: TransportConfig) -> None:
        self._proxy = config.proxy
        self._forwards = self._proxy is not None and not config.tunnels(self._proxy)
        self._open = False  # the target has been reached through it
        self._host = config.host
        self._what = f"requests to {config.address}"
        self.through = f" (through {self._proxy})" if self._proxy is not None else ""

    def closed(self, error: ProxyError, seconds: float = 0.0) -> NoAnswer:
        """The outcome of a request for which the proxy opened no way.

        A proxy that has reached the target before, and says that it cannot now, may well be right.
        """
        if self._open and error.beyond:
            return NoAnswer("refused", error.message, seconds)
        return NoAnswer("proxy", error.message, seconds, fault=error)

    def judge(self, outcome: Answer | NoAnswer) -> Answer | NoAnswer:
        """The outcome, or the proxy's refusal that it is."""
        if self._proxy is None:
            return outcome
        if self._forwards:
            refusal = self._refusal(self._proxy, outcome)
            if refusal is not None:
                return self.closed(refusal, outcome.seconds)
        self._open = self._open or isinstance(outcome, Answer)
        return outcome

    def _refusal(self, proxy: Proxy, outcome: Answer | NoAnswer) -> ProxyError | None:
        if isinstance(outcome, NoAnswer):
            if self._open or outcome.kind not in _NO_HTTP:
                return None
            said = outcome.detail.removesuffix(self.through)
            return ProxyError(f"{proxy} gives no answer to {self._what}: {said}", hint=_OTHER, again=True)
        status = outcome.status
        if status == _LOGIN or (not self._open and status in _REFUSALS and not outcome.content_type.endswith("json")):
            logins = outcome.headers.get("proxy-authenticate", "")
            return refused_to_forward(proxy, status, HTTPStatus(status).phrase, self._what, logins)
        return None if self._open else self._page(proxy, outcome)

    def _page(self, proxy: Proxy, answer: Answer) -> ProxyError | None:
        """What sends us to another host, or shows a page: the login of a network, as a rule."""
        place = urlsplit(answer.headers.get("location", ""))
        if 300 <= answer.status < 400 and place.hostname not in {None, self._host}:
            where = f"{place.scheme}://{place.netloc.rpartition('@')[2]}{place.path}"
            return ProxyError(f"{proxy} redirects {self._what} to {where} ({answer.status})", hint=_OTHER)
        if 200 <= answer.status < 300 and answer.content_type == "text/html":
            return ProxyError(f"{proxy} answers {self._what} with an HTML page ({answer.status})", hint=_OTHER)
        return None
