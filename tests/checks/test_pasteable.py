"""What a report offers for pasting works in a shell, long after the run's own workload is gone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from assay.checks import deletion, lifecycle, recorder
from assay.checks.exchange import Exchange
from assay.checks.target import PLAIN_SPEC, TargetUnderTest
from assay.client.preflight.recognise import unknown_workload
from tests.checks.schemathesis_support import probing

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def _paste(target: TargetUnderTest, exchange: Exchange) -> tuple[str, str]:
    """The script, and what it prints."""
    text = recorder.script(target.session, exchange)
    env = {**os.environ, "ASSAY_TOKEN": target.session.token(), "no_proxy": "*"}
    return text, subprocess.run(["/bin/sh", "-c", text], check=True, capture_output=True, text=True, env=env).stdout


def test_a_workload_is_made_anew_and_deleted_again(tmp_path: Path) -> None:
    with probing(tmp_path) as target:
        with target.workload("t", PLAIN_SPEC) as workload:
            exchange = lifecycle.patch(target, "t", workload, {"command": f"it's {workload.id}"})
        deletion.await_deletion(target, "t", workload)
        text, printed = _paste(target, exchange)
        status, _, rest = printed.partition("\n")
        answered = json.loads(rest.split("\n\n", 1)[1])
        assert status.split()[1] == str(exchange.status)
        assert workload.id not in text
        assert answered["name"] == workload.created.object()["name"]
        assert answered["workloadId"] != workload.id
        assert answered["spec"]["command"] == f"it's {answered['workloadId']}"
        assert not [
            found for found in target.session.find_by_name(answered["name"]) or () if found["phase"] != "Deleting"
        ]


def test_what_needs_nothing_is_one_line(tmp_path: Path) -> None:
    with probing(tmp_path) as target:
        exchange = target.send(unknown_workload(target.contract), test="t")
        text, printed = _paste(target, exchange)
        assert "\n" not in text
        assert printed.split()[1] == "404"
