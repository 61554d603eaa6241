"""What speaks at the other end, told by the first bytes that it said, when those are no HTTP/1.1."""

from __future__ import annotations

from typing import Final

HTTP2: Final = "speaks HTTP/2 alone, and assay HTTP/1.1"
TLS: Final = "speaks TLS, and http:// was asked for"

_BEGINNINGS: Final = (
    (b"SSH-", "is an SSH server"),
    (b"\x15\x03", TLS),
    (b"\x16\x03", TLS),
    (b"220 ", "is a mail or FTP server"),
    (b"220-", "is a mail or FTP server"),
    (b"* OK", "is a mail server (IMAP)"),
    (b"+OK", "is a mail server (POP) or Redis"),
    (b"-ERR", "is Redis or a mail server (POP)"),
    (b"RFB ", "is a VNC server"),
)
_SHOWN: Final = 40


def who_speaks(first: bytes) -> str | None:
    """The end of a sentence that begins with "what answers"; None for HTTP/1 and for silence."""
    if b"HTTP/1.".startswith(first[:7]):
        return None
    if _is_frame(first):
        return HTTP2
    for beginning, words in _BEGINNINGS:
        if first.startswith(beginning):
            return words
    return f"speaks no HTTP: {ascii(first[:_SHOWN].decode('latin-1'))[1:-1]}"


def _is_frame(first: bytes) -> bool:
    """Whether it begins with a frame of HTTP/2 (RFC 9113, 4.1) that servers begin with: SETTINGS or GOAWAY."""
    return len(first) >= 9 and first[3] in {4, 7} and first[5:9] == bytes(4) and first[0] == 0
