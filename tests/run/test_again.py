"""The command that replays a finding works as it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assay.client.layers import load_settings
from assay.run.again import replayable

FINDING = {"t": "finding", "evidence": {"replay": "assay replay F-1a2b3c4d"}}
CLUSTER = "71f69d83-ba66-4822-adf5-55ce55efd210"


def printed(flags: dict[str, Any], out: Path | None = None, config: Path | None = None) -> str:
    (event,) = replayable([FINDING], load_settings(flags, env={}, config=config), out)
    said: str = event["evidence"]["replay"]
    return said


@pytest.mark.parametrize(
    ("flags", "out", "more"),
    [
        ({}, None, ""),
        ({}, Path("my out"), " --run 'my out'"),
        ({"base_url": "https://h", "project": "7", "cluster": CLUSTER}, None, f" --project 7 --cluster {CLUSTER}"),
        ({"proxy": "socks5h://p:1"}, None, " --proxy socks5h://p:1"),
        ({"ca_file": Path("ca.pem"), "max_gpu_devices": 2}, None, " --ca-file {cwd}/ca.pem --max-gpu-devices 2"),
        ({"insecure": True, "concurrency": 3}, None, " --insecure"),
        (
            {"contract": Path("/c.yaml"), "corrections": Path("/o.yaml")},
            None,
            " --contract /c.yaml --corrections /o.yaml",
        ),
    ],
)
def test_flags_of_the_run_are_flags_of_the_replay(flags: dict[str, Any], out: Path | None, more: str) -> None:
    given = load_settings(flags, env={})
    expected = more.replace("{cwd}/ca.pem", str(given.ca_file))
    assert printed(flags, out) == f"assay replay F-1a2b3c4d{expected}"


def test_what_stands_in_a_file_is_read_there_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("assay.toml", "other.toml"):
        Path(name).write_text('project = "7"\n')
    assert printed({}) == "assay replay F-1a2b3c4d"
    assert printed({}, config=Path("other.toml")) == "assay replay F-1a2b3c4d --config other.toml"


def test_other_events_are_left_alone() -> None:
    events: list[Mapping[str, Any]] = [{"t": "test", "id": "a"}, {"t": "finding", "evidence": None}]
    assert replayable(events, load_settings({}, env={}), Path("o")) == events


def test_replay_takes_every_flag_that_is_printed() -> None:
    from inspect import signature

    from assay.cli.replay import replay
    from assay.run.again import _TAKEN

    assert {*_TAKEN, "run", "config"} <= set(signature(replay).parameters)
