"""Whether the target still takes a token: asked before a 401 is anybody's fault."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Final

from assay.client.exchange import Answer
from assay.clock import Clock

_NEVER: Final = (-math.inf, None)


class Standing:
    """Asks ``ask`` whether everything is refused with a token (its 401, or None); for several threads at once.

    Threads that meet a 401 at the same moment wait for one answer.
    """

    def __init__(self, ask: Callable[[str], Answer | None], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[str, tuple[float, Answer | None]] = {}  # by token: when it was asked, and what came of it

    def refusal(self, token: str, every: float = 0.0) -> Answer | None:
        """The 401 to everything that ``token`` asks for, or None: the target takes it.

        What was found at most ``every`` seconds ago, or since this was called, still counts.
        """
        came = self._clock.monotonic()
        with self._lock:
            asked, found = self._found.get(token, _NEVER)
            if found is None and asked <= came - every:
                asked = self._clock.monotonic()
                found = self._ask(token)
                self._found[token] = asked, found
            return found
