"""Requests and answers as evidence: plain data and curl lines that work as pasted, with every secret masked."""

from __future__ import annotations

import base64
import gzip
import re
import shlex
import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from assay.client.exchange import Answer, Wire
from assay.client.headers import variable_of

_LONGEST: Final = 4_000  # characters of a body that evidence keeps

# Longest body that stands readable in the line. Larger or binary ones go through gzip and base64, which keeps a
# megabyte of one letter at some 1,400 characters and clear of the 128 KiB that Linux grants one argument.
_READABLE: Final = 8_000

BEARER: Final = {"main": "Bearer $ASSAY_TOKEN", "outsider": "Bearer $ASSAY_OUTSIDER_TOKEN"}

Named = Mapping[str, str]
"""Texts that stand in shell variables: {text: name of the variable}."""

NOTHING_NAMED: Final[Named] = MappingProxyType({})

MASK: Final = "***"

# Header and payload of a JWT are base64url of '{"', which is eyJ; the signature may be missing (alg: none).
_JWT = re.compile(r"eyJ[\w-]{4,}\.[\w-]+\.?[\w-]*")
_SECRET_FIELDS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})

# Shorter values ("x", "1") would blank out half of a text and are no secrets worth the name.
_SHORTEST: Final = 4


class Mask:
    """Knows the secrets of a run and replaces them; any JWT is replaced too, known or not."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._values: tuple[str, ...] = ()
        for value in values:
            self.add(value)

    def __repr__(self) -> str:
        return f"Mask({len(self._values)} secrets)"

    def add(self, value: str) -> None:
        """Mask this value from now on, as it stands."""
        with self._lock:
            if len(value) >= _SHORTEST and value not in self._values:
                self._values = tuple(sorted({*self._values, value}, key=len, reverse=True))

    def text(self, text: str) -> str:
        """The text without secrets."""
        for value in self._values:
            if value in text:
                text = text.replace(value, MASK)
        return _JWT.sub(MASK, text) if "eyJ" in text else text

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers without secrets; of an Authorization field only its scheme is kept."""
        return {name: self._value(name, value) for name, value in headers.items()}

    def _value(self, name: str, value: str) -> str:
        if name.lower() not in _SECRET_FIELDS:
            return self.text(value)
        scheme, space, _ = value.partition(" ")
        return f"{scheme} {MASK}" if space and name.lower() == "authorization" else MASK


class Describer:
    """Describes the exchanges with one target. ``insecure``: its certificate is not checked.

    ``extra`` are the names of the user's own headers, which every request carries; ``way`` are curl's options for
    certificates and proxy.
    """

    def __init__(
        self,
        base_url: str,
        mask: Mask,
        *,
        insecure: bool = False,
        extra: tuple[str, ...] = (),
        way: tuple[str, ...] = (),
    ) -> None:
        self.mask = mask
        self._base_url = base_url
        self._insecure = insecure
        self._extra = extra
        self._way = way

    def curl(self, wire: Wire, auth: str | None, shell: str | None = None, named: Named = NOTHING_NAMED) -> str:
        """The curl line; ``shell`` is the Authorization header as a word for inside double quotes."""
        word = shell
        if word is None and auth is not None:
            word = BEARER.get(auth) or in_double_quotes(self.mask.text(auth))
        line = curl_line(
            self._base_url, wire, word, insecure=self._insecure, named=named, extra=self._extra, way=self._way
        )
        return self.mask.text(line)

    def request(self, wire: Wire, auth: str | None) -> dict[str, Any]:
        """{"method", "url", "headers", "body"}."""
        headers = dict(wire.headers)
        if auth is not None:
            headers["Authorization"] = auth
        masked = self.mask.headers(headers)
        if auth in BEARER:
            masked["Authorization"] = f"Bearer <{auth}>"
        masked |= dict.fromkeys(self._extra, MASK)
        return {
            "method": wire.method,
            "url": self.mask.text(self._base_url + wire.target),
            "headers": masked,
            "body": None if wire.content is None else self._cut(wire.content),
        }

    def answer(self, answer: Answer) -> dict[str, Any]:
        """{"status", "headers", "body"}."""
        headers = self.mask.headers(answer.headers)
        return {"status": answer.status, "headers": headers, "body": self._cut(answer.body)}

    def _cut(self, body: bytes) -> str:
        return self.mask.text(body.decode("utf-8", errors="replace"))[:_LONGEST]


def curl_line(
    base_url: str,
    wire: Wire,
    authorization: str | None,
    *,
    insecure: bool = False,
    named: Named = NOTHING_NAMED,
    extra: Iterable[str] = (),
    way: Iterable[str] = (),
) -> str:
    """Build the line. ``authorization`` is a shell word for inside double quotes (may hold ``$ASSAY_TOKEN``).

    Where a text of ``named`` occurs in the URL, a header or a readable body, its variable stands instead. ``extra``
    are names of headers whose values stand in ``$ASSAY_HEADER_...``, ``way`` options for certificates and proxy.
    """
    words = ["curl", "-sS", "-i", "--globoff", "--path-as-is"]
    if insecure:
        words.append("--insecure")
    words += [*way, "-X", wire.method]
    if authorization is not None:
        words += ["-H", f'"Authorization: {authorization}"']
    for name in extra:
        words += ["-H", f'"{in_double_quotes(name)}: ${variable_of(name)}"']
    for name, value in wire.headers:
        # curl drops a header without a value unless it ends in a semicolon
        words += ["-H", shell_word(f"{name}: {value}" if value else f"{name};", named)]
    feed = ""
    if wire.content is not None:
        feed, body = _feed(wire.content, named)
        words += ["--data-binary", body]
        if not any(name.lower() == "content-type" for name, _ in wire.headers):
            words += ["-H", "'Content-Type:'"]  # or curl would add its own
    words.append(shell_word(base_url + wire.target, named))
    return feed + " ".join(words)


def in_double_quotes(value: str) -> str:
    """Escape a literal for use inside double quotes of a POSIX shell."""
    return "".join("\\" + letter if letter in '\\"$`' else letter for letter in value)


def shell_word(text: str, named: Named) -> str:
    """The text as one word of a shell, with variables where it holds what is named."""
    if not named:
        return shlex.quote(text)
    pieces = re.split("(" + "|".join(re.escape(known) for known in named) + ")", text)
    return "".join(f'"${named[piece]}"' if piece in named else shlex.quote(piece) for piece in pieces if piece)


def _feed(content: bytes, named: Named) -> tuple[str, str]:
    """What must be piped into curl (or nothing), and the argument of --data-binary."""
    text = readable(content)
    # An @ in front would make curl read a file.
    if text is not None and not text.startswith("@"):
        return "", shell_word(text, named) if text else "''"
    return f"{packed(content)} | ", "@-"


def readable(content: bytes) -> str | None:
    """The content as a text that can stand in a script; None when it is binary or long."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if len(content) <= _READABLE and "\x00" not in text else None


def packed(content: bytes) -> str:
    """A shell command that prints the content, byte for byte."""
    return f"printf %s {base64.b64encode(gzip.compress(content, mtime=0)).decode()} | base64 -d | gunzip"
