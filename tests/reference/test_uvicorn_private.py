"""The parts of uvicorn and httptools that we build on without a promise: the first test to fail after an upgrade."""

from __future__ import annotations

import inspect

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from assay.reference import uvicorn_private


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_the_protocol_is_where_it_was() -> None:
    """Each method that we call or replace, with the parameters that we give or get."""
    assert parameters(HttpToolsProtocol.data_received) == ["self", "data"]
    assert parameters(HttpToolsProtocol.send_400_response) == ["self", "msg"]
    assert parameters(HttpToolsProtocol._unset_keepalive_if_required) == ["self"]
    source = inspect.getsource(HttpToolsProtocol)
    assert "self.parser = httptools.HttpRequestParser(self)" in source
    assert "self.parser.feed_data(data)" in source
    assert "self.transport: asyncio.Transport" in source
    assert issubclass(httptools.HttpParserUpgrade, Exception)
    assert not issubclass(httptools.HttpParserUpgrade, httptools.HttpParserError)


def test_malformed_bytes_still_come_by_our_way() -> None:
    """uvicorn's own ``data_received`` answers what is not HTTP by ``send_400_response``, and so does ours."""
    assert "self.send_400_response(" in inspect.getsource(HttpToolsProtocol.data_received)
    assert "send_400_response" in vars(uvicorn_private.Protocol)


def test_the_server_is_where_it_was() -> None:
    assert parameters(uvicorn.Server.startup) == ["self", "sockets"]
    assert inspect.iscoroutinefunction(uvicorn.Server.startup)
    assert parameters(uvicorn.Server.capture_signals) == ["self"]
    assert parameters(uvicorn.Server.handle_exit) == ["self", "sig", "frame"]
    source = inspect.getsource(uvicorn.Server)
    assert "with self.capture_signals():" in source
    assert "await self.startup(sockets=sockets)" in source
    assert "self.should_exit" in source
