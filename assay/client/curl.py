"""A curl line that repeats a request as pasted into a POSIX shell, with the token taken from the environment."""

from __future__ import annotations

import base64
import gzip
import re
import shlex
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from assay.client.wire import Wire

# Longest body that stands readable in the line. Larger or binary ones go through gzip and base64, which keeps a
# megabyte of one letter at some 1,400 characters and clear of the 128 KiB that Linux grants one argument.
_READABLE: Final = 8_000

BEARER: Final = {"main": "Bearer $ASSAY_TOKEN", "outsider": "Bearer $ASSAY_OUTSIDER_TOKEN"}

Named = Mapping[str, str]
"""Texts that stand in shell variables: {text: name of the variable}."""

NOTHING_NAMED: Final[Named] = MappingProxyType({})


def curl_line(
    base_url: str,
    wire: Wire,
    authorization: str | None,
    *,
    insecure: bool = False,
    named: Named = NOTHING_NAMED,
) -> str:
    """Build the line. ``authorization`` is a shell word for inside double quotes (may hold ``$ASSAY_TOKEN``).

    Where a text of ``named`` occurs in the URL, a header or a readable body, its variable stands instead.
    """
    words = ["curl", "-sS", "-i", "--globoff", "--path-as-is"]
    if insecure:
        words.append("--insecure")
    words += ["-X", wire.method]
    if authorization is not None:
        words += ["-H", f'"Authorization: {authorization}"']
    for name, value in wire.headers:
        # curl drops a header without a value unless it ends in a semicolon
        words += ["-H", _word(f"{name}: {value}" if value else f"{name};", named)]
    feed = ""
    if wire.content is not None:
        feed, body = _body(wire.content, named)
        words += ["--data-binary", body]
        if not any(name.lower() == "content-type" for name, _ in wire.headers):
            words += ["-H", "'Content-Type:'"]  # or curl would add its own
    words.append(_word(base_url + wire.target, named))
    return feed + " ".join(words)


def in_double_quotes(value: str) -> str:
    """Escape a literal for use inside double quotes of a POSIX shell."""
    return "".join("\\" + letter if letter in '\\"$`' else letter for letter in value)


def _word(text: str, named: Named) -> str:
    """The text as one word of a shell, with variables where it holds what is named."""
    if not named:
        return shlex.quote(text)
    pieces = re.split("(" + "|".join(re.escape(known) for known in named) + ")", text)
    return "".join(f'"${named[piece]}"' if piece in named else shlex.quote(piece) for piece in pieces if piece)


def _body(content: bytes, named: Named) -> tuple[str, str]:
    """What must be piped into curl (or nothing), and the argument of --data-binary."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    # An @ in front would make curl read a file.
    if len(content) <= _READABLE and "\x00" not in text and not text.startswith("@") and (text or not content):
        return "", _word(text, named) if text else "''"
    packed = base64.b64encode(gzip.compress(content, mtime=0)).decode()
    return f"printf %s {packed} | base64 -d | gunzip | ", "@-"
