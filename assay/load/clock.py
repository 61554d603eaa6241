"""The clock of a load process: the machine's time, and waits in which other greenlets run."""

from __future__ import annotations

from typing import Final

import gevent

from assay.clock import Clock, SystemClock


class GeventClock(SystemClock):
    """The machine's time; who sleeps lets other greenlets run."""

    def sleep(self, seconds: float) -> None:
        gevent.sleep(seconds)


GEVENT: Final[Clock] = GeventClock()
