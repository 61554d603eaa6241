"""Files of users: whatever a name leads to is read, or refused in a sentence, and never waited for."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from assay.errors import ContractError, ReportError, SettingsError
from assay.files import (
    DEEPEST,
    JsonTextError,
    decoded,
    json_document,
    read_bytes,
    read_json,
    read_model,
    read_text,
    temporary_folder,
    write_text,
)


def _socket(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(file))


def _link(file: Path) -> None:
    file.symlink_to("nowhere")


# Short names: the path of a socket has at most 107 bytes.
NO_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.exists, "No such file or directory"),
    "folder": (Path.mkdir, "it is a folder"),
    "pipe": (os.mkfifo, "it is a pipe; copy what it gives into a file first"),
    "link": (_link, "it is a link to nowhere, which does not exist"),
    "large": (lambda file: file.write_bytes(b"x" * 101), "it is larger than 0 kB"),
}


@pytest.mark.parametrize(("make", "why"), NO_FILES.values(), ids=NO_FILES)
def test_what_is_no_file_to_read(tmp_path: Path, make: Callable[[Path], object], why: str) -> None:
    file = tmp_path / "f"
    make(file)
    with pytest.raises(ContractError) as refused:
        read_bytes(file, error=ContractError, hint="name another", most=100)
    assert (refused.value.message, refused.value.hint) == (f"{file} cannot be read: {why}", "name another")


def test_sockets_and_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket has at most 107 bytes
    _socket(Path("s"))
    for file, why in ((Path("s"), "it is a socket"), (Path("/dev/zero"), "it is a device")):
        with pytest.raises(SettingsError, match=f"^{file} cannot be read: {why}$"):
            read_bytes(file)


@pytest.mark.parametrize(("name", "why"), [("n" * 300, "File name too long"), ("a\0b", "embedded null byte")])
def test_names_that_no_system_takes(name: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        read_bytes(Path(name))
    with pytest.raises(ReportError, match=why):
        write_text(Path(name), "text")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_of_others(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("x")
    file.chmod(0)
    with pytest.raises(SettingsError, match="Permission denied"):
        read_bytes(file)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        ("ä\r\nb\rc".encode(), "ä\nb\nc"),
        ("ä".encode("utf-8-sig"), "ä"),
        ("ä\n".encode("utf-16"), "ä\n"),
        (b"\xfe\xff" + "ä".encode("utf-16-be"), "ä"),
    ],
)
def test_encodings(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "f").write_bytes(content)
    assert read_text(tmp_path / "f") == text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a\n\xe4", r"not UTF-8 text \(byte 0xe4 in line 2\)"),
        (b"\xff\xfea", r"not UTF-16 text \(byte 0x61 in line 1\)"),
    ],
)
def test_what_is_no_text(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decoded(content)


NO_JSON = {
    "empty": ("", "the file is empty"),
    "blank": (" \n", "the file is empty"),
    "half": ('{"a": ', "Expecting value"),
    "twice": ('[{"a": 1, "b": 2, "a": 3}]', "the name 'a' stands twice in an object"),
    "nan": ("[NaN]", "NaN is not a number of JSON"),
    "infinity": ('{"a": -Infinity}', "-Infinity is not a number of JSON"),
    "huge": ("9" * 5000, "a number of 5,000 digits"),
    "deep": ("[" * 100_000, "nested too deeply"),
    "deep-and-closed": ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "nested too deeply"),
    "deep-objects": ('{"a":' * 100_000, "nested too deeply"),
    "nul": ('{"a": "\0"}', "Invalid control character"),
    "two": ("{} {}", "Extra data"),
}


@pytest.mark.parametrize(("text", "why"), NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(JsonTextError, match=why):
        json_document(text)
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(SettingsError, match=rf"f.json is not JSON: .*{why}"):
        read_json(tmp_path / "f.json")


def test_what_is_json() -> None:
    deepest = "[" * DEEPEST + "]" * DEEPEST
    assert json_document(deepest) is not None
    assert json_document('{"a": [1, -2.5, true, null, "x"], "b": {"a": {}}}') == {
        "a": [1, -2.5, True, None, "x"],
        "b": {"a": {}},
    }


class Entry(BaseModel):
    id: str
    count: int = 0


class Stored(BaseModel):
    findings: list[Entry]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "at its top: expected an object, found a list with 0 entries"),
        ("{}", "at findings: it is missing"),
        ('{"findings": ["x"]}', "at findings/0: expected an object, found 'x'"),
        ('{"findings": [{"id": "a", "count": 1.5}]}', "at findings/0/count: expected an integer, found 1.5"),
    ],
)
def test_json_of_another_shape(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(SettingsError) as refused:
        read_model(Stored, tmp_path / "f.json", "a stored thing")
    assert refused.value.message == f"{tmp_path}/f.json is not a stored thing: {why}"


def test_json_of_that_shape(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text('{"findings": [{"id": "a", "more": 1}]}')
    assert read_model(Stored, tmp_path / "f.json", "a stored thing").findings == [Entry(id="a")]


def test_no_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/nowhere")
    monkeypatch.setattr("tempfile.gettempdir", _no_folder)
    with pytest.raises(SettingsError) as refused, temporary_folder("x"):
        pass
    assert "TMPDIR (/nowhere), /tmp, /var/tmp and the working folder" in refused.value.message
    assert "TMPDIR" in (refused.value.hint or "")


def _no_folder() -> str:
    raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")


def test_text_without_an_encoding_is_spelled_out(tmp_path: Path) -> None:
    write_text(tmp_path / "f", "a\ud800")
    assert (tmp_path / "f").read_text() == "a\\ud800"


def test_a_device_or_pipe_is_never_replaced(tmp_path: Path) -> None:
    """As root the rename succeeds, and a machine is without its /dev/full."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ReportError, match="could not be written: it is no regular file"):
        write_text(pipe, "text")
    assert pipe.is_fifo()
    assert [file.name for file in tmp_path.iterdir()] == ["pipe"]
