"""What httpcore keeps private and we need: whether bytes lie behind an answer that nobody has asked for.

httpcore drops an idle connection whose socket has something to read. But what came in one piece with an answer it has
read already, and would hand out as the answer to the next request. tests/client/test_transport.py would notice a new
httpcore that keeps it elsewhere.
"""

from __future__ import annotations

from typing import Any

import httpcore


def drop_when_spoilt(response: httpcore.Response) -> None:
    """Close the connection of an answer that was read to its end if more came behind it."""
    body: Any = response.stream
    state = body._stream._connection._h11_state
    unasked, _ = state.trailing_data
    if unasked:
        # A closed socket counts as readable, so the pool does not use the connection again.
        response.extensions["network_stream"].close()
