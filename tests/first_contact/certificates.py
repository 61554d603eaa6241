"""Certificates of loopback servers: a private authority, what it signs, and those that nobody should accept."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.client.servers import certificate
from tests.first_contact.listening import Addresses, Link

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Certificates:
    """Files below ``folder``, each made when it is first asked for (``openssl`` takes 20 ms)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def authority(self) -> Path:
        """The certificate of the private authority."""
        file, key = self._folder / "authority.pem", self._folder / "authority.key"
        _openssl(
            *("req", "-x509", *_KEY, "-days", "2", "-subj", "/CN=Example Corp CA"),
            *("-addext", "keyUsage=critical,keyCertSign", "-keyout", str(key), "-out", str(file)),
        )
        return file

    @cached_property
    def client(self) -> tuple[Path, Path]:
        """A client's certificate and its key."""
        return self._signed("client", "DNS:client.example.com")

    @property
    def good(self) -> ssl.SSLContext:
        """A server whose certificate the authority signed."""
        return _server(*self.server)

    @property
    def demanding(self) -> ssl.SSLContext:
        """The same, and it wants a certificate of the client too."""
        context = _server(*self.server)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.authority)
        return context

    @property
    def expired(self) -> ssl.SSLContext:
        """One that would be trusted (``expired_file``), had it not ended."""
        return self._expired[0]

    @property
    def expired_file(self) -> Path:
        return self._expired[1]

    @cached_property
    def self_signed(self) -> ssl.SSLContext:
        return certificate(self._subfolder("alone"))[0]

    @cached_property
    def other_host(self) -> ssl.SSLContext:
        """Signed by the authority, for another host."""
        return _server(*self._signed("other", "DNS:other.example.com"))

    @cached_property
    def _expired(self) -> tuple[ssl.SSLContext, Path]:
        return certificate(self._subfolder("expired"), expired=True)

    @cached_property
    def server(self) -> tuple[Path, Path]:
        """The good server's certificate and its key."""
        return self._signed("server", "IP:127.0.0.1,IP:::1,DNS:runai.corp.invalid")

    def _signed(self, name: str, names: str) -> tuple[Path, Path]:
        file, key, request, extra = (self._folder / f"{name}.{end}" for end in ("pem", "key", "csr", "ext"))
        extra.write_text(f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\n")
        _openssl("req", "-new", *_KEY, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request))
        _openssl(
            *("x509", "-req", "-in", str(request), "-days", "2", "-CA", str(self.authority), "-CAcreateserial"),
            *("-CAkey", str(self._folder / "authority.key"), "-extfile", str(extra), "-out", str(file)),
        )
        return file, key

    def _subfolder(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder


@dataclass(frozen=True)
class Demanding:
    """Says why it lets nobody in without a certificate, as servers do and asyncio's own do not."""

    async def talk(self, link: Link, addresses: Addresses) -> None:
        context = _server(Path(addresses["server_cert"]), Path(addresses["server_key"]))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(addresses["authority"])
        heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
        handshake = context.wrap_bio(heard, said, server_side=True)
        while True:
            try:
                handshake.do_handshake()
            except ssl.SSLWantReadError:
                await link.send(said.read())
                heard.write(await link.reader.read(65536))
            except ssl.SSLError:
                await link.send(said.read())
                await link.reader.read()
                return


def _server(file: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return context


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
