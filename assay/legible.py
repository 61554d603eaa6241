"""Makes words that came from somebody else fit to be shown: no terminal obeys them, and nobody misreads them."""

from __future__ import annotations

import html
import os
import re
from typing import Final

_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters: no XML, and terminals obey them
    "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"  # invisible ones, and those that reverse what is read
    "\ud800-\udfff\ufffe\uffff]"  # no characters at all
)
_NO_TEXT: Final = 0.1
"""The share of characters that cannot be shown, from which on words are taken for no text at all."""

_PAGE: Final = re.compile(
    r"\s*(?:<!--.*?-->\s*|<\?xml[^>]*>\s*)*<(?:!doctype html|html|head|body|title|center|h[1-3])\b",
    re.IGNORECASE | re.DOTALL,
)
_TITLES: Final = tuple(
    re.compile(rf"<{name}\b[^>]*>(.*?)</{name}>", re.IGNORECASE | re.DOTALL) for name in ("title", "h1", "h2")
)
_NO_WORDS: Final = re.compile(r"<(script|style|head)\b.*?</\1>|<!--.*?-->|<[^>]*>", re.IGNORECASE | re.DOTALL)
_LOOKED_AT: Final = 20_000
"""Characters of a page in which its words are looked for."""


def is_page(text: str) -> bool:
    """Whether it is a page of HTML, by how it begins."""
    return _PAGE.match(text[:_LOOKED_AT]) is not None


def without_markup(text: str) -> str:
    """The title of an HTML page, else the words on it; what is no page stays as it is."""
    if not is_page(text):
        return text
    page = text[:_LOOKED_AT]
    titles = (match[1] for pattern in _TITLES if (match := pattern.search(page)))
    words = next((title for title in titles if title.strip()), page)
    return " ".join(html.unescape(_NO_WORDS.sub(" ", words)).split())


def visible(text: str) -> str:
    """The text with control, invisible and reversing characters spelled out, as ``\\x00`` or ``\\u202e``."""
    return _HIDDEN.sub(_spelled, text.replace("\r\n", "\n").replace("\r", "\\r"))


def one_line(text: str) -> str:
    """The visible text with every run of white space as one blank."""
    return " ".join(visible(text).split())


def quoted(text: str, most: int = 200) -> str:
    """Words of an answer for a message: one line of at most ``most`` characters, of a page its title.

    Of what is no text, how much it is.
    """
    text = without_markup(text)
    odd = len(_HIDDEN.findall(text)) + text.count("\ufffd")
    if odd > max(1.0, _NO_TEXT * len(text)):
        return f"({len(text)} characters that are no text)"
    shown = one_line(text)
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def _spelled(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


def undecodable(text: str) -> str | None:
    """What to do about an argument or a variable that is no text in this locale; None: it is text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            os.fsencode(text).decode("utf-8")
        except UnicodeDecodeError:
            return "write it in UTF-8"
        return "it is UTF-8, which this locale does not have: set LC_ALL=C.UTF-8"
    return None
