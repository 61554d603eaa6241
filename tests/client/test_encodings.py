"""Answers in a coding that nobody asked for, with a byte order mark, or that are no HTTP; and how they are quoted."""

from __future__ import annotations

import codecs
import gzip
import socket
import zlib
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec

import pytest

from assay.client.encodings import unwrapped
from assay.client.exchange import NOT_JSON, Answer, NoAnswer
from assay.client.first_words import who_speaks
from assay.client.network import TransportConfig
from assay.client.transport import HttpTransport, Transport
from assay.legible import quoted
from assay.load.client import RawTransport
from tests.client.servers import Reply, always, raw_serving, serving

JSON = b'{"ok": true}'


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def answer(body: bytes, coding: str, kind: str = "application/json") -> Answer:
    return Answer(200, {"Content-Type": kind, "Content-Encoding": coding}, body)


@pytest.mark.parametrize(
    ("body", "coding", "undone"),
    [
        (gzip.compress(JSON, mtime=0), "gzip", ("gzip",)),
        (gzip.compress(JSON[:5], mtime=0) + gzip.compress(JSON[5:], mtime=0), "x-gzip", ("x-gzip",)),
        (zlib.compress(JSON), "deflate", ("deflate",)),
        (raw_deflate(JSON), "Deflate", ("deflate",)),
        (gzip.compress(zlib.compress(JSON), mtime=0), "deflate, gzip", ("deflate", "gzip")),
        (codecs.BOM_UTF8 + JSON, "", ("a byte order mark",)),
        (gzip.compress(codecs.BOM_UTF8 + JSON, mtime=0), "gzip", ("gzip", "a byte order mark")),
        (JSON, "identity", ()),
    ],
)
def test_what_nobody_asked_for_is_undone(body: bytes, coding: str, undone: tuple[str, ...]) -> None:
    plain = unwrapped(answer(body, coding), 100)
    assert (plain.body, plain.undone, plain.sealed) == (JSON, undone, "")


@pytest.mark.skipif(find_spec("brotli") is None, reason="brotli is not installed")
def test_brotli() -> None:
    packed = import_module("brotli").compress(JSON * 20_000)
    assert unwrapped(answer(packed, "br"), 10**6).body == JSON * 20_000
    assert unwrapped(answer(packed, "br"), 10**5).sealed == "br"
    assert unwrapped(answer(packed[:-3], "br"), 10**6).sealed == "br"


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (JSON, "gzip"),
        (gzip.compress(JSON, mtime=0)[:-9], "gzip"),
        (gzip.compress(b"x" * 10**6, mtime=0), "gzip"),
        (gzip.compress(b"x" * 60, mtime=0) * 2, "gzip"),
        (b"\x00\xff", "aes128gcm"),
    ],
)
def test_what_cannot_be_undone_is_named(body: bytes, coding: str) -> None:
    stays = unwrapped(answer(body, coding), 100)
    assert (stays.body, stays.undone, stays.sealed) == (body, (), coding)


def test_a_mark_before_other_text_stays() -> None:
    text = codecs.BOM_UTF8 + b"a,b"
    assert unwrapped(answer(text, "", "text/csv"), 100).body == text


@pytest.mark.parametrize("make", [HttpTransport, RawTransport], ids=["contract", "load"])
def test_both_transports_undo(make: Callable[[TransportConfig], Transport]) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    replies = [Reply(200, raw=gzip.compress(JSON, mtime=0), headers=headers), Reply(200, raw=codecs.BOM_UTF8 + JSON)]
    replies[1] = Reply(200, raw=replies[1].raw, headers={"Content-Type": "application/json"})
    with (
        serving(lambda _: replies.pop(0)) as server,
        closing(make(TransportConfig(server.base_url, timeout=5))) as transport,
    ):
        outcomes = [transport.exchange("GET", b"/") for _ in range(2)]
    assert [outcome.json() if isinstance(outcome, Answer) else outcome for outcome in outcomes] == [{"ok": True}] * 2


def test_an_unknown_coding_is_no_json_and_no_error() -> None:
    reply = Reply(200, raw=b"\x01\x02", headers={"Content-Encoding": "zork"})
    with serving(always(reply)) as server, closing(HttpTransport(TransportConfig(server.base_url))) as transport:
        outcome = transport.exchange("GET", b"/")
    assert isinstance(outcome, Answer)
    assert (outcome.sealed, outcome.json()) == ("zork", NOT_JSON)


SETTINGS = b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"
GOAWAY = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + bytes(8)


@pytest.mark.parametrize(
    ("first", "says"),
    [
        (b"", None),
        (b"HTTP/1.1 200 OK", None),
        (b"HTTP/", None),
        (SETTINGS, "speaks HTTP/2 alone"),
        (GOAWAY, "speaks HTTP/2 alone"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "is an SSH server"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "speaks TLS"),
        (b"220 mail.example.com ESMTP", "is a mail or FTP server"),
        (b"-ERR unknown command", "Redis"),
        (b"\x1b[31mred\x07", r"speaks no HTTP: \x1b[31mred\x07"),
        (b"hello\n", "speaks no HTTP: hello"),
    ],
)
def test_who_speaks(first: bytes, says: str | None) -> None:
    words = who_speaks(first)
    assert words is None if says is None else says in str(words)


@pytest.mark.parametrize("says", [SETTINGS, b"SSH-2.0-OpenSSH_9.6\r\n", b"\x15\x03\x01\x00\x02\x02\x46"])
def test_what_is_no_http_is_told_by_the_transport(says: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(says)

    with raw_serving(talk) as address, closing(HttpTransport(TransportConfig(f"http://{address}"))) as transport:
        outcome = transport.exchange("GET", b"/")
    assert isinstance(outcome, NoAnswer)
    assert (outcome.kind, outcome.detail) == ("protocol", f"what answers {who_speaks(says)}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\tword  s", "plain word s"),
        ("a\x1b[2J\x00b: this is long enough to be text", r"a\x1b[2J\x00b: this is long enough to be text"),
        ("\u202egnp.exe is backwards, as one says", r"\u202egnp.exe is backwards, as one says"),
        ("ä€😀", "ä€😀"),
        ("\x1f\x8b\x08\x00\ufffd\ufffdabc", "(9 characters that are no text)"),
        ("x" * 300, "x" * 197 + "..."),
        ("", ""),
    ],
)
def test_a_terminal_is_shown_nothing_that_it_would_obey(text: str, shown: str) -> None:
    assert quoted(text) == shown
