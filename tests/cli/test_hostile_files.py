"""Every option that takes a file, given everything that a file is not: a sentence, exit 2 or 3, at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.errors import EXIT_INCONCLUSIVE, EXIT_USAGE
from tests.cli.conftest import Assay

pytestmark = pytest.mark.slow

CLUSTER = "71f69d83-ba66-4822-adf5-55ce55efd210"
# Nothing listens there: what gets as far as a request has taken the file.
TARGET = ("--base-url", "https://127.0.0.1:9", "--project", "1", "--cluster", CLUSTER)

OPTIONS: dict[str, tuple[str, ...]] = {
    "config": ("gate", "--config", "{}"),
    "waivers": ("gate", "--waivers", "{}"),
    "contract": ("gate", "--contract", "{}"),
    "corrections": ("gate", "--corrections", "{}"),
    "show-contract": ("contract", "show", "--contract", "{}"),
    "show-corrections": ("contract", "show", "--corrections", "{}"),
    "rules-contract": ("rules", "--contract", "{}"),
    "serve-contract": ("serve", "--contract", "{}"),
    "serve-corrections": ("serve", "--corrections", "{}"),
    "published": ("contract", "merge", "--check", "--published", "{}"),
    "merged": ("contract", "merge", "--check", "--out", "{}"),
    "profiles": ("benchmark", "--profiles", "{}"),
    "slo": ("benchmark", "--slo", "{}"),
    "baseline": ("benchmark", "--baseline", "{}"),
    "before": ("compare", "{}", "{}"),
    "run": ("replay", "F-12345678", "--run", "{}"),
    "certificate": ("verify", "box"),
    "waive-file": ("waive", "F-12345678", "--reason", "r", "--until", "2999-01-01", "--force", "--file", "{}"),
    "waive-verdict": ("waive", "F-12345678", "--reason", "r", "--until", "2999-01-01", "--verdict", "{}"),
    "prove-baseline": ("prove", "--only", "rule-off/compute/portion-limit-not-below-request", "--baseline", "{}"),
    "ca-file": ("doctor", *TARGET, "--ca-file", "{}"),
    "client-cert": ("doctor", *TARGET, "--client-cert", "{}"),
    "cleanup-config": ("cleanup", "--config", "{}"),
    "doctor-config": ("doctor", "--config", "{}"),
}


def _link(file: Path) -> None:
    file.symlink_to("nowhere")


def _writes(content: bytes) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        file.write_bytes(content)

    return write


def _line(number: int) -> bytes:
    """An anchor that stands for nine times what the one before it does."""
    return b"a%d: &a%d [%s]\n" % (number, number, b",".join([b"*a%d" % (number - 1)] * 9))


GROWING = b"a0: &a0 [x]\n" + b"".join(map(_line, range(1, 30)))

HOSTILE: dict[str, Callable[[Path], object]] = {
    "missing": Path.exists,
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "link": _link,
    "nul": _writes(b"\0" * 100),
    "latin": _writes(b"a = '\xe4'\n"),
    "utf-16": _writes("[[[".encode("utf-16")),
    "mark": _writes(b"\xef\xbb\xbf[[["),
    "deep-list": _writes(b"a = " + b"[" * 100_000),
    "deep-json": _writes(b"[" * 100_000),
    "deep-object": _writes(b'{"a":' * 100_000),
    "long-number": _writes(b"a = " + b"9" * 5_000),
    "long-json-number": _writes(b'{"a": ' + b"9" * 5_000 + b"}"),
    "cycle": _writes(b"&a [*a]"),
    "growing": _writes(GROWING),
    "twice": _writes(b'{"a": 1, "a": 2}'),
    "wrong": _writes(b'{"schema": "assay/verdict/1", "findings": ["x"], "overlay": "1.0.0", "actions": [3]}'),
}


# One option of each reader meets everything, those that share it meet what once hung or ended a process.
READERS = (
    *("config", "contract", "corrections", "baseline", "run", "certificate", "waive-file", "prove-baseline"),
    *("ca-file", "client-cert"),
)
WORST = ("pipe", "deep-list", "growing")
CASES = [
    (option, kind)
    for option in OPTIONS
    for kind in (HOSTILE if option in READERS else WORST)
    if (option, kind) != ("waive-file", "missing")  # it is made
]


@pytest.mark.parametrize(("option", "kind"), CASES)
def test_a_hostile_file_is_told(
    assay: Assay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str, kind: str
) -> None:
    if "--base-url" in OPTIONS[option]:
        monkeypatch.setenv("ASSAY_TOKEN", "opaque")
    (tmp_path / "box").mkdir()
    HOSTILE[kind](tmp_path / ("box/certificate.json" if option == "certificate" else "given"))
    said = assay(*(each.replace("{}", "given") for each in OPTIONS[option]))
    assert said.code in {EXIT_USAGE, EXIT_INCONCLUSIVE}, said.text
    assert "Traceback" not in said.text
    assert "assay broke" not in said.text
    assert "[Errno" not in said.text
    assert "given" in said.text or "certificate.json" in said.text, said.text
    assert len(said.err.splitlines()) <= 2, said.err
