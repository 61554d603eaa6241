"""Everything that the project takes from private interfaces of Hypothesis; tests notice when one moves."""

from __future__ import annotations

from zlib import crc32

from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.strategies import SearchStrategy


class SeparateBytes(SearchStrategy[bytes]):
    """Exactly ``size`` uniformly drawn bytes; ``name`` tells the row from all others.

    ``st.binary`` draws the same, but all its rows share one label, and Hypothesis makes up to five of every six
    examples by copying one part of an example over another part with the same label. The rows of two sections have
    nothing to say to each other, so five of six specs were near copies of the one before: 500 draws varied like 85.
    """

    def __init__(self, name: str, size: int) -> None:
        super().__init__()
        self._name = name
        self._size = size

    def __repr__(self) -> str:
        return f"SeparateBytes({self._name!r}, {self._size})"

    def calc_label(self) -> int:
        return crc32(f"assay row {self._name}".encode())

    def do_draw(self, data: ConjectureData) -> bytes:
        return data.draw_bytes(self._size, self._size)
