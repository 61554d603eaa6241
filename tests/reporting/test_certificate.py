"""A certificate names what was certified, and shows whether anything was altered since."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.cli.main import main
from assay.errors import SettingsError
from assay.findings.detection import Causes, Detection, Share, Survivor
from assay.reporting import certificate, html
from assay.reporting.certificate import verify
from assay.reporting.write_all import write_all
from tests.findings.samples import judge, load, ran, run_info
from tests.reporting.conftest import Run

DETECTION = Detection(
    profile="certify",
    seed=1,
    version="0.1.0",
    digests={"store": "sha256:0"},
    shares={"store": {"read": Share(4, 3, 1, 1)}},
    effort={"store": {"requests": {"median": 10, "p90": 99}, "seconds": {"median": 0.1, "p90": 1.5}}},
    survivors={"store/<b>stale": Survivor("reads are <i>stale</i>", 1361, 3390)},
    equivalent={"nobody <u>could</u> tell": 1},
    not_tried={"performance": "under load only"},
    causes=Causes(defects=3, one=2, median=1, most=2, named=3),
)


@pytest.fixture
def certified(tmp_path: Path) -> Path:
    """The folder of a certification that passed."""
    events = [ran("tests/a"), load()]
    run = run_info(
        command="certify",
        run_id="certify-1",
        parts=frozenset({"contract", "load"}),
        contract_digests={"merged": {"inferences-2.22.yaml": "sha256:1"}},
    )
    assert write_all(judge(*events, run=run), events, tmp_path) == []
    return tmp_path


def test_it_says_what_was_certified(certified: Path) -> None:
    said = json.loads((certified / "certificate.json").read_text())
    verdict = json.loads((certified / "verdict.json").read_text())
    for name in ("verdict", "target", "seed", "started", "finished", "not_tested", "load", "run"):
        assert said[name] == verdict[name]
    assert said["contract"] == {"version": "2.22", "merged": {"inferences-2.22.yaml": "sha256:1"}}
    assert said["tested"]["parts"] == ["contract", "load"]
    assert said["tested"]["tests"]["passed"] == 1
    assert set(said["files"]) == {"verdict.json", "report.html", "junit.xml", "summary.md", "allure-results"}


def test_it_carries_the_score_of_the_suite(full: Run) -> None:
    said = certificate.to_json(full[0], DETECTION, {})["detection"]
    assert said["families"]["store"]["caught"] == 3
    assert said["suite"] == {"version": "0.1.0"}
    assert said["families"]["store"]["suite_digest"] == "sha256:0"
    assert said["measured_with_this_suite"] is False


def test_a_failing_run_gets_one_too_with_its_findings_and_waivers(full: Run) -> None:
    said = certificate.to_json(full[0], None, {})
    assert said["verdict"] == "fail"
    assert said["findings"] == {"violation": 2, "gap": 1, "advisory": 0, "waived": 1}
    assert said["failing"] == [finding.id for finding in full[0].failing]
    assert [waiver["reason"] for waiver in said["waivers"]]
    assert said["detection"] is None


def test_what_is_as_it_was_written_is_intact(certified: Path) -> None:
    found = verify(certified)
    assert found.intact
    assert set(found.files.values()) == {"intact"}


@pytest.mark.parametrize("name", ["verdict.json", "report.html", "summary.md"])
def test_an_altered_file_is_named(certified: Path, name: str) -> None:
    with (certified / name).open("a") as file:
        file.write(" ")
    found = verify(certified)
    assert not found.intact
    assert {key for key, state in found.files.items() if state == "altered"} == {name}


def test_an_altered_result_in_a_folder_is_seen(certified: Path) -> None:
    next((certified / "allure-results").iterdir()).unlink()
    assert verify(certified).files["allure-results"] == "altered"


def test_missing_and_added_files_are_named(certified: Path) -> None:
    (certified / "junit.xml").unlink()
    (certified / "more.txt").write_text("x")
    states = verify(certified).files
    assert states["junit.xml"] == "missing"
    assert states["more.txt"] == "not certified"


def test_a_certificate_that_was_altered_contradicts_its_verdict(certified: Path) -> None:
    file = certified / "certificate.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "verdict": "fail"}))
    found = verify(certified)
    assert not found.intact
    assert "verdict" in found.contradictions[0]


@pytest.mark.parametrize("text", [None, "no json", "[]", '{"schema": "other"}'])
def test_a_folder_without_a_certificate_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "certificate.json").write_text(text)
    with pytest.raises(SettingsError, match=r"certificate\.json"):
        verify(tmp_path)


def exit_code(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(["verify", *arguments])
    return ended.value.code


def test_the_command_checks_the_certificate_itself_by_its_digest(
    certified: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = certificate.certificate_digest(certified)
    assert digest is not None
    assert exit_code(str(certified), "--sha256", digest) == 0
    assert "intact" in capsys.readouterr().out
    assert exit_code(str(certified), "--sha256", "0" * 64) == 1
    assert digest.removeprefix("sha256:") in capsys.readouterr().out
    (certified / "summary.md").write_text("all is well")
    assert exit_code(str(certified)) == 1
    assert "altered" in capsys.readouterr().out


def test_a_gate_writes_no_certificate(tmp_path: Path) -> None:
    events = [ran("tests/a")]
    assert write_all(judge(*events, run=run_info(command="gate")), events, tmp_path) == []
    assert not (tmp_path / "certificate.json").exists()


def test_the_report_shows_the_score_with_its_survivors(full: Run) -> None:
    document = html.render(full[0], full[2], DETECTION)
    for text in ("75.0 %", "store/", "&lt;b&gt;stale", "reads are &lt;i&gt;stale", "1,361", "0.10", "load only"):
        assert text in document
    assert "nobody &lt;u&gt;could" in document
    assert 'href="#detection"' in document
    assert "#detection" not in html.render(full[0], full[2])
