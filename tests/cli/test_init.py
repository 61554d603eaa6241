"""`assay init`: what it asks and takes by flags, the files it writes, and what keeps it from writing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from assay.cli.starter import Proposal, way_of
from assay.client.layers import load_settings
from assay.client.preflight.places import ListedPlace
from tests.cli.conftest import Assay
from tests.client.plane import CLUSTER, PROJECT, SECRET, Plane
from tests.client.servers import Reply, Seen, Server, error, serving

pytestmark = pytest.mark.slow

ANOTHER = "4501102"


class ListingPlane(Plane):
    """A control plane that lists projects and clusters, unless ``listed`` says otherwise."""

    listed = True
    projects: tuple[tuple[str, str], ...] = ((PROJECT, "vision"), (ANOTHER, 'spee"ch\n[x]'))

    def route(self, seen: Seen, path: str, caller: str) -> Reply:
        lists: dict[str, Any] = {
            "/api/v1/org-unit/projects": {
                "projects": [
                    {"id": number, "name": name, "clusterId": CLUSTER, "totalResources": {"gpuQuota": 4.0}}
                    for number, name in self.projects
                ]
            },
            "/api/v1/clusters": [{"uuid": CLUSTER, "name": "prod"}, {"uuid": "00000000-1111-4222-8333-444444444444"}],
        }
        if self.listed and path in lists:
            return Reply(200, lists[path])
        return super().route(seen, path, caller)


@pytest.fixture
def plane() -> ListingPlane:
    return ListingPlane()


@pytest.fixture
def server(plane: ListingPlane, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("ASSAY_CLIENT_ID", "researcher")
    monkeypatch.setenv("ASSAY_CLIENT_SECRET", SECRET)
    with serving(plane) as running:
        yield running


def test_by_flags(assay: Assay, server: Server, plane: ListingPlane, tmp_path: Path) -> None:
    said = assay("init", "--base-url", server.base_url, "--project", "vision", "--ci", "github")
    assert said.code == 0, said.text
    assert f"cluster: {CLUSTER} (prod), the only one" in said.out
    assert "This target can be tested, with 1 limitation." in said.out
    text = (tmp_path / "assay.toml").read_text()
    assert SECRET not in text + said.text
    settings = load_settings({}, env={})
    assert (settings.base_url, settings.project, settings.cluster) == (server.base_url, PROJECT, CLUSTER)
    assert (settings.max_live, settings.gpu_limit) == (10, 0)
    assert "the project's quota is 4 devices" in text
    assert plane.workloads == {}
    job = yaml.safe_load((tmp_path / ".github" / "workflows" / "assay.yml").read_text())["jobs"]["assay"]
    (gate,) = [step["run"] for step in job["steps"] if "assay gate" in step.get("run", "")]
    assert gate == ".venv/bin/assay gate --config assay.toml --out assay-report"


@pytest.mark.parametrize(("latency", "rps"), [(0.004, 200), (0.04, 200), (0.3, 100), (9.0, 100)])
def test_the_proposed_rate_is_enough_for_the_load_profiles(latency: float, rps: int) -> None:
    proposal = Proposal("https://h", ListedPlace(PROJECT, ""), ListedPlace(CLUSTER, ""), latency)
    assert f"max_rps = {rps} " in proposal.toml()


def test_a_job_for_gitlab(assay: Assay, server: Server, tmp_path: Path) -> None:
    said = assay("init", "--base-url", server.base_url, "--project", ANOTHER, "--yes", "--ci", "gitlab")
    assert said.code == 2  # this identity has no rights there
    assert "project 4501102 may not be used" in said.text
    assert not (tmp_path / "assay.toml").exists()
    said = assay("init", "--base-url", server.base_url, "--project", PROJECT, "--yes", "--ci", "gitlab")
    assert said.code == 0, said.text
    job = yaml.safe_load((tmp_path / ".gitlab-ci.yml").read_text())["assay"]
    assert job["retry"]["exit_codes"] == [3]
    assert job["artifacts"]["reports"] == {"junit": "assay-report/junit.xml"}


def test_names_of_any_kind_stay_comments(assay: Assay, server: Server, plane: ListingPlane, tmp_path: Path) -> None:
    plane.projects = ((PROJECT, 'spee"ch\n[x]\x00y'),)
    said = assay("init", "--base-url", server.base_url)
    assert said.code == 0, said.text
    assert f'project = "{PROJECT}"  # spee"ch [x]y\n' in (tmp_path / "assay.toml").read_text()
    assert load_settings({}, env={}).project == PROJECT


def test_nothing_is_replaced_unasked(assay: Assay, server: Server, tmp_path: Path) -> None:
    (tmp_path / "assay.toml").write_text("mine")
    said = assay("init", "--base-url", server.base_url, "--project", PROJECT)
    assert (said.code, (tmp_path / "assay.toml").read_text()) == (2, "mine")
    assert "assay.toml would be replaced" in said.err
    assert server.seen == []
    assert assay("init", "--base-url", server.base_url, "--project", PROJECT, "--force").code == 0
    assert load_settings({}, env={}).project == PROJECT


def test_what_is_missing_without_a_terminal(assay: Assay, server: Server, plane: ListingPlane) -> None:
    assert "--base-url is not given" in assay("init").err
    said = assay("init", "--base-url", server.base_url)
    assert said.code == 2
    assert f"{PROJECT} (vision)" in said.out
    assert "--project is not given" in said.err
    plane.listed = False
    assert "--project is not given" in assay("init", "--base-url", server.base_url).err
    place = ("--project", PROJECT, "--cluster", CLUSTER)
    assert assay("init", "--base-url", server.base_url, *place).code == 0
    assert "--ci jenkins is not known" in assay("init", "--ci", "jenkins").err


def test_what_cannot_be_used_is_not_written(
    assay: Assay, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_CLIENT_SECRET", "wrong")
    said = assay("init", "--base-url", server.base_url, "--project", PROJECT)
    assert said.code == 2
    assert "refused the credentials" in said.err
    with serving(lambda _: error(503, "later")) as sick:
        said = assay("init", "--base-url", sick.base_url, "--project", PROJECT)
    assert said.code == 3
    assert "the control plane is unavailable (503): later" in said.err
    assert not (tmp_path / "assay.toml").exists()


class Terminal:
    """Somebody who answers every question; ``asked`` are the questions, hidden ones with a mark."""

    def __init__(self, answers: Mapping[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self._answers = answers
        monkeypatch.setattr(sys, "stdin", self)
        monkeypatch.setattr(typer, "prompt", self.prompt)
        monkeypatch.setattr(typer, "confirm", lambda question: self.prompt(question) == "yes")

    def isatty(self) -> bool:
        return True

    def prompt(self, question: str, *, hide_input: bool = False, **_: Any) -> str:
        self.asked.append(question + " (hidden)" * hide_input)
        return next(given for words, given in self._answers.items() if words in question).pop(0)


def test_at_a_terminal(assay: Assay, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question is answered by hand: an address that is none first, and an id by the name of a variable."""
    monkeypatch.delenv("ASSAY_CLIENT_ID")
    monkeypatch.delenv("ASSAY_CLIENT_SECRET")
    monkeypatch.setenv("MY_CLIENT", "researcher")
    answers = {
        "URL": ["localhost", server.base_url],
        "Client id": ["MY_CLIENT"],
        "Client secret": [SECRET],
        "Project": ["visoin", "vision"],
        "CI system": ["jenkins", "GitLab"],
        "Replace": ["no", "yes"],
    }
    terminal = Terminal(answers, monkeypatch)
    said = assay("init")
    assert said.code == 0, said.text
    assert "perhaps https://localhost" in said.out
    assert "visoin is no project of these credentials: a project's id is a number" in said.out
    assert terminal.asked == [
        "URL of the control plane (https://...)",
        "URL of the control plane (https://...)",
        "Client id (empty: a token)",
        "Client secret (hidden)",
        "Project (id or name)",
        "Project (id or name)",
        "A job for a CI system as well? (github, gitlab; empty: none)",
        "A job for a CI system as well? (github, gitlab; empty: none)",
    ]
    assert "assay gate" in (tmp_path / ".gitlab-ci.yml").read_text()
    assert SECRET not in said.text + (tmp_path / "assay.toml").read_text()
    assert load_settings({}, env={}).project == PROJECT
    assert assay("init").code == 130
    assert terminal.asked[-1] == "Replace assay.toml?"


def test_what_was_typed_wrong_is_asked_for_again(
    assay: Assay, server: Server, plane: ListingPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address where nothing listens, a secret that is refused, and a cluster by a name that nothing lists."""
    monkeypatch.delenv("ASSAY_CLIENT_ID")
    monkeypatch.delenv("ASSAY_CLIENT_SECRET")
    plane.listed = False
    answers = {
        "URL": ["http://127.0.0.1:9", server.base_url],
        "Client id": ["", "researcher", "researcher"],
        "Token": ["two words"],
        "Client secret": ["canary", SECRET],
        "Project": ["vision", PROJECT],
        "Cluster": ["prod", CLUSTER],
        "CI system": [""],
    }
    terminal = Terminal(answers, monkeypatch)
    said = assay("init")
    assert said.code == 0, said.text
    assert not any(answers.values())
    assert "nothing listens at 127.0.0.1:9" in said.out
    assert "does not hold a token" in said.out
    assert "refused the credentials" in said.out
    assert "a cluster's id is a UUID" in said.out
    assert terminal.asked.index("Client id (empty: a token)") == 2  # not before the address is known to be right
    assert "canary" not in said.text
    assert load_settings({}, env={}).cluster == CLUSTER
    assert [file.name for file in tmp_path.iterdir() if file.name != "state"] == ["assay.toml"]


def test_what_was_given_wrong_is_not_asked_for(assay: Assay, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    Terminal({}, monkeypatch)
    assert assay("init", "--base-url", "http://127.0.0.1:9").code == 3
    said = assay("init", "--base-url", server.base_url, "--cluster", "prod")
    assert (said.code, server.seen) == (2, [])
    assert "a cluster is named by its UUID" in said.err
    said = assay("init", "--base-url", server.base_url, "--project", "visoin")
    assert said.code == 2
    assert "a project's id is a number" in said.err
    assert "give one that these credentials see: 4501101 (vision)" in said.err


def test_a_long_list_is_cut_and_says_so(assay: Assay, server: Server, plane: ListingPlane) -> None:
    plane.projects = tuple((str(4501101 + number), f"team-{number}") for number in range(60))
    said = assay("init", "--base-url", server.base_url)
    assert "(team-39)\n  and 20 more, which may be named as well" in said.out
    assert assay("init", "--base-url", server.base_url, "--project", "team-0").code == 0


def in_the_way(place: Path, what: str) -> None:
    if what == "folder":
        (place / "assay.toml").mkdir()
    elif what == "dangling":
        (place / "assay.toml").symlink_to("nowhere")
    else:
        (place / ".github").write_text("mine")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("folder", "assay.toml is a folder, and a file of that name is to be written"),
        ("dangling", "assay.toml cannot be written: it is no regular file"),
        ("file", "assay.yml cannot be written"),
    ],
)
def test_what_stands_where_a_file_is_to_be_written(
    assay: Assay, server: Server, tmp_path: Path, what: str, words: str
) -> None:
    in_the_way(tmp_path, what)
    said = assay("init", "--base-url", server.base_url, "--project", PROJECT, "--ci", "github", "--force")
    assert (said.code, server.seen) == (2, [])
    assert words in said.err
    assert "remove" in said.err
    assert not (tmp_path / "assay.toml").is_file()


def test_how_the_target_is_reached_is_written_without_a_secret() -> None:
    env = {"ASSAY_PROXY": "http://user:canary@p:1", "ASSAY_HEADER_X_ACCESS": "canary"}
    flags = {"base_url": "https://h", "client_cert": Path("c.pem"), "insecure": True}
    lines = way_of(load_settings(flags, env=env)).splitlines()
    assert lines == [
        f'client_cert = "{Path("c.pem").resolve()}"',
        "insecure = true  # certificates are not checked",
        "# proxy: set ASSAY_PROXY, for its URL holds a password",
        "# header X-Access: set ASSAY_HEADER_X_ACCESS",
    ]
    elsewhere = load_settings({"base_url": "https://h"}, env={"ASSAY_TOKEN_URL": "https://idp/token"})
    assert way_of(elsewhere) == 'token_url = "https://idp/token"\n'
    assert way_of(load_settings({"base_url": "https://h", "proxy": "http://p:1"}, env={})) == 'proxy = "http://p:1"\n'
