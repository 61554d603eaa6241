"""A curl line that repeats a request as pasted into a POSIX shell, with the token taken from the environment."""

from __future__ import annotations

import base64
import gzip
import shlex
from typing import Final

from assay.target.wire import Wire

# Longest body that stands readable in the line. Larger or binary ones go through gzip and base64, which keeps a
# megabyte of one letter at some 1,400 characters and clear of the 128 KiB that Linux grants one argument.
_READABLE: Final = 8_000

BEARER: Final = {"main": "Bearer $ASSAY_TOKEN", "outsider": "Bearer $ASSAY_OUTSIDER_TOKEN"}


def curl_line(base_url: str, wire: Wire, authorization: str | None, *, insecure: bool = False) -> str:
    """Build the line. ``authorization`` is a shell word for inside double quotes (may hold ``$ASSAY_TOKEN``)."""
    words = ["curl", "-sS", "-i", "--globoff", "--path-as-is"]
    if insecure:
        words.append("--insecure")
    words += ["-X", wire.method]
    if authorization is not None:
        words += ["-H", f'"Authorization: {authorization}"']
    for name, value in wire.headers:
        # curl drops a header without a value unless it ends in a semicolon
        words += ["-H", shlex.quote(f"{name}: {value}" if value else f"{name};")]
    feed = ""
    if wire.content is not None:
        feed, body = _body(wire.content)
        words += ["--data-binary", body]
        if not any(name.lower() == "content-type" for name, _ in wire.headers):
            words += ["-H", "'Content-Type:'"]  # or curl would add its own
    words.append(shlex.quote(base_url + wire.target))
    return feed + " ".join(words)


def in_double_quotes(value: str) -> str:
    """Escape a literal for use inside double quotes of a POSIX shell."""
    return "".join("\\" + letter if letter in '\\"$`' else letter for letter in value)


def _body(content: bytes) -> tuple[str, str]:
    """What must be piped into curl (or nothing), and the argument of --data-binary."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    # An @ in front would make curl read a file.
    if len(content) <= _READABLE and "\x00" not in text and not text.startswith("@") and (text or not content):
        return "", shlex.quote(text)
    packed = base64.b64encode(gzip.compress(content, mtime=0)).decode()
    return f"printf %s {packed} | base64 -d | gunzip | ", "@-"
