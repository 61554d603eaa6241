"""Keeps secrets out of everything that is written: messages, evidence, curl lines."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from typing import Final

MASK: Final = "***"

# Header and payload of a JWT are base64url of '{"', which is eyJ; the signature may be missing (alg: none).
_JWT = re.compile(r"eyJ[\w-]{4,}\.[\w-]+\.?[\w-]*")
_SECRET_FIELDS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})

# Shorter values ("x", "1") would blank out half of a text and are no secrets worth the name.
_SHORTEST: Final = 4


class Mask:
    """Knows the secrets of a run and replaces them; any JWT is replaced too, known or not."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._values: tuple[str, ...] = ()
        for value in values:
            self.add(value)

    def __repr__(self) -> str:
        return f"Mask({len(self._values)} secrets)"

    def add(self, value: str) -> None:
        """Mask this value from now on, as it stands."""
        with self._lock:
            if len(value) >= _SHORTEST and value not in self._values:
                self._values = tuple(sorted({*self._values, value}, key=len, reverse=True))

    def text(self, text: str) -> str:
        """The text without secrets."""
        for value in self._values:
            if value in text:
                text = text.replace(value, MASK)
        return _JWT.sub(MASK, text) if "eyJ" in text else text

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers without secrets; of an Authorization field only its scheme is kept."""
        return {name: self._value(name, value) for name, value in headers.items()}

    def _value(self, name: str, value: str) -> str:
        if name.lower() not in _SECRET_FIELDS:
            return self.text(value)
        scheme, space, _ = value.partition(" ")
        return f"{scheme} {MASK}" if space and name.lower() == "authorization" else MASK
