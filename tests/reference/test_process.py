"""The control plane as a process: how it starts, what it says, and that it never outlives its parent."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from assay.contract import documents
from assay.errors import InconclusiveError, UsageError
from assay.reference import embedded
from assay.reference.embedded import Embedded, Options, start
from tests.reference.harness import COLLECTION, NOWHERE

pytestmark = pytest.mark.slow

PARENT = """
import sys, time
from assay.reference.embedded import start
with start() as plane:
    print(plane.pid, flush=True)
    time.sleep(60)
"""


def gone(pid: int, within: float) -> bool:
    """Whether a process ends within so many seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def plane() -> object:
    with start(Options(faults=True)) as running:
        yield running


def token(plane: Embedded, number: int = 0) -> str:
    client = plane.clients[number]
    request = {"grantType": "client_credentials", "clientId": client.client_id, "clientSecret": client.client_secret}
    answer = httpx.post(f"{plane.base_url}/api/v1/token", json=request)
    return str(answer.raise_for_status().json()["accessToken"])


def test_says_who_may_do_what(plane: Embedded) -> None:
    assert plane.alive()
    owner, outsider = plane.clients
    assert plane.projects[0] in owner.projects
    assert plane.projects[0] not in outsider.projects
    assert owner.client_secret not in repr(plane.clients)
    body = {"name": "w", "projectId": plane.projects[0], "clusterId": plane.cluster, "spec": {"image": "x"}}
    where = plane.base_url + COLLECTION
    assert httpx.post(where, json=body, headers={"authorization": f"Bearer {token(plane)}"}).status_code == 202
    assert httpx.post(where, json=body, headers={"authorization": f"Bearer {token(plane, 1)}"}).status_code == 403


@pytest.mark.parametrize(("fault", "status"), [("500", 500), ("503", 503), ("503-after", 503), ("x", 400)])
def test_faults_on_demand(plane: Embedded, fault: str, status: int) -> None:
    name = f"fault-{fault}"
    headers = {"authorization": f"Bearer {token(plane)}", "x-assay-fault": fault}
    body = {"name": name, "projectId": plane.projects[0], "clusterId": plane.cluster, "spec": {"image": "x"}}
    answer = httpx.post(plane.base_url + COLLECTION, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, status)
    listed = httpx.get(
        f"{plane.base_url}/api/v1/workloads",
        params={"filterBy": f"name=={name}"},
        headers={"authorization": headers["authorization"]},
    )
    assert len(listed.json()["workloads"]) == (1 if fault == "503-after" else 0)


def exchange(connection: socket.socket, message: bytes) -> bytes:
    """Send bytes, read one answer by its Content-Length."""
    connection.sendall(message)
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(rest) < length:
        rest += connection.recv(65536)
    return head + b"\r\n\r\n" + rest


CREATE = b"POST %b HTTP/1.1\r\n" % COLLECTION.encode()
CREATE += b"Host: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n"
CHUNKED = CREATE + b"Transfer-Encoding: chunked\r\n\r\n"
NOTHING = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n"
HOSTILE: dict[str, tuple[bytes, bytes]] = {
    "too large": (CREATE + b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000, b"413"),
    "chunked": (CHUNKED + b"1\r\n{\r\n0\r\n\r\n", b"400"),
    "chunked and too large": (CHUNKED + b"100000\r\n" + b"x" * 0x100000 + b"\r\n0\r\n\r\n", b"413"),
    "upgrade": (NOTHING + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", b"404"),
    "upgrade to h2c": (NOTHING + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n", b"404"),
    "body on GET": (NOTHING + b"Content-Length: 3\r\n\r\n{{{", b"404"),
    "long path": (b"GET /" + b"x" * 60000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
    "long header": (NOTHING + b"X-Long: " + b"x" * 60000 + b"\r\n\r\n", b"404"),
    "header beyond ASCII": (NOTHING + b"X-Odd: \xff\xfe\r\n\r\n", b"404"),
    "expect": (NOTHING + b"Expect: a-miracle\r\n\r\n", b"404"),
}


@pytest.mark.parametrize(("message", "status"), HOSTILE.values(), ids=HOSTILE.keys())
def test_the_connection_survives(plane: Embedded, message: bytes, status: bytes) -> None:
    where = urlsplit(plane.base_url)
    if b"Bearer %s" in message:
        message = message.replace(b"%s", token(plane).encode())
    with socket.create_connection((where.hostname, where.port), timeout=5) as connection:
        answer = exchange(connection, message)
        assert answer[9:12] == status
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == int(status)
        after = exchange(connection, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (after[9:12], after[-15:]) == (b"200", b'{"status":"ok"}')


BROKEN: dict[str, tuple[bytes, bytes]] = {
    "not HTTP": (b"hello\r\n\r\n", b"400"),
    "unknown method": (f"FROB {COLLECTION}/{NOWHERE} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), b"405"),
    "unknown method nowhere": (b"FROB /nowhere?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
    "bad header name": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n", b"400"),
    "NUL in header": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", b"400"),
    "two lengths": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
    "length and chunks": (
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"400",
    ),
    "bytes in path": (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
    "HTTP/9": (b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", b"400"),
}


@pytest.mark.parametrize(("message", "status"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_request_gets_an_error_body_too(plane: Embedded, message: bytes, status: bytes) -> None:
    where = urlsplit(plane.base_url)
    with socket.create_connection((where.hostname, where.port), timeout=5) as connection:
        answer = exchange(connection, message)
        assert answer[9:12] == status
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == int(status)
        assert (b"allow: DELETE, GET, PATCH\r\n" in answer) is (status == b"405")
    assert httpx.get(plane.base_url + "/healthz").status_code == 200


def test_ends_cleanly_with_the_block() -> None:
    """How long the start takes is measured by ``make bench``."""
    with start(Options(variants=("charset",))) as plane:
        assert httpx.get(plane.base_url + "/healthz").headers["content-type"].endswith("charset=utf-8")
        pid = plane.pid
        assert plane.stop() == 0
        assert plane.stderr_tail() == ""
    assert gone(pid, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_with_exit_code_0(number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "assay.reference"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        ready = json.loads(process.stdout.readline())
        assert set(ready) == {"base_url", "projects", "cluster", "clients"}
        # Without a lifeline the end of standard input is no reason to stop.
        assert httpx.get(ready["base_url"] + "/healthz").status_code == 200
        process.send_signal(number)
        assert process.wait(5) == 0
        assert process.stdout.read() == ""


def test_dies_with_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
        assert not gone(pid, 0.2)
        parent.kill()
        parent.wait()
        assert gone(pid, 5)


def test_dies_even_when_a_fork_of_the_parent_holds_the_lifeline() -> None:
    script = PARENT.replace("print(", "import os\n    if os.fork() == 0: time.sleep(8); os._exit(0)\n    print(")
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        assert gone(pid, 5)


def test_a_port_in_use_is_said_plainly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "assay.reference", "--port", str(port)],
            capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_wrong_options_reach_the_caller() -> None:
    with pytest.raises(UsageError, match="there is no variant 'x'"), start(Options(variants=("x",))):
        pass


@pytest.mark.parametrize(
    ("program", "message"), [("false", "exit code 1: it wrote nothing"), ("echo", "exit code 0")]
)
def test_a_child_that_fails_tells_why(monkeypatch: pytest.MonkeyPatch, program: str, message: str) -> None:
    path = shutil.which(program)
    assert path is not None
    monkeypatch.setattr(sys, "executable", path)
    with pytest.raises(InconclusiveError, match=message), start():
        pass


def test_a_child_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "hang"
    program.write_text("#!/bin/sh\necho on my way >&2\nexec sleep 30\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(embedded, "READY_SECONDS", 0.2)
    monkeypatch.setattr(embedded, "_STOP_SECONDS", 0.2)
    with pytest.raises(InconclusiveError, match="was not ready after 0 s: on my way"), start():
        pass


def test_the_shipped_contract_which_is_trusted_at_start_is_valid() -> None:
    shipped = documents.version_folder()
    checked = documents.load(shipped / documents.DOCUMENT, shipped / documents.CORRECTIONS)
    assert checked.document == documents.load().document
