"""Collects the answers of one connection with geventhttpclient's C parser; keeps only what is looked at."""

from __future__ import annotations

from typing import Final

from geventhttpclient._parser import HTTPResponseParser

_KEPT: Final = frozenset({"content-type", "retry-after"})


class Parser(HTTPResponseParser):
    """One answer after another: ``begin``, then ``feed`` until ``done``.

    ``fields`` holds the headers that are looked at, names in lower case; ``body`` is whole when ``done``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begin()

    def begin(self) -> None:
        """Forget the last answer."""
        self.done = False
        self.fields: dict[str, str] = {}
        self.body = b""
        self._name = ""
        self._value = ""

    def _on_status(self, text: str) -> None: ...

    def _on_message_begin(self) -> None: ...

    def _on_header_field(self, text: str) -> None:
        if self._value:
            self._keep()
        self._name += text

    def _on_header_value(self, text: str) -> None:
        self._value += text

    def _keep(self) -> None:
        name = self._name.lower()
        if name in _KEPT:
            self.fields[name] = self._value
        self._name = self._value = ""

    def _on_headers_complete(self) -> bool:
        self._keep()
        return False

    def _on_body(self, data: bytes) -> None:
        # Most bodies come in one piece, which is then not copied.
        self.body = self.body + data if self.body else bytes(data)

    def _on_message_complete(self) -> None:
        # An interim answer (1xx) is complete too, and the real one follows.
        self.done = self.get_code() >= 200
