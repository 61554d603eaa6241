"""Scripts of findings: they tell a defective control plane from a sound one, and leave nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from assay.checks import access, concurrency, deletion, fidelity, lifecycle, spelling
from assay.checks.claims import leaves
from assay.checks.exchange import ContractBreachError
from assay.checks.specs import RICH
from assay.clock import SYSTEM
from assay.contract import documents
from assay.findings.model import Class, Finding
from assay.polling import look_until
from assay.prove.bench import Bench
from assay.reference import embedded
from assay.reference.defects import catalogue
from assay.reference.embedded import Embedded, Options
from assay.reporting import reproduce
from tests.reproduce.trying import RUN, environment, finding_of, left_on, ran, reproduced, unseen_sides

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]


@pytest.fixture(scope="module")
def sound() -> Iterator[Embedded]:
    with embedded.start() as plane:
        yield plane


def _forged(bench: Bench) -> None:
    nobody = next(item for item in access.FORGERIES if item.id == "no-token")
    with bench.target.workload("access/one") as workload:
        request = bench.target.contract.reading.request(workload=workload.id)
        sent = bench.target.send(
            request,
            test="access/one",
            expectation=access.UNAUTHENTICATED,
            also=access.JUDGED_HERE,
            auth=None,
            setup=(workload.created,),
        )
        bench.target.verify(sent.with_deviations(*access.forged(sent, nobody)))


SAMPLE: dict[str, Callable[[Bench], None]] = {
    "rule-off/scheduling/priority-class-known": lambda bench: fidelity.after_a_refusal(bench.target, "t"),
    "response-field/create/workloadId/null": lambda bench: lifecycle.read_your_writes(bench.target, "t", RICH),
    "store/update-lost": lambda bench: lifecycle.update_is_stored(bench.target, "t", RICH, {"command": "other"}),
    "store/read-tells-other-createdBy": lambda bench: lifecycle.read_your_writes(bench.target, "t", RICH),
    "identity/read/no-token": _forged,
    "request-legal/update/path.workloadId/capitals": lambda bench: spelling.id_in_capitals(
        bench.target, "t", bench.target.contract.updating
    ),
}


def _found(name: str, drive: Callable[[Bench], None]) -> Finding:
    def driven(bench: Bench) -> None:
        try:
            drive(bench)
        except ContractBreachError as breach:
            bench.target.recorder.write(*breach.findings)
        except AssertionError:
            pass  # a workload that the test needs was not made: that was recorded before

    finding = finding_of(catalogue(documents.load())[name], driven)
    assert finding is not None
    return finding


@pytest.mark.parametrize("name", SAMPLE)
def test_it_shows_where_it_is_and_nowhere_else(name: str, sound: Embedded, tmp_path: Path) -> None:
    done = reproduced(name, _found(name, SAMPLE[name]), sound, tmp_path)
    assert done.ok, f"{done.broken}\n{done.sound}"
    assert done.broken is not None
    assert done.sound is not None
    assert "expected:" in done.broken.told
    assert "actual:" in done.broken.told
    assert "It shows no longer." in done.sound.told


COMPARED: dict[str, tuple[str, Callable[[Bench], None]]] = {
    "store/read-tells-other-createdBy": ("same", SAMPLE["store/read-tells-other-createdBy"]),
    "store/update-lost": ("told", SAMPLE["store/update-lost"]),
}


@pytest.mark.parametrize("name", COMPARED)
def test_evidence_holds_both_sides_of_a_comparison(name: str) -> None:
    check, drive = COMPARED[name]
    found = _found(name, drive)
    assert found.evidence is not None
    assert found.evidence.reproduction is not None
    assert check in {claim[0] for claim in found.evidence.reproduction["expects"]}
    assert unseen_sides(found) == []
    emptied = replace(found, evidence=replace(found.evidence, setup=(), after=()))
    assert unseen_sides(emptied)


RACES: dict[str, Callable[[Bench], None]] = {
    "race/update-lost": lambda bench: concurrency.updates(bench.target, "concurrency/t", RICH),
    "race/crossed-answers": lambda bench: concurrency.creations(bench.target, "concurrency/t", 2),
    "race/update-fails": lambda bench: concurrency.updates(bench.target, "concurrency/t", RICH),
}


@pytest.mark.parametrize("name", RACES)
def test_what_meets_at_one_moment_is_sent_at_one_moment(name: str, sound: Embedded, tmp_path: Path) -> None:
    whole = reproduce.script(_found(name, RACES[name]), RUN)
    file = tmp_path / "script.sh"
    file.write_text(re.sub("patience=[0-9]+ rounds=[0-9]+", "patience=0 rounds=2", whole))
    lawful = ran(file, sound)
    assert (lawful.code, lawful.left) == (1, ()), lawful.told
    assert lawful.told.splitlines()[-1] == "It shows no longer. In 0 of 2 rounds."
    file.write_text(re.sub("patience=[0-9]+", "patience=0", whole))
    with embedded.start(Options(defects=(name,))) as plane:
        done = ran(file, plane)
    assert (done.code, done.left) == (0, ()), done.told
    assert re.fullmatch(r"It shows\. In 3 of [0-9]+ rounds\.", done.told.splitlines()[-1])


def test_what_is_found_at_tear_down_follows_what_the_test_has_deleted() -> None:
    found = _found("error-body/delete/details-list", lambda bench: deletion.deletion(bench.target, "t"))
    assert found.evidence is not None
    assert found.evidence.request["method"] == "DELETE"
    assert [step["request"]["method"] for step in found.evidence.setup] == ["POST", "DELETE", "GET"]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script of a lost update."""
    file = tmp_path_factory.mktemp("script") / "script.sh"
    file.write_text(reproduce.script(_found("store/update-lost", SAMPLE["store/update-lost"]), RUN), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ASSAY_BASE_URL": "http://127.0.0.1:1"}, "no token"),
        ({"ASSAY_BASE_URL": ""}, "set ASSAY_BASE_URL"),
        ({"ASSAY_CLIENT_ID": "", "ASSAY_TOKEN": ""}, "set ASSAY_TOKEN"),
        ({"ASSAY_CLIENT_SECRET": "wrong"}, "no token for the client credentials"),
        ({"ASSAY_TOKEN": "ended"}, "401"),
        ({"ASSAY_PROJECT": "4501103"}, "answered 403"),
    ],
)
def test_what_cannot_be_tried_is_said(variables: dict[str, str], words: str, sound: Embedded, script: Path) -> None:
    done = ran(script, sound, **variables)
    assert (done.code, done.left) == (2, ())
    assert words in done.told
    assert "assay replay F-" in done.told


def test_no_secret_is_in_a_script_or_an_argument(sound: Embedded, script: Path, tmp_path: Path) -> None:
    spy = tmp_path / "curl"
    spy.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{tmp_path}/arguments\nexec {shutil.which("curl")} "$@"\n')
    spy.chmod(0o755)
    done = ran(script, sound, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.code == 1
    arguments = (tmp_path / "arguments").read_text()
    assert "/api/v1/workloads/inferences" in arguments
    secret = sound.clients[0].client_secret
    for text in (arguments, script.read_text(), done.told):
        assert secret not in text
        assert "eyJ" not in text


def test_an_interrupted_script_deletes_what_it_made(script: Path) -> None:
    with embedded.start(Options(defects=("store/update-lost",))) as plane:  # it waits 15 s for the update to show
        running = subprocess.Popen(["/bin/sh", str(script)], stdout=subprocess.DEVNULL, env=environment(plane))
        there = look_until(lambda: left_on(plane, 0.0), bool, within=30.0, every=0.2, clock=SYSTEM)
        running.send_signal(signal.SIGTERM)
        assert there
        assert running.wait(30) == 130
        assert left_on(plane) == ()


def test_a_reader_that_goes_away_leaves_nothing_behind(sound: Embedded, script: Path) -> None:
    read, write = os.pipe()
    running = subprocess.Popen(["/bin/sh", str(script)], stdout=write, stderr=write, env=environment(sound))
    os.close(write)
    os.close(read)
    assert running.wait(60) in {1, 130}
    assert left_on(sound) == ()


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script of a rule that is not enforced: a refusal is what is expected."""
    file = tmp_path_factory.mktemp("script") / "script.sh"
    name = "rule-off/scheduling/priority-class-known"
    file.write_text(reproduce.script(_found(name, SAMPLE[name]), RUN), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ASSAY_PROJECT": "4501103"}, "an ordinary creation 403"),
        ({"ASSAY_CLUSTER": "00000000-0000-4000-8000-000000000000"}, "an ordinary creation 4"),
        ({"ASSAY_TOKEN": "ended"}, "the credentials are refused (401)"),
    ],
)
def test_a_refusal_for_a_reason_of_the_user_is_no_enforcement(
    variables: dict[str, str], words: str, sound: Embedded, lenient: Path
) -> None:
    done = ran(lenient, sound, **variables)
    assert (done.code, done.left) == (2, ()), done.told
    assert words in done.told


def _in_front(folder: Path, *statuses: int) -> dict[str, str]:
    """A curl whose first answers are these, of a gateway; POSTs are delivered all the same."""
    for number, status in enumerate(statuses):
        (folder / f"{number}.next").write_text(str(status))
    spy = folder / "curl"
    spy.write_text(
        f"""#!/bin/sh
case "$*" in *"/api/v1/token"*) exec {shutil.which("curl")} "$@" ;; esac
for each in {folder}/*.next; do
  [ -f "$each" ] || break
  status=$(cat "$each")
  rm "$each"
  {shutil.which("curl")} "$@" >/dev/null
  printf %s "$status"
  exit 0
done
exec {shutil.which("curl")} "$@"
"""
    )
    sleep = folder / "sleep"
    sleep.write_text(f"#!/bin/sh\nexec {shutil.which('sleep')} 0.05\n")
    for each in (spy, sleep):
        each.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_a_gateway_that_answers_in_between_is_asked_again(sound: Embedded, script: Path, tmp_path: Path) -> None:
    done = ran(script, sound, **_in_front(tmp_path, 502))  # the creation was done, and its answer lost
    assert (done.code, done.left) == (1, ()), done.told
    done = ran(script, sound, **_in_front(tmp_path, *[503] * 4))
    assert (done.code, done.left) == (2, ())
    assert "the control plane is busy (503)" in done.told


def _common(command: str, given: bytes = b"") -> str:
    """What a function of the common part prints."""
    lines = reproduce.common(shown=True).rstrip().removesuffix("\nrun")
    done = subprocess.run(["/bin/sh", "-c", f"{lines}\n{command}"], input=given, capture_output=True, check=True)
    return done.stdout.decode()


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -2.5, 1e30, True, False], "b": {"c": "", "d": "x y"}},
        {"texts": ['"quoted" \\ /', "line\nbreak\ttab\r", "\x01\b\f", "Grüße 日本 🚀", "é\u0301"]},
        ["x" * 3000 + '"' + "y" * 3000],
        "plain",
    ],
)
def test_json_is_read_as_we_read_it(value: object) -> None:
    for ascii_only in (True, False):
        told = _common("flat", json.dumps(value, ensure_ascii=ascii_only, indent=1).encode()).splitlines()
        values = [line for line in told if line.split(" ")[1] not in {"object", "array"}]
        assert [_without_positions(line) for line in values] == list(leaves(value, "body"))


def _without_positions(line: str) -> str:
    path, _, rest = line.partition(" ")
    return f"{'/'.join('*' if step.isdigit() else step for step in path.split('/'))} {rest}"


@pytest.mark.parametrize("text", ["", "{", '{"a":}', "[1,]", '{"a":1} x', "NaN", "'x'", '{"a" 1}', '["a'])
def test_what_is_no_json_is_refused(text: str) -> None:
    assert _common("flat >/dev/null || echo refused", text.encode()) == "refused\n"


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00Z", "2000-02-29T12:34:56Z", "2026-11-28T23:59:59.250000Z"])
def test_moments_are_read_and_written(at: str) -> None:
    assert _common(f'stamp "$(epoch {at})" 0').strip() == at
    assert _common(f'stamp "$(epoch {at})" 0 %2B05:30').strip() == _spelled(at, 5.5).replace("+", "%2B")
    assert _common(f'stamp "$(epoch {at})" 0 -08:00').strip() == _spelled(at, -8)
    assert _common("epoch 2026-01-01T01:30:00+01:30") == _common("epoch 2026-01-01T00:00:00Z")


def _spelled(at: str, hours: float) -> str:
    return datetime.fromisoformat(at).astimezone(timezone(timedelta(hours=hours))).isoformat()


def test_it_is_plain_posix(script: Path) -> None:
    assert subprocess.run(["/bin/sh", "-n", str(script)]).returncode == 0
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", "-s", "sh", str(script)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


MISSED = Finding(
    cls=Class.VIOLATION,
    check="slo",
    operation="get_inference",
    rule="p95_ms",
    location="/load/get_inference/p95_ms",
    summary="p95_ms of get_inference is 1,006.08 ms",
    why="service level objective",
    test="load",
)


def _by_replay(folder: Path, ended: int | None, **variables: str) -> tuple[int, str]:
    """The script of a missed limit, in the reports of its run; with an assay that ends so, or without one."""
    (folder / "out" / "reproduce").mkdir(parents=True)
    (folder / "out" / "verdict.json").touch()
    file = folder / "out" / "reproduce" / f"{MISSED.id}.sh"
    file.write_text(reproduce.script(MISSED, replace(RUN, replay_flags=" --run 'my out' --project 7")))
    (folder / "bin").mkdir()
    for name in ("dirname", "printf"):
        (folder / "bin" / name).symlink_to(shutil.which(name) or "")
    if ended is not None:
        (folder / "bin" / "assay").write_text(f'#!/bin/sh\nprintf "%s|" "$@"\nexit {ended}\n')
        (folder / "bin" / "assay").chmod(0o755)
    env = {"PATH": str(folder / "bin"), **variables}
    done = subprocess.run(["/bin/sh", str(file)], capture_output=True, text=True, env=env)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("ended", "code"), [(1, 0), (0, 1), (3, 2), (2, 2), (130, 130)])
def test_what_a_script_cannot_show_assay_measures_again(ended: int, code: int, tmp_path: Path) -> None:
    done, told = _by_replay(tmp_path, ended)
    assert done == code
    assert "takes measurements under load" in told
    # The run beside the script is meant, wherever it was carried: the last flag of a name counts.
    folder = tmp_path / "out" / "reproduce" / ".."
    assert f"replay|{MISSED.id}|--run|my out|--project|7|--run|{folder}|" in told


def test_a_script_that_leaves_it_to_assay_goes_where_it_is_sent(tmp_path: Path) -> None:
    _, told = _by_replay(tmp_path, 1, ASSAY_BASE_URL="http://h", ASSAY_PROJECT="8", ASSAY_CLUSTER="c")
    assert "|--base-url|http://h|--project|8|--cluster|c|" in told


def test_without_assay_a_script_says_what_it_takes(tmp_path: Path) -> None:
    done, told = _by_replay(tmp_path, None)
    assert done == 2
    assert "Install assay" in told
    assert f"with assay at hand: assay replay {MISSED.id}" in told


def test_without_curl_assay_tries_it(script: Path, tmp_path: Path) -> None:
    for name in ("dirname", "printf"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    env = {"PATH": str(tmp_path), "ASSAY_BASE_URL": "http://127.0.0.1:1"}
    done = subprocess.run(["/bin/sh", str(script)], capture_output=True, text=True, env=env)
    assert done.returncode == 2
    assert "curl is not installed" in done.stderr
    (tmp_path / "assay").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "assay").chmod(0o755)
    done = subprocess.run(["/bin/sh", str(script)], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "It shows.")
