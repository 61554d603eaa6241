"""Small servers on free loopback ports: scripted HTTP, raw TCP, TLS with a throwaway certificate."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What to answer; ``hang_up`` closes the connection without an answer."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    hang_up: bool = False

    @property
    def content(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.body is None else json.dumps(self.body).encode()


def error(status: int, message: str = "no", **headers: str) -> Reply:
    """The contract's Error."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"code": status, "message": message}, named)


Script = Callable[[Seen], Reply]


def always(reply: Reply) -> Script:
    """The same answer to everything."""

    def script(seen: Seen) -> Reply:
        return reply

    return script


@dataclass
class Server:
    base_url: str
    seen: list[Seen]

    def count(self, method: str, path: str = "") -> int:
        return sum(1 for seen in self.seen if seen.method == method and seen.path.startswith(path))


@contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve HTTP/1.1 with keep-alive from a script."""
    seen: list[Seen] = []
    server = _Threading(("127.0.0.1", 0), _handler(script, seen))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        scheme = "https" if tls else "http"
        yield Server(f"{scheme}://127.0.0.1:{server.server_port}", seen)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Threading(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is what some tests are about."""


def _handler(script: Script, seen: list[Seen]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout: ClassVar[float] = 10.0

        def answer(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Seen(self.command, self.path, headers, self.rfile.read(length))
            seen.append(request)
            reply = script(request)
            if reply.hang_up:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            named = {name.lower() for name in reply.headers}
            self.send_response_only(reply.status)
            if "content-type" not in named and reply.body is not None:
                self.send_header("Content-Type", "application/json")
            if "date" not in named:
                self.send_header("Date", self.date_time_string())
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = answer  # noqa: N815 - the base class looks these up

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            pass

    return Handler


@contextmanager
def raw_serving(talk: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A TCP server that does ``talk`` with every connection, inside ``tls``; yields ``host:port``."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            if tls is None:
                talk(connection)
                return
            with tls.wrap_socket(connection, server_side=True) as wrapped:
                talk(wrapped)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)


@contextmanager
def proxying(upstream: str, *, tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that connects everything, whatever its name, to ``upstream`` (host:port).

    Yields its own ``host:port`` and the heads of the requests that it was sent; with ``tls`` it is spoken to by TLS.
    """
    heads: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(65536)
        heads.append(head)
        host, _, port = upstream.rpartition(":")
        with socket.create_connection((host, int(port))) as onward:
            if head.startswith(b"CONNECT "):
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                onward.sendall(head)
            back = threading.Thread(target=_pump, args=(onward, connection), daemon=True)
            back.start()
            _pump(connection, onward)
            back.join(5)

    with raw_serving(talk, tls) as address:
        yield address, heads


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            sink.sendall(block)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def free_port() -> int:
    """A port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def certificate(folder: Path, *, host: str = "IP:127.0.0.1", expired: bool = False) -> tuple[ssl.SSLContext, Path]:
    """A server context with a fresh self-signed certificate from ``openssl``, and the certificate's file."""
    key, file = folder / "key.pem", folder / "certificate.pem"
    when = ["-not_before", "20200101000000Z", "-not_after", "20200201000000Z"] if expired else ["-days", "2"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += [
        "-keyout",
        str(key),
        "-out",
        str(file),
        "-subj",
        "/CN=assay test",
        "-addext",
        f"subjectAltName={host}",
    ]
    if expired:
        _sign_expired(folder, key, file, host)
    else:
        subprocess.run([*command, *when], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return context, file


def _sign_expired(folder: Path, key: Path, file: Path, host: str) -> None:
    """``openssl req`` learns dates only in 3.4; ``openssl ca`` has always had them."""
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("01\n")
    config = folder / "ca.cnf"
    config.write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index.txt\nserial={folder}/serial\nnew_certs_dir={folder}\n"
        f"default_md=sha256\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\nsubjectAltName={host}\n"
        "[req]\ndistinguished_name=n\n[n]\n"
    )
    request = folder / "request.pem"
    make = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    make += ["-config", str(config), "-keyout", str(key), "-out", str(request), "-subj", "/CN=assay test"]
    subprocess.run(make, check=True, capture_output=True)
    sign = ["openssl", "ca", "-batch", "-selfsign", "-config", str(config), "-keyfile", str(key), "-in", str(request)]
    sign += ["-out", str(file), "-notext", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"]
    subprocess.run(sign, check=True, capture_output=True)


@contextmanager
def socks_proxying(upstream: str, *, login: str = "", code: int | None = None) -> Iterator[tuple[str, list[str]]]:
    """A SOCKS proxy, version 4, 4a and 5, that connects everything to ``upstream`` (host:port).

    Yields its own ``host:port`` and what it was asked for, ``version user host:port``. ``login`` is
    ``user:password``; ``code`` answers every request with that refusal.
    """
    asked: list[str] = []

    def talk(connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        version = stream.read(1)[0]
        said = _socks5(connection, stream, login) if version == 5 else _socks4(stream)
        if said is None:
            return
        asked.append(f"{version} {said}")
        refusal = bytes([5, code or 0, 0, 1]) if version == 5 else bytes([0, code or 0x5A])
        connection.sendall(refusal + bytes(6))
        if not code:
            host, _, port = upstream.rpartition(":")
            with socket.create_connection((host, int(port))) as onward:
                back = threading.Thread(target=_pump, args=(onward, connection), daemon=True)
                back.start()
                _pump(connection, onward)
                back.join(5)

    with raw_serving(talk) as address:
        yield address, asked


def _socks5(connection: socket.socket, stream: Any, login: str) -> str | None:
    """Who asks for what; None when the client may not."""
    offered = stream.read(stream.read(1)[0])
    method = 2 if login else 0
    if method not in offered:
        connection.sendall(b"\x05\xff")
        return None
    connection.sendall(bytes([5, method]))
    user = b""
    if login:
        stream.read(1)
        user = stream.read(stream.read(1)[0])
        right = user + b":" + stream.read(stream.read(1)[0]) == login.encode()
        connection.sendall(bytes([1, 0 if right else 1]))
        if not right:
            return None
    kind = stream.read(4)[3]
    if kind == 3:
        host = stream.read(stream.read(1)[0]).decode()
    else:
        host = socket.inet_ntop(
            *((socket.AF_INET, stream.read(4)) if kind == 1 else (socket.AF_INET6, stream.read(16)))
        )
    return f"{user.decode()} {host}:{int.from_bytes(stream.read(2), 'big')}"


def _socks4(stream: Any) -> str:
    port, address = int.from_bytes(stream.read(3)[1:], "big"), stream.read(4)
    user, name = (b"".join(iter(lambda: stream.read(1), b"\0")), b"")
    if address[:3] == bytes(3):
        name = b"".join(iter(lambda: stream.read(1), b"\0"))
    return f"{user.decode()} {name.decode() or socket.inet_ntoa(address)}:{port}"
