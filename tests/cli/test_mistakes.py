"""What a user can get wrong: one clear message, the way out, exit 2, never a traceback, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Assay, Said

pytestmark = pytest.mark.slow

CLUSTER = "71f69d83-ba66-4822-adf5-55ce55efd210"
# Nothing listens there; a mistake must be told before anybody would notice.
TARGET = ("--base-url", "http://127.0.0.1:9", "--project", "1", "--cluster", CLUSTER)


def check(said: Said, *words: str) -> None:
    """Exit 2, one message that begins with our name and holds the words, and at most one line on what to do."""
    assert said.code == 2, said.text
    assert said.err.startswith("assay: ")
    assert said.out == ""
    assert len(said.err.strip().splitlines()) <= 2, said.err
    for word in words:
        assert word in said.err
    assert "Traceback" not in said.err


FLAGS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "unknown-command": (("nosuch",), ("No such command 'nosuch'", "assay --help")),
    "unknown-flag": (("gate", "--nosuch"), ("No such option: --nosuch", "assay gate --help")),
    "near-flag": (("gate", "--base-ur", "x"), ("--base-ur", "--base-url")),
    "flag-of-others": (("benchmark", "--contract", "x"), ("No such option: --contract\n",)),
    "turned-flag": (("gate", "--base-ulr", "x"), ("No such option: --base-ulr; did you mean --base-url?",)),
    "no-number": (("gate", "--seed", "x"), ("--seed", "expected an integer, found 'x'")),
    "seed-too-large": (("gate", "--seed", "99999999999"), ("--seed: expected less than 4,294,967,296, found 99999",)),
    "too-little": (("benchmark", "--rate", "-3"), ("--rate", "expected at least 0.01, found '-3'")),
    "no-choice": (("prove", "--profile", "x"), ("--profile", "'x' is not one of 'gate', 'certify'")),
    "value-missing": (("gate", "--only"), ("--only", "argument", "see: assay gate --help")),
    "negative": (("gate", *TARGET, "--max-live", "-1"), ("--max-live", "-1")),
    "no-url": (("gate", "--base-url", "localhost:80"), ("--base-url", "perhaps https://localhost:80")),
    "two-slashes": (("gate", "--base-url", "//h"), ("--base-url", "perhaps https://h")),
    "port-nought": (("gate", "--base-url", "http://h:0"), ("the port of a URL is a number from 1 to 65535",)),
    "blank-in-url": (("gate", "--base-url", "http://a b"), ("a base URL has no spaces in it",)),
    "out-is-a-file": (("gate", "--out", "/dev/null"), ("/dev/null cannot be written: a file stands where a folder",)),
    "one-slash": (("gate", "--base-url", "http:/h"), ("--base-url", "perhaps http://h")),
    "three-slashes": (("gate", "--base-url", "https:///h"), ("--base-url", "perhaps https://h")),
    "password-in-url": (("gate", "--base-url", "https://u:pw@h"), ("--base-url", "ASSAY_CLIENT_SECRET")),
    "no-cluster": (("gate", *TARGET[:5], "c"), ("--cluster", "UUID")),
    "class": (("gate", "--fail-on", "warning"), ("--fail-on", "violation")),
    "secret-as-flag": (("gate", "--client-secret", "s"), ("No such option: --client-secret",)),
    "part": (("gate", "--only", "nosuch"), ("--only nosuch selects nothing", "parts: contract, load", "rules")),
    "near-part": (("gate", "--only", "rule/compute"), ("did you mean rules/...?",)),
    "below-a-part": (("gate", "--only", "load/x"), ("--only load/x selects nothing: load is a part as a whole",)),
    "long-out": (("gate", "--out", "n" * 300), ("cannot be written: File name too long",)),
    "slash": (("gate", "--only", "/"), ("--only needs contract, load or a test-id prefix",)),
    "scenario": (("benchmark", "--scenario", "nope"), ("there is no scenario 'nope'", "create, lifecycle")),
    "no-finite-rate": (("benchmark", "--rate", "nan"), ("--rate", "found 'nan'")),
    "no-finite-tolerance": (
        ("compare", "a", "b", "--tolerance", "nan"),
        ("--tolerance", "found 'nan'"),
    ),
    "infinite": (("gate", "--max-rps", "inf"), ("--max-rps", "inf is not a finite number")),
    "searching": (
        ("benchmark", "--profile", "steps", "--duration", "9s"),
        ("a duration has no meaning for profile steps", "search"),
    ),
    "duration": (("benchmark", "--duration", "soon"), ("--duration", "'soon' is not a duration")),
    "no-duration": (("benchmark", "--duration", "0s"), ("--duration", "'0s' is not a positive duration")),
    "missing-config": (("gate", "--config", "nope.toml"), ("nope.toml cannot be read", "--config names")),
    "missing-waivers": (("gate", "--waivers", "nope.toml"), ("nope.toml", "cannot be read")),
    "missing-contract": (("gate", "--contract", "nope.yaml"), ("nope.yaml does not exist",)),
    "missing-corrections": (("gate", "--corrections", "nope.yaml"), ("nope.yaml does not exist",)),
    "nothing-to-replay": (("replay", "F-12345678"), ("no run to replay from", "run `assay gate` first")),
    "both-certificates": (("gate", "--insecure", "--ca-file", "x.pem"), ("give one of them",)),
    "no-defect": (
        ("serve", "--defect", "nosuch"),
        ("there is no defect 'nosuch'", "more; `assay prove --list` lists them all"),
    ),
    "near-defect": (
        ("serve", "--defect", "crash/create/body.deep-10"),
        ("did you mean crash/create/body.deep-100 or",),
    ),
    "no-variant": (
        ("serve", "--variant", "nosuch"),
        ("there is no variant 'nosuch'", "more; docs/serve.md tells of"),
    ),
    "no-version": (("contract", "merge", "--version", "9"), ("there is no version 9", "2.22")),
    "no-digest": (("verify", ".", "--sha256", "abc"), ("--sha256 abc is no digest", "64 hex digits")),
    "unknown-contract-command": (("contract", "nosuch"), ("No such command 'nosuch'", "assay contract --help")),
    "published-folder": (("contract", "merge", "--published", "nowhere"), ("nowhere holds no *.json document",)),
    "out-of-date": (("contract", "merge", "--check", "--out", "none.yaml"), ("none.yaml is not what",)),
}


@pytest.mark.parametrize(("arguments", "words"), FLAGS.values(), ids=FLAGS)
def test_flags(assay: Assay, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    check(assay(*arguments), *words)
    assert [entry.name for entry in tmp_path.iterdir()] == []


TOML: dict[str, tuple[str, tuple[str, ...]]] = {
    "misspelt": ('# mine\nbase_ur = "x"', ("assay.toml:2: base_ur is not a setting; did you mean base_url?",)),
    "far-off": ("zzz = 1", ("assay.toml:1: zzz is not a setting; see --help",)),
    "wrong-type": ('seed = "x"', ("assay.toml:1: seed:", "integer", "'x'")),
    "no-toml": ("seed = \n", ("assay.toml:1: not valid TOML: Invalid value", "https://toml.io shows the syntax")),
    "secret": ('client_secret = "hush-hush"', ("assay.toml:1: client_secret is a secret", "ASSAY_CLIENT_SECRET")),
}


@pytest.mark.parametrize(("text", "words"), TOML.values(), ids=TOML)
def test_settings_file(assay: Assay, tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    (tmp_path / "assay.toml").write_text(text)
    said = assay("gate")
    check(said, *words)
    assert "hush-hush" not in said.text


VARIABLES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "misspelt": ({"ASSAY_PROJCT": "1"}, ("ASSAY_PROJCT, which is not a setting; did you mean ASSAY_PROJECT?",)),
    "misspelt-secret": ({"ASSAY_CLIENT_SECRT": "hush-hush"}, ("did you mean ASSAY_CLIENT_SECRET?",)),
    "wrong-type": ({"ASSAY_MAX_LIVE": "many"}, ("ASSAY_MAX_LIVE:", "integer", "'many'")),
    "secret-file": ({"ASSAY_TOKEN_FILE": "nowhere"}, ("ASSAY_TOKEN_FILE names nowhere, which cannot be read",)),
}


@pytest.mark.parametrize(("variables", "words"), VARIABLES.values(), ids=VARIABLES)
def test_variables(
    assay: Assay, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: tuple[str, ...]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said = assay("gate")
    check(said, *words)
    assert "hush-hush" not in said.text


@pytest.mark.parametrize("command", ["gate", "certify", "benchmark"])
def test_missing_place(assay: Assay, command: str) -> None:
    check(
        assay(command, "--base-url", "http://127.0.0.1:9"),
        "a target needs --project",
        "--cluster",
        "ASSAY_PROJECT",
    )
    check(assay(command, *TARGET[:4]), "a target needs --cluster")
    check(assay(command, *TARGET[:2], *TARGET[4:]), "a target needs --project")


@pytest.mark.parametrize("command", ["gate", "certify", "benchmark"])
def test_missing_credentials(assay: Assay, tmp_path: Path, command: str) -> None:
    check(assay(command, *TARGET, "--out", "out"), "credentials are missing", "ASSAY_TOKEN", "ASSAY_CLIENT_ID")
    assert not (tmp_path / "out").exists()


def test_half_of_the_credentials(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CLIENT_ID", "me")
    check(assay("gate", *TARGET), "ASSAY_CLIENT_SECRET not set")


def test_out_that_holds_other_files(assay: Assay, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    check(assay("gate", "--out", "out"), "out holds other files (thesis.tex)", "--out takes a folder of its own")
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_out_that_is_a_file(assay: Assay, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    check(assay("gate", "--out", "out"), "out cannot be written")
    assert (tmp_path / "out").read_text() == "mine"


BROKEN_DOCUMENTS = {
    "a.yaml": ("openapi: 3.0.3\ninfo: {title: x\npaths: }", "a.yaml:3:6: not YAML"),
    "b.yaml": ("<html>hello</html>", "b.yaml is not an OpenAPI document"),
    "c.yaml": ('openapi: 3.1.0\ninfo: {title: x, version: "1"}\npaths: {}', "c.yaml is OpenAPI 3.1.0"),
    "d.yaml": ('openapi: 3.0.3\ninfo: {title: x, version: "1"}\npaths: {}', "lacks the inference operations create"),
    "e.yaml": ("openapi: 3.0.3\npaths: {}", 'is not valid OpenAPI 3.0 at its top: "info" is a required'),
    "f.json": ('{"openapi": "3.0.3",}', "f.json:1:21: not JSON"),
}
SHOW, GATE = ("contract", "show"), ("gate",)


@pytest.mark.parametrize("command", [SHOW, GATE], ids=["contract-show", "gate"])
@pytest.mark.parametrize("name", BROKEN_DOCUMENTS)
def test_broken_contract(assay: Assay, tmp_path: Path, command: tuple[str, ...], name: str) -> None:
    text, words = BROKEN_DOCUMENTS[name]
    (tmp_path / name).write_text(text)
    check(assay(*command, "--contract", name), words)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


BROKEN_OVERLAYS = {
    "actions: [": ":2:1: not YAML",
    "actions: []": "is not an OpenAPI Overlay",
    "overlay: 1.0.0\nactions: [{target: $.info, update: {a: b}}]": "action 1 ($.info) gives no reason",
    "overlay: 1.0.0\nactions: [{target: $.infos, description: d, update: {a: b}}]": "'$.infos' matches nothing",
    "overlay: 1.0.0\nactions: [{target: $.info, description: d, update: {version: [1]}}]": "at info/version",
}


@pytest.mark.parametrize("command", [SHOW, GATE], ids=["contract-show", "gate"])
@pytest.mark.parametrize("text", BROKEN_OVERLAYS)
def test_broken_corrections(assay: Assay, tmp_path: Path, command: tuple[str, ...], text: str) -> None:
    (tmp_path / "fix.yaml").write_text(text)
    check(assay(*command, "--corrections", "fix.yaml"), "fix.yaml", BROKEN_OVERLAYS[text])


def test_a_lawful_contract_is_shown(assay: Assay) -> None:
    """So the refusals above are not just everything."""
    said = assay("contract", "show")
    assert said.code == 0
    assert said.err == ""
    assert said.out.count("/api/v1/workloads/inferences") == 6
    assert assay("contract", "merge", "--check").code == 0


@pytest.mark.parametrize(
    "command",
    [
        "gate",
        "certify",
        "benchmark",
        "compare",
        "manifest",
        "serve",
        "doctor",
        "replay",
        "cleanup",
        "rules",
        "waive",
        "prove",
        "contract",
    ],
)
def test_help_of_every_command(assay: Assay, command: str) -> None:
    said = assay(command, "--help")
    assert said.code == 0
    assert f"assay {command}" in said.out
    assert len(said.out.split()) > 30


def test_version(assay: Assay) -> None:
    from assay import __version__

    said = assay("--version")
    assert (said.code, said.out) == (0, f"assay {__version__}\n")
