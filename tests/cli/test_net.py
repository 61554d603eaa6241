"""The net below all commands: an error that nobody foresaw, Ctrl-C at any moment, streams that are gone."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from assay.cli import crash
from assay.cli.streams import Outlet
from assay.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_USAGE
from assay.polling import wait_until
from tests.cli.conftest import Assay

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
Ended = subprocess.CompletedProcess[bytes]


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def load(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("assay.contract.documents.load", load)


def test_an_unforeseen_error_is_a_sentence_and_a_file(
    assay: Assay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("opaque-token-in-a-file\n")
    monkeypatch.setenv("ASSAY_CLIENT_SECRET", "hush-hush-hush")
    monkeypatch.setenv("ASSAY_TOKEN_FILE", str(tmp_path / "token"))
    fail_with(
        monkeypatch, KeyError("hush-hush-hush opaque-token-in-a-file https://me:secret@host eyJhbGciOi.eyJzdWIi.x")
    )
    said = assay("rules")
    assert said.code == EXIT_INCONCLUSIVE
    sentence, hint = said.err.splitlines()
    assert sentence.startswith("assay: assay broke at rules.py:")
    assert "KeyError" in sentence
    assert "this says nothing about the target" in sentence
    (file,) = (tmp_path / "state" / "errors").iterdir()
    assert f"report it with {file}" in hint
    kept = file.read_text()
    assert "Traceback (most recent call last)" in kept
    assert "command: assay rules" in kept
    for secret in ("hush", "opaque", "me:secret", "eyJ"):
        assert secret not in kept + said.text


def test_a_folder_that_is_merely_called_assay_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone of assay lies in one, with its tests; so may what a user has written."""
    monkeypatch.setenv("ASSAY_STATE_DIR", str(tmp_path / "state"))
    theirs = compile("raise KeyError('x')", "/home/user/assay/theirs.py", "exec")
    with pytest.raises(KeyError) as raised:
        wait_until(lambda: exec(theirs), within=1.0, every=1.0)  # noqa: S102 - a frame of that file is the point
    assert "assay broke at polling.py:" in crash.as_error(raised.value, []).message


def test_where_no_file_can_be_written_the_sentence_stays(
    assay: Assay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "f").write_text("")
    monkeypatch.setenv("ASSAY_STATE_DIR", str(tmp_path / "f"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "f"))
    fail_with(monkeypatch, ZeroDivisionError())
    said = assay("rules")
    assert said.code == EXIT_INCONCLUSIVE
    assert "ZeroDivisionError; this says nothing" in said.err
    assert "no file could be written" in said.err


SYSTEM: dict[str, tuple[Exception, str]] = {
    "full": (
        OSError(errno.ENOSPC, "No space left on device", "/x"),
        "the system refused: /x: No space left on device",
    ),
    "read-only": (OSError(errno.EROFS, "Read-only file system"), "the system refused: Read-only file system"),
    "handles": (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
    "memory": (MemoryError(), "out of memory"),
}


@pytest.mark.parametrize(("error", "words"), SYSTEM.values(), ids=SYSTEM)
def test_what_the_system_refuses_is_told_without_a_file(
    assay: Assay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, words: str
) -> None:
    fail_with(monkeypatch, error)
    said = assay("rules")
    assert said.code == EXIT_INCONCLUSIVE
    assert words in said.err
    assert not (tmp_path / "state").exists()


def test_an_interrupt_that_python_wraps_is_one(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped = RuntimeError("Error calling __set_name__")
    wrapped.__cause__ = KeyboardInterrupt()
    fail_with(monkeypatch, wrapped)
    said = assay("rules")
    assert (said.code, said.text) == (EXIT_INTERRUPTED, "")
    assert not crash.was_interrupt(RuntimeError())


# Interrupts the process at the import of a module, as Ctrl-C in the first half second does.
INTERRUPTING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it starts in the background ignore it
_, module, *sys.argv[1:] = sys.argv
class Finder:
    def find_spec(self, name, *_):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.modules.pop("typing", None)  # as when Python has just started
from assay.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("typing", "gate"),
        ("typer", "gate"),
        ("assay.cli.main", "serve"),
        ("assay.cli.lazy", "doctor"),
        ("assay.cli.conducting", "gate"),
        ("assay.cli.benchmark", "benchmark"),
        ("pydantic", "gate"),
        ("pydantic", "cleanup"),
        ("assay.contract.documents", "rules"),
        ("rich.console", "compare"),
        ("yaml", "certify"),
    ],
)
def test_interrupted_while_importing(tmp_path: Path, module: str, command: str) -> None:
    more = ["a", "b"] if command == "compare" else []
    ended = run([sys.executable, "-c", INTERRUPTING, module, command, *more], tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (EXIT_INTERRUPTED, b"", b"")


def run(
    command: list[str], folder: Path, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    env |= {"PYTHONPATH": str(ROOT), "ASSAY_STATE_DIR": str(folder / "state"), **(more or {})}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False, timeout=120)


def shell(line: str, folder: Path, more: Mapping[str, str] | None = None) -> Ended:
    """``line`` in bash, with ``$ASSAY`` as the command."""
    return run(["bash", "-c", line], folder, {"ASSAY": f"{sys.executable} -m assay", **(more or {})})


STREAMS: dict[str, tuple[str, int, bytes]] = {
    "reader-gone": ("$ASSAY rules | head -1 >/dev/null; exit ${PIPESTATUS[0]}", 0, b""),
    "reader-gone-at-a-mistake": ("$ASSAY rules nosuch 2>&1 | true; exit ${PIPESTATUS[0]}", EXIT_USAGE, b""),
    "closed": (
        "$ASSAY rules >&-",
        EXIT_INCONCLUSIVE,
        b"output could not be written: it is closed\n       what it prints is lost",
    ),
    "all-closed": ("$ASSAY rules <&- >&- 2>&-", EXIT_INCONCLUSIVE, b""),
    "full": ("$ASSAY rules >/dev/full", EXIT_INCONCLUSIVE, b"output could not be written: No space left on device"),
    "full-with-files": (
        "$ASSAY gate --only access/read --out out >/dev/full; e=$?; [ -f out/verdict.json ] && exit $e",
        0,
        b"No space left on device\n       the exit code and the files it wrote hold",
    ),
    "closed-with-files": (
        "$ASSAY gate --only access/read --out out >&-",
        0,
        b"it is closed\n       the exit code and the files it wrote hold",
    ),
    "full-at-a-mistake": ("$ASSAY rules nosuch >/dev/full", EXIT_USAGE, b"no rule's id begins with 'nosuch'"),
}


@pytest.mark.parametrize(("line", "code", "words"), STREAMS.values(), ids=STREAMS)
def test_streams_that_cannot_be_written(tmp_path: Path, line: str, code: int, words: bytes) -> None:
    ended = shell(line, tmp_path)
    assert ended.returncode == code
    assert words in ended.stderr
    assert b"Traceback" not in ended.stderr
    assert b"Exception" not in ended.stderr


def test_a_working_folder_that_is_gone(tmp_path: Path) -> None:
    ended = shell("mkdir gone && cd gone && rmdir ../gone && $ASSAY gate", tmp_path)
    assert ended.returncode == EXIT_USAGE
    assert ended.stderr.startswith(b"assay: the working folder cannot be used: No such file or directory")
    assert len(ended.stderr.splitlines()) == 2


def test_no_folder_for_temporary_files(assay: Assay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", none)
    for command in (("gate", "--out", "out"), ("doctor",)):
        said = assay(*command)
        assert said.code == EXIT_USAGE
        assert "there is no folder for temporary files" in said.err
        assert "TMPDIR" in said.err
    assert not (tmp_path / "out").exists()


def test_an_outlet_remembers_the_first_refusal(tmp_path: Path) -> None:
    with Outlet("/dev/full", "w") as outlet:
        assert (outlet.write(b"abc"), outlet.write(b"d")) == (3, 1)
        assert outlet.refused is not None
        assert outlet.refused.errno == errno.ENOSPC
    reader, writer = os.pipe()
    os.close(reader)
    with Outlet(writer, "w") as outlet:
        assert outlet.write(b"abc") == 3
        assert outlet.refused is None


PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0"}


def test_a_locale_without_our_characters(tmp_path: Path) -> None:
    ended = shell("$ASSAY rules compute", tmp_path, PLAIN)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.isascii()


@pytest.mark.parametrize(
    ("argument", "more", "words"),
    [
        ("$'a\\xff'", {}, b"argument 3 is no text: b'a\\xff'\n       write it in UTF-8"),
        ("$'a\\xff'", PLAIN, b"argument 3 is no text: b'a\\xff'\n       write it in UTF-8"),
        ("\u00e4", PLAIN, b"it is UTF-8, which this locale does not have: set LC_ALL=C.UTF-8"),
    ],
)
def test_arguments_that_are_no_text(tmp_path: Path, argument: str, more: Mapping[str, str], words: bytes) -> None:
    ended = shell(f"$ASSAY gate --project {argument}", tmp_path, more)
    assert ended.returncode == EXIT_USAGE
    assert words in ended.stderr
