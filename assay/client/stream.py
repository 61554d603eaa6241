"""Sockets for httpcore: dialled by us, so that every proxy is one; and they remember how the other side began."""

from __future__ import annotations

import select
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpcore

from assay.client.dial import dial, plainly, secure
from assay.client.network import TransportConfig
from assay.clock import SYSTEM, Clock

_KEPT: Final = 64
"""Bytes of the other side's first words: enough to tell HTTP from what is none."""


class Network(httpcore.NetworkBackend):
    """Connects to one target, whatever host it is asked for."""

    def __init__(self, config: TransportConfig, clock: Clock = SYSTEM) -> None:
        self._config = config
        self._quiet = _Quiet(clock)
        self._proxy = config.proxy
        self._trust = config.proxy_context(self._proxy)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        del host, port, local_address, socket_options  # all of it stands in the configuration
        seconds = timeout or self._config.timeout
        with _mapped(httpcore.ConnectTimeout, httpcore.ConnectError):
            line = dial(self._config, self._proxy, self._trust, seconds, plainly(seconds))
        return SocketStream(line, self._quiet)

    @property
    def quiet(self) -> float:
        """Seconds that nothing had been said on the connection to which this thread has sent a request last."""
        return self._quiet.seconds


class _Quiet(threading.local):
    """What each thread has found of the connection that it was given."""

    def __init__(self, clock: Clock) -> None:
        self.monotonic = clock.monotonic
        self.seconds = 0.0


class SocketStream(httpcore.NetworkStream):
    """``first`` are the first bytes that were read."""

    def __init__(self, line: Any, quiet: _Quiet) -> None:
        self._line = line
        self._quiet = quiet
        self._heard: float | None = None  # when something was heard last, until something is said
        self.first = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _mapped(httpcore.ReadTimeout, httpcore.ReadError):
            self._line.settimeout(timeout)
            data: bytes = self._line.recv(max_bytes)
        self._heard = self._quiet.monotonic()
        if len(self.first) < _KEPT:
            self.first += data[: _KEPT - len(self.first)]
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._heard is not None:
            self._quiet.seconds, self._heard = self._quiet.monotonic() - self._heard, None
        rest = memoryview(buffer)
        with _mapped(httpcore.WriteTimeout, httpcore.WriteError):
            self._line.settimeout(timeout)
            while rest:
                rest = rest[self._line.send(rest) :]

    def close(self) -> None:
        self._line.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        with _mapped(httpcore.ConnectTimeout, httpcore.ConnectError):
            try:
                line = secure(self._line, ssl_context, server_hostname or "", timeout or 0.0)
            except BaseException:
                self.close()
                raise
            return SocketStream(line, self._quiet)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return _is_readable(self._line)
        return self._line if info == "socket" else None


def _is_readable(line: Any) -> bool:
    """True when something came, which on an idle connection can only be its end."""
    number = line.fileno()
    if number < 0:
        return True
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))


@contextmanager
def _mapped(timeout: type[Exception], fault: type[Exception]) -> Iterator[None]:
    """httpcore's exceptions for those of sockets."""
    try:
        yield
    except TimeoutError as error:
        raise timeout(error) from error
    except OSError as error:
        raise fault(error) from error
