"""Tokens that are not asked for: in a variable, in a file that changes, printed by a program; and their ends."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.client.budget import Budget, Limits
from assay.client.delivery import Delivery
from assay.client.evidence import Mask
from assay.client.exchange import Answer
from assay.client.identities import Identities
from assay.client.identity import Identity
from assay.client.layers import load_settings
from assay.client.patience import Patience
from assay.client.token_sources import TokenCommand
from assay.client.tokens import read_token
from assay.clock import SYSTEM, Clock, VirtualClock
from assay.contract.documents import Contract
from assay.contract.request import Request
from assay.errors import AssayError, CredentialsError, TargetLostError
from assay.polling import wait_until
from tests.client.plane import Plane, token
from tests.client.servers import Reply, Seen, Server, error, serving
from tests.client.transports import transport

READ = Request("read", path={"workloadId": "71f69d83-ba66-4822-adf5-55ce55efd210"})
NOW = 1_800_000_000.0


def away(seen: Seen) -> Reply:
    del seen
    return error(500, "away")


@pytest.mark.parametrize(
    ("text", "value", "life"),
    [
        ("opaque", "opaque", None),
        ("\ufeff opaque \r\n\r\n", "opaque", None),
        ("opaque\0", "opaque", None),
        ('{"status": {"token": "opaque", "expirationTimestamp": "2027-01-15T08:05:00Z"}}', "opaque", 300),
        ('{"status": {"token": "opaque", "expirationTimestamp": "2027-01-15T10:05:00+02:00"}}', "opaque", 300),
        ('{"status": {"token": "opaque", "expirationTimestamp": null}}', "opaque", None),
        ('{"status": {"token": "opaque", "expirationTimestamp": "2020-01-01T00:00:00Z"}}', "opaque", None),
        ('{"accessToken": "opaque", "expiresOn": "2027-01-15 08:05:00", "expires_on": 1800000300}', "opaque", 300),
        ('{"access_token": "opaque", "status": "ok"}', "opaque", None),
    ],
)
def test_a_token_is_read_in_every_dress(text: str, value: str, life: float | None) -> None:
    found = read_token(text, now=NOW)
    assert (found.value, found.life) == (value, life)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing in it"),
        (" \r\n", "nothing in it"),
        ('"canary"', "quotation mark"),
        ("'canary'", "quotation mark"),
        ("<canary>", "bracket"),
        ("Bearer canary", "begins with 'Bearer'"),
        ("canary\ncanary", "spaces or line breaks"),
        ("canäry", "unprintable or foreign"),
        ("canary\x1b[0m", "unprintable"),
        ('{"canary": ', "begins as JSON, and is none"),
        ('{"status": {"clientCertificateData": "canary"}}', "no token in its JSON"),
        ('{"access_token": "can ary"}', "no token in its JSON"),
        ("{" * 100_000, "begins as JSON"),
    ],
)
def test_what_is_no_token_is_named_and_not_shown(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        read_token(text, now=NOW)
    assert "canary" not in str(caught.value)


# --- from a file -------------------------------------------------------------------------------------------------


def identity(base_url: str, clock: Clock = SYSTEM, env: dict[str, str] | None = None) -> Identity:
    settings = load_settings({"base_url": base_url}, env=env or {})
    return Identities(settings, transport(base_url), Mask(), Patience(tries=1), clock).main()


def from_file(file: Path, clock: Clock = SYSTEM) -> Identity:
    return identity("http://127.0.0.1:1", clock, {"ASSAY_TOKEN_FILE": str(file)})


@pytest.mark.parametrize("encoded", [b"one\n", b"one\r\n", b"\xef\xbb\xbfone\n", "one\r\n".encode("utf-16")])
def test_a_file_may_be_written_by_anybodys_editor(tmp_path: Path, encoded: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(encoded)
    assert from_file(file).token() == "one"


def test_a_file_is_read_anew_when_it_changes(tmp_path: Path) -> None:
    """As Kubernetes does it, by exchanging a link; a file that is being written is left alone until it is whole."""
    first, second, link = tmp_path / "1", tmp_path / "2", tmp_path / "token"
    first.write_text("one")
    second.write_text("two")
    link.symlink_to(first)
    ours = from_file(link)
    assert ours.token() == "one"
    link.unlink()
    link.symlink_to(second)
    assert ours.token() == "two"
    second.write_text("")
    assert ours.token() == "two"
    second.write_text("three")
    assert ours.token() == "three"
    link.unlink()
    assert ours.token() == "three"


def test_a_file_is_read_anew_after_a_401_even_if_nothing_shows_that_it_changed(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    ours = from_file(file)
    ours.token()
    before = file.stat()
    file.write_text("two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert ours.renew_after_401("one") == "two"


def test_a_file_whose_token_has_ended_ends_the_run(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(token(life=-30))
    ours = from_file(file)
    with pytest.raises(CredentialsError, match=r"the token in .*token \(ASSAY_TOKEN_FILE\) ended at"):
        ours.renew_after_401(ours.token())


def made(kind: str, place: Path) -> Path:
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "huge":
        place.write_text("x" * 300_000)
    elif kind == "quoted":
        place.write_text('"canary"')
    elif kind == "device":
        place.symlink_to("/dev/zero")
    return place


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("pipe", "it is a pipe"),
        ("folder", "it is a folder"),
        ("device", "it is a device"),
        ("huge", "larger than"),
        ("missing", "no such file"),
    ],
)
def test_what_is_no_file_of_a_token_is_refused_without_waiting(tmp_path: Path, kind: str, why: str) -> None:
    with pytest.raises(AssayError) as caught:
        from_file(made(kind, tmp_path / "token"))
    assert caught.value.exit_code == 2
    assert why in caught.value.message.lower()
    assert "ASSAY_TOKEN_FILE names" in caught.value.message


def test_a_quoted_token_in_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="does not hold a token: it begins with a quotation mark") as caught:
        from_file(made("quoted", tmp_path / "token"))
    assert "canary" not in caught.value.message


# --- from a program ----------------------------------------------------------------------------------------------

Program = Callable[[str], str]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Writes a Python program and returns the line that runs it."""

    def write(text: str) -> str:
        file = tmp_path / "get token.py"
        file.write_text(text)
        return f"{sys.executable} '{file}'"

    return write


def command(line: str, mask: Mask | None = None, **more: Any) -> TokenCommand:
    return TokenCommand("ASSAY_TOKEN_COMMAND", line, more.pop("folder", None), mask or Mask(), SYSTEM, **more)


def test_a_program_prints_a_token_or_a_credential(program: Program) -> None:
    assert command(program("print('opaque')")).obtain().value == "opaque"
    credential = {"status": {"token": "opaque", "expirationTimestamp": "2999-01-01T00:00:00Z"}}
    found = command(program(f"print({json.dumps(json.dumps(credential))})")).obtain()
    assert found.value == "opaque"
    assert found.life is not None


def test_a_program_runs_without_a_shell_where_it_was_written_for(tmp_path: Path, program: Program) -> None:
    line = program(
        "import os, sys\nprint(os.path.basename(os.getcwd()) + sys.argv[1] + os.environ['KUBERNETES_EXEC_INFO'][2:6])"
    )
    folder = tmp_path / "there"
    folder.mkdir()
    assert command(f"{line} '$HOME;x'", folder=folder).obtain().value == "there$HOME;xapiV"


def test_a_command_of_assay_toml_runs_beside_it_and_one_of_the_environment_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "assay.toml").write_text('token_command = ["./get token", "x"]\n')
    loaded = load_settings({}, env={}, config=Path("conf/assay.toml"))
    assert loaded.token_command is not None
    assert (loaded.token_command.line, loaded.token_command.folder) == ("'./get token' x", tmp_path / "conf")
    given = load_settings({}, env={"ASSAY_TOKEN_COMMAND": "./get"}, config=Path("conf/assay.toml")).token_command
    assert given is not None
    assert (given.line, given.folder) == ("./get", tmp_path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import sys; sys.exit('no login: canary')", "ended with exit code 1 (no login: ***)"),
        ("import sys; print('x' * 999, file=sys.stderr); print('why', file=sys.stderr); sys.exit(3)", "xx why)"),
        ("import os; os.kill(os.getpid(), 15)", "ended with signal 15"),
        ("print()", "prints no token: there is nothing in it"),
        ("print('Bearer canary')", "prints no token: it begins with 'Bearer'"),
        ("print('x' * 10**6)", "printed more than 256 kB"),
        ("while True: print('x' * 10**6)", "printed more than 256 kB"),
    ],
)
def test_how_a_program_fails(program: Program, text: str, why: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        command(program(text), Mask(["canary"])).obtain()
    assert why in caught.value.message
    assert caught.value.message.startswith(f"the program {Path(sys.executable).name} (ASSAY_TOKEN_COMMAND) ")
    assert "canary" not in caught.value.message
    assert len(caught.value.message) < 500


def test_a_program_that_does_not_end_is_ended_with_its_children(tmp_path: Path, program: Program) -> None:
    pid = tmp_path / "pid"
    line = program(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\n"
        "child.wait()"
    )
    with pytest.raises(CredentialsError, match="did not end within 1 s"):
        command(line, seconds=1.0).obtain()
    state = Path(f"/proc/{pid.read_text()}/stat")
    assert wait_until(lambda: not state.exists() or " Z " in state.read_text(), within=5.0, every=0.02)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("/nowhere/to be found", "cannot be started: no such file or directory"),
        ("", "the command names no program"),
        ("'unclosed", "cannot be parted into words: no closing quotation"),
    ],
)
def test_a_command_that_cannot_run(line: str, why: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        command(line).obtain()
    assert why in caught.value.message


def test_a_program_runs_again_before_its_token_ends_and_after_a_401(tmp_path: Path, program: Program) -> None:
    count = tmp_path / "count"
    line = program(
        "import pathlib, time, datetime\n"
        f"file = pathlib.Path({str(count)!r})\n"
        "number = int(file.read_text()) + 1 if file.exists() else 1\n"
        "file.write_text(str(number))\n"
        f"ends = datetime.datetime.fromtimestamp({NOW} + 300 * number, datetime.UTC).isoformat()\n"
        'print(\'{"status": {"token": "token-%d", "expirationTimestamp": "%s"}}\' % (number, ends))'
    )
    clock = VirtualClock(NOW)
    ours = identity("http://127.0.0.1:1", clock, {"ASSAY_TOKEN_COMMAND": line})
    assert [ours.token(), ours.token()] == ["token-1", "token-1"]
    clock.now += 241
    assert ours.token() == "token-2"
    assert ours.renew_after_401("token-2") == "token-3"
    assert ours.described == f"a token of 659 s from the program {Path(sys.executable).name} (token_command)"


# --- one way alone -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"TOKEN": "x", "TOKEN_COMMAND": "x"}, "ASSAY_TOKEN and ASSAY_TOKEN_COMMAND are set"),
        ({"TOKEN_FILE": "file", "TOKEN_COMMAND": "x"}, "ASSAY_TOKEN_FILE and ASSAY_TOKEN_COMMAND are set"),
        ({"TOKEN_COMMAND": "x", "CLIENT_ID": "x"}, "ASSAY_TOKEN_COMMAND and ASSAY_CLIENT_ID are set"),
        ({"TOKEN_FILE": "file", "CLIENT_SECRET": "x"}, "ASSAY_TOKEN_FILE and ASSAY_CLIENT_SECRET are set"),
    ],
)
def test_two_ways_to_a_token_are_refused(tmp_path: Path, env: dict[str, str], words: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(CredentialsError, match=words):
        identity("http://127.0.0.1:1", env={f"ASSAY_{name}": value for name, value in env.items()})


def test_a_token_in_a_variable_goes_before_client_credentials_and_any_way_before_that_of_the_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "assay.toml").write_text('token_command = "false"\n')
    env = {"ASSAY_TOKEN": "given", "ASSAY_CLIENT_ID": "x", "ASSAY_CLIENT_SECRET": "x"}
    assert identity("http://127.0.0.1:1", env=env).token() == "given"


# --- ends in mid-run ---------------------------------------------------------------------------------------------


def delivery(ours: Identity, base_url: str, contract: Contract, clock: Clock = SYSTEM) -> Delivery:
    return Delivery(transport(base_url), contract, Budget(Limits()), main=ours, clock=clock)


def status(outcome: object) -> int:
    assert isinstance(outcome, Answer)
    return outcome.status


def test_a_given_token_that_the_target_takes_no_longer_ends_the_run(
    plane: Plane, server: Server, contract: Contract
) -> None:
    value = token()
    ours = identity(server.base_url, env={"ASSAY_TOKEN": value})
    sends = delivery(ours, server.base_url, contract)
    assert status(sends.send(READ)) == 404
    plane.revoked.add(value)
    for _ in range(2):
        with pytest.raises(CredentialsError, match=r"takes the token in ASSAY_TOKEN no longer: .*401 \(Issuer"):
            sends.send(READ)
    assert [seen.method for seen in server.seen] == ["GET", "GET", "GET", "DELETE"]  # of both, the second is not sent


def test_one_operation_that_refuses_a_token_is_the_targets_own_fault(contract: Contract) -> None:
    def script(seen: Seen) -> Reply:
        return error(401 if seen.method == "DELETE" else 404)

    with serving(script) as server:
        ours = identity(server.base_url, env={"ASSAY_TOKEN": "opaque"})
        sends = delivery(ours, server.base_url, contract)
        deletion = Request("delete", path=READ.path)
        assert [status(sends.send(READ)), *(status(sends.send(deletion)) for _ in range(3))] == [404, 401, 401, 401]
    assert (server.count("DELETE"), server.count("GET")) == (
        3,
        4,
    )  # each 401 is asked about: a token may end between two


def test_the_read_that_is_asked_about_a_401_may_be_what_refuses_everybody(contract: Contract) -> None:
    def script(seen: Seen) -> Reply:
        return error(401 if seen.method == "GET" else 404)

    with serving(script) as server:
        ours = identity(server.base_url, env={"ASSAY_TOKEN": "opaque"})
        sends = delivery(ours, server.base_url, contract)
        assert status(sends.send(Request("delete", path=READ.path))) == 404
        assert [status(sends.send(READ)) for _ in range(2)] == [401, 401]


def test_credentials_that_the_endpoint_refuses_in_mid_run_end_it(
    plane: Plane, server: Server, contract: Contract
) -> None:
    """As after the restart of a server that knows neither the token nor the secret any more."""
    env = {"ASSAY_CLIENT_ID": "researcher", "ASSAY_CLIENT_SECRET": "canary-secret-7f3a"}
    ours = identity(server.base_url, env=env)
    sends = delivery(ours, server.base_url, contract)
    assert status(sends.send(READ)) == 404
    plane.revoked.add(ours.token())
    plane.spelling = ("nobody", "knows")
    for _ in range(2):
        with pytest.raises(TargetLostError, match="refused the credentials with 400, which it took before"):
            sends.send(READ)


def test_a_target_that_takes_not_even_new_tokens_any_more_is_lost(
    plane: Plane, server: Server, contract: Contract
) -> None:
    env = {"ASSAY_CLIENT_ID": "researcher", "ASSAY_CLIENT_SECRET": "canary-secret-7f3a"}
    ours = identity(server.base_url, env=env)
    sends = delivery(ours, server.base_url, contract)
    assert status(sends.send(READ)) == 404

    def nobody(seen: Seen) -> None:
        del seen

    plane.caller = nobody  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(TargetLostError, match=r"takes no token any more: .*401 \(Issuer.*, also with a new one"):
            sends.send(READ)


def test_a_token_endpoint_that_is_away_for_a_while_does_not_matter_while_the_token_lives(
    plane: Plane, server: Server
) -> None:
    plane.life = 300
    clock = VirtualClock(time.time())
    env = {"ASSAY_CLIENT_ID": "researcher", "ASSAY_CLIENT_SECRET": "canary-secret-7f3a"}
    ours = identity(server.base_url, clock, env)
    first = ours.token()
    grant = plane.grant
    plane.grant = away  # type: ignore[method-assign]
    clock.now += 250
    assert [ours.token(), ours.token()] == [first, first]
    assert server.count("POST", "/api/v1/token") == 2
    clock.now += 11
    plane.grant = grant  # type: ignore[method-assign]
    assert ours.token() != first
    plane.grant = away  # type: ignore[method-assign]
    clock.now += 301
    with pytest.raises(TargetLostError, match=r"answers 500 \(away\)"):
        ours.token()


def test_opaque_tokens_that_end_soon_are_renewed_as_often_as_they_end(contract: Contract) -> None:
    good = {"token": 0}

    def script(seen: Seen) -> Reply:
        if seen.method == "POST":
            good["token"] += 1
            return Reply(200, {"accessToken": f"opaque-{good['token']}"})
        return error(404 if seen.headers["authorization"] == f"Bearer opaque-{good['token']}" else 401)

    with serving(script) as server:
        env = {"ASSAY_CLIENT_ID": "x", "ASSAY_CLIENT_SECRET": "x"}
        ours = identity(server.base_url, VirtualClock(), env)
        sends = delivery(ours, server.base_url, contract)
        statuses = []
        for _ in range(3):
            statuses.append(status(sends.send(READ)))
            good["token"] += 1  # the last one has ended
    assert statuses == [404, 404, 404]
    assert ours.refreshes == 3


@pytest.mark.parametrize(("ahead", "waits"), [(5, [6.0]), (400, []), (-400, [])])
def test_a_token_that_begins_in_a_moment_is_waited_for(contract: Contract, ahead: int, waits: list[float]) -> None:
    """The issuer's clock is ahead of the target's, which takes no token from the future."""
    clock = VirtualClock(float(int(time.time())) + 5_000)  # ours is wrong, and does not matter
    there = clock.now - 5_000
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(there))

    def script(seen: Seen) -> Reply:
        if seen.method == "POST":
            return Reply(200, {"accessToken": token(iat=there + ahead, nbf=there + ahead, exp=there + ahead + 600)})
        return error(404 if clock.slept or ahead <= 0 else 401, Date=date)

    with serving(script) as server:
        ours = identity(server.base_url, clock, {"ASSAY_CLIENT_ID": "x", "ASSAY_CLIENT_SECRET": "x"})
        got = status(delivery(ours, server.base_url, contract, clock).send(READ))
    assert (got, clock.slept) == (401 if ahead == 400 else 404, waits)


@pytest.mark.parametrize("skew", [-7200, 7200])
def test_a_wrong_clock_of_ours_ends_no_token(plane: Plane, server: Server, contract: Contract, skew: int) -> None:
    """What the target takes is used; what it refuses has ended only if it has by the target's time."""
    clock = VirtualClock(time.time() + skew)
    value = token(life=600)
    ours = identity(server.base_url, clock, {"ASSAY_TOKEN": value})
    sends = delivery(ours, server.base_url, contract, clock)
    assert status(sends.send(READ)) == 404
    plane.revoked.add(value)
    with pytest.raises(CredentialsError) as caught:
        sends.send(READ)
    assert "ended at" not in caught.value.message
