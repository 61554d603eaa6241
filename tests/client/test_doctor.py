"""`assay doctor`: one test for everything that can be wrong with a target."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from assay.cli import doctor as command
from assay.client.layers import load_settings
from assay.client.network import TransportConfig
from assay.client.preflight import network
from assay.client.preflight.api import Api
from assay.client.preflight.diagnose import diagnose
from assay.client.preflight.steps import Step, StepState
from assay.client.session import Session
from assay.client.settings import Settings
from assay.client.unfinished import unfinished_runs
from assay.contract.documents import Contract
from assay.errors import SettingsError
from tests.client.conftest import Configure, Open
from tests.client.plane import CLUSTER, OUTSIDER_SECRET, PROJECT, SECRET, Plane, token
from tests.client.servers import Reply, Seen, Server, always, certificate, error, free_port, raw_serving, serving
from tests.client.test_transport import read_request

pytestmark = pytest.mark.slow

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


class Diagnosis:
    def __init__(self, settings: Settings, contract: Contract, dry: bool) -> None:
        self.steps = list(diagnose(settings, contract, dry=dry))
        self.code = command.show(self.steps)

    def __getitem__(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    @property
    def failed(self) -> Step:
        (step,) = [step for step in self.steps if step.state is StepState.FAIL]
        assert step.todo
        return step

    @property
    def warnings(self) -> set[str]:
        return {step.name for step in self.steps if step.state is StepState.WARN}


@pytest.fixture
def examine(configure: Configure, contract: Contract) -> Any:
    def make(*, dry: bool = False, **flags: Any) -> Diagnosis:
        secret = {name: flags.pop(name) for name in list(flags) if "token" in name or "client" in name}
        settings = configure(**flags).model_copy(update=secret)
        return Diagnosis(settings, contract, dry)

    return make


def test_a_good_target(examine: Any, server: Server, plane: Plane, capsys: pytest.CaptureFixture[str]) -> None:
    found = examine()
    assert found.code == 0
    assert {step.state for step in found.steps} == {StepState.OK}
    assert "may be used" in found["project"].text
    assert "no rights in the project, as it should be" in found["outsider"].text
    assert plane.workloads == {}
    assert unfinished_runs() == []
    assert "This target can be tested." in capsys.readouterr().out


def test_no_credentials_are_sent_before_the_api_is_recognised(examine: Any) -> None:
    with serving(always(Reply(200, raw=b"<html><title>Shop</title>", headers={"Content-Type": "text/html"}))) as shop:
        found = examine(base_url=shop.base_url)
    assert found.code == 3
    assert 'not a Run:ai API: it answers 200 with an HTML page titled "Shop"' in found.failed.text
    assert "root of the control plane" in str(found.failed.todo)
    assert all("authorization" not in seen.headers and seen.method == "GET" for seen in shop.seen)


def test_unknown_host(examine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found = examine(base_url="https://no-such-host.invalid")
    assert (found.code, found.failed.name) == (3, "name")
    assert "no-such-host.invalid does not resolve" in found.failed.text
    assert "not looked at because of the failure" in capsys.readouterr().out


def test_what_is_not_looked_at_is_listed_once_and_never_what_failed(configure: Configure, contract: Contract) -> None:
    with serving(always(Reply(401, {"detail": "who?"}))) as other:
        settings = configure(base_url=other.base_url).model_copy(update={"token": configure().client_secret})
        steps = list(diagnose(settings, contract))
    names = [step.name for step in steps if step.state is StepState.SKIPPED]
    failed = [step.name for step in steps if step.state is StepState.FAIL]
    assert len(failed) == 1
    assert len(names) == len({*names, *failed}) - 1
    assert {"outsider", "deletion"} <= set(names)


def test_a_proxy_that_is_not_taken_is_told_with_the_reason(examine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "ftp://broken:99999")
    assert "(directly: a loopback target is never asked for through HTTP_PROXY)" in examine()["connection"].text


def test_connection_refused(examine: Any) -> None:
    port = free_port()
    found = examine(base_url=f"http://127.0.0.1:{port}")
    assert (found.code, found.failed.name) == (3, "connection")
    assert f"nothing listens at 127.0.0.1:{port}" in found.failed.text


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (TimeoutError(), "did not accept a connection within 3 s"),
        (OSError(113, "No route to host"), "is unreachable: No route to host"),
    ],
)
def test_unreachable(examine: Any, monkeypatch: pytest.MonkeyPatch, fault: OSError, expected: str) -> None:
    def fail(*_: Any, **__: Any) -> socket.socket:
        raise fault

    monkeypatch.setattr(socket, "create_connection", fail)
    found = examine()
    assert (found.code, found.failed.name) == (3, "connection")
    assert expected in found.failed.text


@needs_openssl
def test_self_signed(examine: Any, plane: Plane, tmp_path: Path) -> None:
    context, file = certificate(tmp_path)
    with serving(plane, context) as secure:
        found = examine(base_url=secure.base_url)
        assert (found.code, found.failed.name) == (2, "tls")
        assert "is self-signed" in found.failed.text
        assert "--ca-file" in str(found.failed.todo)
        trusted = examine(base_url=secure.base_url, ca_file=file)
        assert (trusted.code, trusted.warnings) == (0, set())
        unchecked = examine(base_url=secure.base_url, insecure=True)
        assert (unchecked.code, unchecked.warnings) == (0, {"tls"})


@needs_openssl
def test_expired(examine: Any, plane: Plane, tmp_path: Path) -> None:
    context, file = certificate(tmp_path, expired=True)
    with serving(plane, context) as secure:
        found = examine(base_url=secure.base_url, ca_file=file)
    assert (found.code, found.failed.name) == (3, "tls")
    assert "has expired" in found.failed.text


@needs_openssl
def test_certificate_of_another_host(examine: Any, plane: Plane, tmp_path: Path) -> None:
    context, file = certificate(tmp_path, host="DNS:other.example.com")
    with serving(plane, context) as secure:
        found = examine(base_url=secure.base_url, ca_file=file)
        named = examine(base_url=secure.base_url.replace("127.0.0.1", "localhost"), ca_file=file)
    assert (found.code, named.code) == (2, 2)
    assert "is not for this IP address" in found.failed.text
    assert "is for another host name" in named.failed.text


def test_https_to_a_plain_port(examine: Any, server: Server) -> None:
    found = examine(base_url=server.base_url.replace("http:", "https:"))
    assert (found.code, found.failed.name) == (2, "tls")
    assert "does not speak TLS" in found.failed.text
    assert server.base_url in str(found.failed.todo)


@needs_openssl
def test_http_to_a_tls_port(examine: Any, plane: Plane, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    with serving(plane, context) as secure:
        found = examine(base_url=secure.base_url.replace("https:", "http:"))
    assert (found.code, found.failed.name) == (2, "api")
    assert "speaks TLS" in found.failed.text
    assert secure.base_url in str(found.failed.todo)


def test_a_connection_cut_in_the_handshake(examine: Any) -> None:
    def cut(connection: socket.socket) -> None:
        connection.recv(10)

    with raw_serving(cut) as address:
        found = examine(base_url=f"https://{address}")
    assert (found.code, found.failed.name) == (3, "tls")


def test_a_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:canary-proxy@proxy.example.com:3128")
    (step,) = network.check_network(TransportConfig("https://api.example.com", timeout=1))
    assert "the proxy http://proxy.example.com:3128 (https_proxy)" in step.text
    assert (step.name, step.code) == ("proxy", 2)
    assert "canary" not in step.text


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(200, {"hello": "world"}), "answers 200 with JSON, but not as a Run:ai API does"),
        (
            Reply(404, raw=b"404 page not found", headers={"Content-Type": "text/plain"}),
            "404 with text/plain and no JSON",
        ),
        (Reply(500, raw=b"boom"), "answers 500 to everything: boom"),
        (Reply(502, raw=b"<html>bad gateway"), "answered by a gateway, not by the API (502: bad gateway)"),
        (error(503, "try later"), "the control plane is unavailable (503): try later"),
        (Reply(hang_up=True), "no answer came: the connection was closed without an answer"),
    ],
)
def test_not_a_run_ai_api(examine: Any, reply: Reply, expected: str) -> None:
    with serving(always(reply)) as other:
        found = examine(base_url=other.base_url)
    assert (found.code, found.failed.name) == (3, "api")
    assert expected in found.failed.text


def test_a_server_that_hangs(examine: Any) -> None:
    def hang(connection: socket.socket) -> None:
        read_request(connection)
        time.sleep(1.5)

    with raw_serving(hang) as address:
        found = examine(base_url=f"http://{address}", request_timeout=0.3)
    assert (found.code, found.failed.name) == (3, "api")
    assert "time ran out while waiting for the answer" in found.failed.text


def test_an_api_that_asks_for_no_token(examine: Any, plane: Plane, server: Server) -> None:
    def open_to_all(seen: Seen) -> str:
        return Plane.caller(plane, seen) or "researcher"

    plane.caller = open_to_all  # type: ignore[method-assign]
    found = examine()
    assert found.code == 0
    assert "with 404 where no token should get 401" in found["api"].text


def test_a_base_url_with_a_path_too_much(examine: Any, server: Server) -> None:
    def console(seen: Seen) -> Reply:
        return error(404, f"there is nothing at {seen.path}")

    with serving(console) as other:
        found = examine(base_url=other.base_url + "/console")
    assert (found.code, found.failed.name) == (2, "api")
    assert f"no inferences API below {other.base_url}/console" in found.failed.text


def test_a_token_with_its_scheme(examine: Any) -> None:
    found = examine(token=SecretStr("Bearer canary"))
    assert (found.code, found.failed.name) == (2, "credentials")
    assert "give the token alone, without 'Bearer'" in str(found.failed.todo)
    assert "canary" not in found.failed.text


def test_missing_credentials(examine: Any) -> None:
    found = examine(client_id=None, client_secret=None)
    assert (found.code, found.failed.name) == (2, "credentials")
    assert "ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET not set" in found.failed.text
    half = examine(client_secret=None)
    assert "missing: ASSAY_CLIENT_SECRET not set" in half.failed.text
    outsider = examine(outsider_client_secret=None)
    assert "missing: ASSAY_OUTSIDER_CLIENT_SECRET not set" in outsider.failed.text


def test_bad_credentials(examine: Any) -> None:
    found = examine(client_secret=SecretStr("canary-wrong"))
    assert (found.code, found.failed.name) == (2, "credentials")
    assert "refused the credentials with 400" in found.failed.text
    assert "canary" not in found.failed.text


def test_a_token_of_another_control_plane(examine: Any) -> None:
    found = examine(token=SecretStr("opaque"))
    assert (found.code, found.failed.name) == (2, "credentials")
    assert "refuses the token (401: Issuer is not familiar.)" in found.failed.text
    expired = examine(token=SecretStr(token(life=-90)))
    assert "expired 90 s ago" in expired.failed.text


def test_a_sick_token_service(examine: Any, plane: Plane) -> None:
    def sick(seen: Seen) -> Reply:
        return error(500, "token call")

    plane.grant = sick  # type: ignore[method-assign]
    found = examine()
    assert (found.code, found.failed.name) == (3, "credentials")


@pytest.mark.parametrize("flag", ["project", "cluster"])
def test_a_missing_project_or_cluster(examine: Any, flag: str) -> None:
    found = examine(**{flag: None})
    assert (found.code, found.failed.name) == (2, "settings")
    assert f"--{flag} is not given" in found.failed.text
    assert f"ASSAY_{flag.upper()}" in str(found.failed.todo)


def test_a_malformed_cluster(examine: Any) -> None:
    with pytest.raises(SettingsError, match="a cluster is named by its UUID"):
        examine(cluster="prod-cluster")


@pytest.mark.parametrize("project_first", [True, False])
def test_a_project_that_is_not_permitted(examine: Any, plane: Plane, server: Server, project_first: bool) -> None:
    plane.project_first = project_first
    found = examine(project="999")
    assert (found.code, found.failed.name) == (2, "project")
    assert "project 999 may not be used with these credentials (403" in found.failed.text
    assert len(server.seen) <= 5
    assert plane.workloads == {}


def test_without_a_creation_a_target_that_looks_at_the_body_first_cannot_tell(examine: Any, plane: Plane) -> None:
    plane.project_first = False
    found = examine(project="999", dry=True)
    assert found.code == 0
    assert "no objection to project 999" in found["project"].text
    assert "only a real creation will tell" in found["project"].text


def test_a_cluster_that_is_not_known(examine: Any, plane: Plane) -> None:
    create = plane.create

    def cluster_first(seen: Seen, caller: str) -> Reply:
        body = seen.json
        if body["clusterId"] != CLUSTER and caller == "researcher":
            return error(400, f"cluster {body['clusterId']} is not known")
        return create(seen, caller)

    plane.create = cluster_first  # type: ignore[method-assign]
    unknown = "00000000-1111-4222-8333-444444444444"
    found = examine(cluster=unknown)
    assert (found.code, found.failed.name) == (2, "project")
    assert f"cluster {unknown} is not known there" in found.failed.text
    assert examine().code == 0


@pytest.mark.parametrize(
    ("method", "ending", "step", "words"),
    [
        ("PATCH", "", "rights", "may create workloads in project 4501101, but not change them (403: no role)"),
        ("GET", "", "rights", "may create workloads in project 4501101, but not read them (403: no role)"),
        ("GET", "/metrics", "metrics", "may not read metrics of their own workload (403: no role)"),
        ("DELETE", "", "deletion", "may be created with these credentials, not deleted (403: no role)"),
    ],
)
def test_a_role_that_lacks_something(
    examine: Any, plane: Plane, method: str, ending: str, step: str, words: str
) -> None:
    one = plane.one

    def forbidding(seen: Seen, workload_id: str) -> Reply:
        path = urlsplit(seen.path).path
        ours = workload_id in plane.workloads and path.endswith(ending or workload_id)
        return error(403, "no role") if seen.method == method and ours else one(seen, workload_id)

    plane.one = forbidding  # type: ignore[method-assign]
    found = examine(delete_deadline=0.2)
    assert (found.code, found.failed.name) == (2, step)
    assert words in found.failed.text


def test_the_second_identity_is_compared_before_anything_is_created(
    examine: Any, plane: Plane, server: Server
) -> None:
    found = examine(outsider_client_id=SecretStr("researcher"))
    assert (found.code, found.failed.name) == (2, "outsider")
    assert "the second identity is the first one again" in found.failed.text
    assert server.count("POST", "/api/v1/workloads") == 0


def test_a_target_that_takes_the_probe_gets_it_deleted(examine: Any, plane: Plane) -> None:
    plane.create_anything = True
    found = examine(dry=True)
    assert "project" in found.warnings
    assert "took a creation without a spec" in found["project"].text
    assert plane.workloads == {}


def test_a_probe_that_stays_is_told(examine: Any, plane: Plane) -> None:
    plane.create_anything, plane.delete_status = True, 500
    found = examine(delete_deadline=0.3)
    assert "was created by a probe and stayed" in found["clean-up"].text


def test_clock_skew(examine: Any, plane: Plane) -> None:
    def shifted(seconds: float) -> Diagnosis:
        def script(seen: Seen) -> Reply:
            reply = plane(seen)
            return Reply(reply.status, reply.body, {"Date": formatdate(time.time() + seconds, usegmt=True)})

        with serving(script) as server:
            found = examine(base_url=server.base_url)
        assert isinstance(found, Diagnosis)
        return found

    ahead, behind, little = shifted(90), shifted(-4000), shifted(3)
    assert (ahead.code, ahead.warnings) == (0, {"clock"})
    assert "s ahead of this machine's" in ahead["clock"].text
    assert (behind.code, behind.warnings) == (0, {"clock"})
    assert "s behind this machine's: times are asked for and judged by the target's" in behind["clock"].text
    assert "NTP" in str(behind["clock"].todo)
    assert little["clock"].state is StepState.OK


def clocks(reach: Open, plane: Plane, *shifts: float) -> tuple[Session, Step]:
    """What is found out about a target whose clock is ahead by these seconds, one after the other."""
    waiting = list(shifts)

    def script(seen: Seen) -> Reply:
        shift = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return replace(plane(seen), headers={"Date": formatdate(time.time() + shift, usegmt=True)})

    with serving(script) as server:
        session = reach(base_url=server.base_url)
        api = Api(session)
        list(api.check_api())
        (step,) = api.check_clock()
    return session, step


def test_a_date_that_jumps_about_is_not_gone_by(reach: Open, plane: Plane) -> None:
    session, step = clocks(reach, plane, 3600, -3600)
    assert step.state is StepState.WARN
    assert re.search(r"jumps about: it is \d+ s ahead of this machine's, then is \d+ s behind: ours", step.text)
    assert session.offer.skew is None


def test_times_go_by_the_targets_clock(reach: Open, plane: Plane) -> None:
    session, _ = clocks(reach, plane, -7200)
    assert session.offer.skew == pytest.approx(-7200, abs=30)
    assert session.there.time() == pytest.approx(session.clock.time() - 7200, abs=30)


def test_a_token_from_the_future_is_clock_skew(examine: Any, plane: Plane) -> None:
    plane.claims = {"iat": time.time() + 120, "exp": time.time() + 4000}
    found = examine()
    assert found["clock"].state is StepState.WARN
    assert "120 s ahead" in found["clock"].text


def test_no_outsider(examine: Any) -> None:
    found = examine(outsider_client_id=None, outsider_client_secret=None)
    assert (found.code, found.warnings) == (0, {"outsider"})
    assert "whether others can read, change or delete our workloads is then not tested" in found["outsider"].text


def test_an_outsider_that_is_ourselves(examine: Any) -> None:
    ourselves = examine(outsider_client_id=SecretStr("researcher"), outsider_client_secret=SecretStr(SECRET))
    assert (ourselves.code, ourselves.failed.name) == (2, "outsider")
    assert "is the first one again" in ourselves.failed.text


def test_an_outsider_with_rights_in_the_project(examine: Any, plane: Plane) -> None:
    create = plane.create

    def generous(seen: Seen, caller: str) -> Reply:
        return create(seen, "researcher")

    plane.create = generous  # type: ignore[method-assign]
    found = examine()
    assert (found.code, found.failed.name) == (2, "outsider")
    assert "may create in project" in found.failed.text


def test_an_outsider_with_bad_credentials(examine: Any) -> None:
    found = examine(outsider_client_secret=SecretStr("canary-wrong"))
    assert (found.code, found.failed.name) == (2, "outsider")
    assert "ASSAY_OUTSIDER_CLIENT_ID" in str(found.failed.todo)


def test_missing_neighbours(examine: Any, plane: Plane) -> None:
    plane.lists = plane.pods = False
    found = examine()
    assert (found.code, found.warnings) == (0, {"workload list", "pod list"})
    assert "cannot be looked for" in found["workload list"].text
    assert "not tested" in found["pod list"].text


def test_plain_http_over_the_network_is_warned_about(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setattr(network, "is_loopback", lambda _: False)
    steps = list(network.check_network(TransportConfig(server.base_url, timeout=1)))
    assert steps[-1].name == "tls"
    assert "sends the token over the network in clear" in steps[-1].text


def test_the_embedded_control_plane_is_in_good_health(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(load_settings({}, env={})) == 0
    told = capsys.readouterr().out
    assert "(embedded control plane)" in told
    assert "This target can be tested." in told


@pytest.mark.parametrize(("port", "code"), [("good", 0), ("closed", 3), ("no credentials", 2)])
def test_exit_codes_of_the_command(
    server: Server, port: str, code: int, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    if port != "no credentials":
        monkeypatch.setenv("ASSAY_CLIENT_ID", "researcher")
        monkeypatch.setenv("ASSAY_CLIENT_SECRET", SECRET)
    url = f"http://127.0.0.1:{free_port()}" if port == "closed" else server.base_url
    place = ["--base-url", url, "--project", PROJECT, "--cluster", CLUSTER]
    monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath))
    ran = subprocess.run(
        [sys.executable, "-m", "assay", "doctor", *place], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (code, "")
    assert ("can be tested" in ran.stdout) == (code == 0)


def test_no_secret_is_ever_shown(examine: Any, plane: Plane, capsys: pytest.CaptureFixture[str]) -> None:
    def echo(seen: Seen, caller: str) -> Reply:
        return error(403, f"you sent {seen.headers['authorization']} {SECRET} {OUTSIDER_SECRET}")

    plane.create = echo  # type: ignore[method-assign]
    found = examine()
    told = capsys.readouterr().out
    assert found.failed.name == "project"
    assert "you sent Bearer ***" in told
    assert "canary" not in told
    assert "eyJ" not in told
