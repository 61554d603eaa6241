"""Tells a proxy's refusals from what the target says, so that nobody blames the target for them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from assay.client.exchange import Answer, NoAnswer
from assay.client.network import TransportConfig
from assay.client.tunnel import refused_to_forward
from assay.errors import ProxyError

_LOGIN: Final = 407
_REFUSALS: Final = frozenset({403, 502, 503, 504})
"""What a proxy that forwards may say itself. Once the target has answered, such an answer is taken for its own."""


class ProxyGate:
    """What one transport knows of its proxy. ``through`` is said behind what went wrong with a request."""

    def __init__(self, config: TransportConfig) -> None:
        self._proxy = config.proxy
        self._forwards = self._proxy is not None and not config.tunnels(self._proxy)
        self._open = False  # the target has been reached through it
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
        if self._proxy is None or isinstance(outcome, NoAnswer):
            return outcome
        refuses = outcome.status == _LOGIN or (
            not self._open and outcome.status in _REFUSALS and not outcome.content_type.endswith("json")
        )
        if self._forwards and refuses:
            reason = HTTPStatus(outcome.status).phrase
            return self.closed(refused_to_forward(self._proxy, outcome.status, reason, self._what), outcome.seconds)
        self._open = True
        return outcome
