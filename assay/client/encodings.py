"""Undoes what nobody asked for: compressed answers, though identity was asked, and byte order marks before JSON."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from assay.client.exchange import Answer

MARK: Final = "a byte order mark"
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


class SealedError(ValueError):
    """A body stays as it came: its encoding is unknown here, it is broken, or it unpacks to too much."""


def unwrapped(answer: Answer, most: int) -> Answer:
    """The answer with a body that can be read; ``sealed`` when none of at most ``most`` bytes can be made of it."""
    codings = answer.headers.get("content-encoding", "")
    if not codings and not answer.body.startswith(codecs.BOM_UTF8):
        return answer
    try:
        body, undone = unwrap(answer.body, codings, answer.content_type.endswith("json"), most)
    except SealedError:
        return replace(answer, sealed=codings)
    return replace(answer, body=body, undone=undone)


def unwrap(body: bytes, encodings: str, is_json: bool, most: int) -> tuple[bytes, tuple[str, ...]]:
    """The body without the codings of Content-Encoding and, of JSON, its mark; and what was undone.

    ``most`` bytes may come of it. Raises SealedError.
    """
    named = [name for part in encodings.lower().split(",") if (name := part.strip()) and name != "identity"]
    for name in reversed(named) if body else ():
        undo = _CODINGS.get(name)
        if undo is None:
            raise SealedError(f"nothing here can undo {name}")
        try:
            body = undo(body, most)
        except SealedError:
            raise
        except Exception as error:  # each library has errors of its own
            raise SealedError(f"it is no {name}") from error
    if is_json and body.startswith(codecs.BOM_UTF8):
        return body.removeprefix(codecs.BOM_UTF8), (*named, MARK)
    return body, tuple(named) if body else ()


def _bounded(pieces: Iterable[bytes], most: int) -> bytes:
    whole = bytearray()
    for piece in pieces:
        whole += piece
        if len(whole) > most:
            raise SealedError(f"it unpacks to more than {most} bytes")
    return bytes(whole)


def _inflate(body: bytes, most: int, form: int = _GZIP_OR_ZLIB) -> bytes:
    pieces = []
    while body:  # gzip may have several members
        inflater = zlib.decompressobj(form)
        pieces.append(inflater.decompress(body, most + 1))
        if not inflater.eof and len(pieces[-1]) <= most:
            raise zlib.error("it ends early")
        body = inflater.unused_data if inflater.eof else b""
        _bounded(pieces, most)
    return b"".join(pieces)


def _deflate(body: bytes, most: int) -> bytes:
    try:
        return _inflate(body, most)
    except zlib.error:
        return _inflate(body, most, -zlib.MAX_WBITS)  # without the header that belongs to it, as some servers send it


def _brotli(body: bytes, most: int) -> bytes:
    decompressor: Any = import_module("brotli").Decompressor()

    def pieces() -> Iterable[bytes]:
        given = body
        while not decompressor.is_finished():
            piece = decompressor.process(given, output_buffer_limit=65_536)
            if not piece and not given:
                raise ValueError("it ends early")
            given = b""
            yield piece

    return _bounded(pieces(), most)


def _zstd(body: bytes, most: int) -> bytes:
    decompressor: Any = import_module("compression.zstd").ZstdDecompressor()
    whole: bytes = decompressor.decompress(body, most + 1)
    return _bounded([whole], most)


_CODINGS: Final[Mapping[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _inflate,
    "x-gzip": _inflate,
    "deflate": _deflate,
    **({"br": _brotli} if find_spec("brotli") else {}),
    **({"zstd": _zstd} if find_spec("compression") else {}),  # Python 3.14
}
