"""What httpcore keeps private and we need: whether bytes lie behind an answer that nobody has asked for.

httpcore drops an idle connection whose socket has something to read. But what came in one piece with an answer it has
read already, and would hand out as the answer to the next request. tests/client/test_transport.py would notice a new
httpcore that keeps it elsewhere.
"""

from __future__ import annotations

from typing import Any

import httpcore


def drop_when_spoilt(response: httpcore.Response) -> None:
    """Have the connection of an answer that was read to its end closed if more came behind it."""
    body: Any = response.stream
    state = body._stream._connection._h11_state
    unasked, _ = state.trailing_data
    if unasked:
        # To h11 the connection has failed, so httpcore closes it with the answer. Its socket closed by us would not
        # do: another thread may be given the connection in between, and httpcore passes over a failure to write.
        state.send_failed()
