"""Whether a port can be listened on: told before a run begins, not by a library in the midst of it."""

from __future__ import annotations

import socket

from assay.errors import SettingsError


def refuse_taken(host: str, port: int, flag: str) -> None:
    """SettingsError when ``host``:``port`` cannot be listened on; ``flag`` is how the user chose the port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            None if host == "*" else host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
            probe.bind(address)
    except OSError as error:
        raise SettingsError(
            f"{flag} {port}: nothing can listen at {host}:{port}: {error.strerror or error}",
            hint=f"choose another {flag}, or end the program that has it",
        ) from None
