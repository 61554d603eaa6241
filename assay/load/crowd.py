"""How crowded it was while a request was under way: the most requests at once between its start and its end."""

from __future__ import annotations

from bisect import bisect_left


class Crowd:
    """Follows the requests of one process. Costs a few comparisons a request, and memory for the requests at once.

    Kept are the starts that no later start has topped, so their sizes fall while their times rise: the first one not
    before a moment is the most since that moment.
    """

    def __init__(self) -> None:
        self._times: list[float] = []
        self._sizes: list[int] = []

    def started(self, now: float, size: int) -> None:
        """A request started at ``now``, the ``size``-th under way."""
        while self._sizes and self._sizes[-1] <= size:
            self._sizes.pop()
            self._times.pop()
        self._times.append(now)
        self._sizes.append(size)

    def most_since(self, moment: float) -> int:
        """The most at once since ``moment``; a request asks with its own start, so there is always one."""
        at = bisect_left(self._times, moment)
        return self._sizes[at] if at < len(self._sizes) else 0
