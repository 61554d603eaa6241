"""Transports that tests open; the fixture ``close_transports`` (conftest) closes them after each test."""

from __future__ import annotations

from assay.client.network import TransportConfig
from assay.client.transport import HttpTransport

OPENED: list[HttpTransport] = []


def transport(base_url: str) -> HttpTransport:
    """A transport to a server of this test, the last one of ``OPENED``."""
    OPENED.append(HttpTransport(TransportConfig(base_url, timeout=2)))
    return OPENED[-1]
