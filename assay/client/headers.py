"""Headers that every request carries, for access proxies in front of a target; their values are secrets."""

from __future__ import annotations

import re
from typing import Final

PREFIX: Final = "ASSAY_HEADER_"
"""Begins the variables that give such headers: ``ASSAY_HEADER_CF_ACCESS_CLIENT_ID`` is CF-Access-Client-Id."""

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, 5.6.2
_OURS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)


def header_of(key: str) -> str:
    """The header that a variable gives."""
    return key.removeprefix(PREFIX).replace("_", "-").title()


def variable_of(name: str) -> str:
    """The variable that stands for a header in a shell."""
    return PREFIX + re.sub(r"[^0-9A-Za-z]", "_", name).upper()


def fault_in(name: str, value: str) -> str | None:
    """What is wrong with a header, free of its value; None when it can be sent."""
    if not _TOKEN.fullmatch(name):
        return f"{name!r} is no name of a header: letters, digits and hyphens make one"
    if name.lower() in _OURS:
        return f"assay sets {name} itself"
    if not value:
        return f"{name} has no value"
    if not value.isascii() or not value.isprintable() or value != value.strip():
        return f"the value of {name} holds what a header cannot: line breaks, spaces around it or other than ASCII"
    return None
