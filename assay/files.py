"""Reads every file that a user names, whatever it turns out to be; writes a file whole or not at all."""

from __future__ import annotations

import codecs
import json
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from assay.errors import AssayError, ReportError, SettingsError
from assay.wording import said

M = TypeVar("M", bound=BaseModel)

LARGEST: Final = 64 * 2**20
"""Bytes: eight hundred times the shipped contract document."""

DEEPEST: Final = 200
"""Levels of a JSON document. The shipped contract has 9, and what walks through it may go 1,000 calls deep."""

_KINDS: Final = (
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISFIFO, "it is a pipe; copy what it gives into a file first"),
    (stat.S_ISSOCK, "it is a socket"),
    (stat.S_ISCHR, "it is a device"),
    (stat.S_ISBLK, "it is a device"),
)
_MARKS: Final = (  # UTF-32 is not looked for: its little-endian mark begins as UTF-16's does, and nobody writes it
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class JsonTextError(ValueError):
    """A text is no JSON document; ``line`` and ``column`` (from 1) where that is known, else 0."""

    def __init__(self, what: str, line: int = 0, column: int = 0) -> None:
        super().__init__(what)
        self.line = line
        self.column = column

    @property
    def place(self) -> str:
        return f":{self.line}:{self.column}" if self.line else ""


def write_text(file: Path, text: str, *, error: type[AssayError] = ReportError) -> None:
    """Write UTF-8 text to a temporary file beside ``file`` and rename it; ``error`` when the disk refuses.

    A reader therefore sees the old content or the new, never half of it; a failed write leaves nothing behind.
    """
    if _is_special(file):
        # As root the rename would succeed, and the machine would be without its /dev/full.
        raise refused(file, ValueError("it is no regular file"), error)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:50]}.")
    except (OSError, ValueError) as cause:
        raise refused(file, cause, error) from cause
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as out:
            out.write(text)
        temporary.chmod(0o644)  # mkstemp makes files that only their owner reads; reports are for others
        temporary.replace(file)
    except OSError as cause:
        temporary.unlink(missing_ok=True)
        raise refused(file, cause, error) from cause


def _is_special(file: Path) -> bool:
    """Whether a device, a pipe or a socket stands there."""
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def refuse_unwritable(file: Path) -> None:
    """SettingsError when ``write_text`` could not write ``file``: told before a run, not after it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(file) and not file.is_file():
            raise SettingsError(f"{file} cannot be written: it is no regular file", hint="name another file")
        with tempfile.TemporaryFile(dir=file.parent):
            pass
        file.exists()  # a name that is too long
    except (OSError, ValueError) as cause:
        raise SettingsError(f"{file} cannot be written: {why(cause)}", hint="name another file") from None


def refused(file: Path, cause: Exception, error: type[AssayError] = ReportError) -> AssayError:
    """The error for a file that the file system refuses to write, with what to do about it."""
    hint = "free space there, or choose another --out" if error is ReportError else None
    return error(f"{file} could not be written: {why(cause)}", hint=hint)


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder that goes away with the block. SettingsError when the system offers none that can be written."""
    with tempfile.TemporaryDirectory(dir=temporary_place(), prefix=prefix, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def temporary_place() -> str:
    """Where temporary files go. SettingsError when there is no such folder that can be written."""
    try:
        return tempfile.gettempdir()
    except OSError:
        given = os.environ.get("TMPDIR", "")
        tried = f"TMPDIR ({given}), /tmp" if given else "/tmp"  # noqa: S108 - named, not used
        raise SettingsError(
            f"there is no folder for temporary files: {tried}, /var/tmp and the working folder cannot be written",
            hint="make room there, or let TMPDIR name a folder that you can write",
        ) from None


def read_bytes(
    file: Path,
    *,
    error: type[AssayError] = SettingsError,
    hint: str | None = None,
    called: str | None = None,
    most: int = LARGEST,
) -> bytes:
    """What stands in a regular file of at most ``most`` bytes; never waits for a pipe or a device.

    Raises ``error`` with ``hint``; ``called`` begins the message where the file's name alone would not tell enough.
    """

    def refuse(why: str) -> NoReturn:
        raise error(f"{called or _shown(file)} cannot be read: {why}", hint=hint) from None

    try:
        _refuse_kind(file.stat().st_mode, refuse)
        # Should it have become a pipe meanwhile, opening it does not wait for a writer.
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as opened:
            _refuse_kind(os.fstat(handle).st_mode, refuse)
            content = opened.read(most + 1)
    except FileNotFoundError as cause:
        dangles = file.is_symlink()
        refuse(f"it is a link to {file.readlink()}, which does not exist" if dangles else why(cause))
    except (OSError, ValueError) as cause:  # ValueError: a name with a NUL in it
        refuse(why(cause))
    if len(content) > most:
        refuse(f"it is larger than {_size(most)}")
    return content


def unreadable(file: Path) -> str | None:
    """Why a file cannot be read; None when it can."""
    try:
        read_bytes(file, called="it", most=0)
    except SettingsError as error:
        why = error.message.removeprefix("it cannot be read: ")
        return None if why == f"it is larger than {_size(0)}" else why
    return None


def _refuse_kind(mode: int, refuse: Any) -> None:
    for is_kind, why in _KINDS:
        if is_kind(mode):
            refuse(why)


def read_text(
    file: Path,
    *,
    error: type[AssayError] = SettingsError,
    hint: str | None = None,
    called: str | None = None,
    most: int = LARGEST,
) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark; line ends as ``\\n``. As ``read_bytes``."""
    content = read_bytes(file, error=error, hint=hint, called=called, most=most)
    try:
        return decoded(content).replace("\r\n", "\n").replace("\r", "\n")
    except ValueError as cause:
        raise error(f"{called or _shown(file)} cannot be read: {cause}", hint=hint) from None


def decoded(content: bytes) -> str:
    """The text in UTF-8, or in what a byte order mark says, without the mark. ValueError names the line."""
    mark, encoding = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", "utf-8"))
    body = content[len(mark) :]
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body[: error.start].decode(encoding, "replace").count("\n") + 1
        bad = body[error.start : error.start + 1].hex()
        name = "UTF-8" if encoding == "utf-8" else "UTF-16"
        raise ValueError(f"not {name} text (byte 0x{bad} in line {line})") from None


def read_json(
    file: Path, *, hint: str | None = None, error: type[AssayError] = SettingsError, called: str | None = None
) -> Any:
    """The JSON document in ``file``. ``error``, with ``hint``; ``called`` as for ``read_bytes``."""
    text = read_text(file, error=error, hint=hint, called=called)
    try:
        return json_document(text)
    except JsonTextError as cause:
        where = f" (line {cause.line}, column {cause.column})" if cause.line else ""
        raise error(f"{file} is not JSON: {cause}{where}", hint=hint) from None


def json_document(text: str) -> Any:
    """The value of a JSON document in which no name stands twice in an object. JsonTextError."""
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer)
    except JsonTextError:
        raise
    except json.JSONDecodeError as cause:
        what = "the file is empty" if not text.strip() else cause.msg
        raise JsonTextError(what, cause.lineno, cause.colno) from None
    except RecursionError:
        raise JsonTextError(f"it is nested too deeply, in more than {DEEPEST} levels") from None
    if _is_deeper(document, DEEPEST):
        raise JsonTextError(f"it is nested too deeply, in more than {DEEPEST} levels")
    return document


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise JsonTextError(f"the name {next(n for n in names if names.count(n) > 1)!r} stands twice in an object")
    return made


def _no_constant(text: str) -> NoReturn:
    raise JsonTextError(f"{text} is not a number of JSON")


def _integer(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise JsonTextError(f"it holds a number of {len(digits):,} digits") from None


def _is_deeper(document: Any, levels: int) -> bool:
    """Whether lists and objects stand in each other more than ``levels`` deep; without recursion."""
    layer = _containers([document])
    for _ in range(levels):
        layer = [
            each for value in layer for each in _containers(value.values() if isinstance(value, dict) else value)
        ]
    return bool(layer)


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]


def read_model(model: type[M], file: Path, what: str, *, hint: str | None = None) -> M:
    """The JSON document in ``file`` as ``model``; SettingsError says that it is not ``what``, where and why."""
    return checked(model, read_json(file, hint=hint), file, what, hint=hint)


def checked(model: type[M], document: Any, file: Path, what: str, *, hint: str | None = None) -> M:
    """The same of a document that was read from ``file``; no value is converted from another type."""
    try:
        return model.model_validate(document, strict=True)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = "/".join(str(step) for step in fault["loc"]) or "its top"
        raise SettingsError(f"{file} is not {what}: at {place}: {said(fault)}", hint=hint) from None


def why(cause: Exception) -> str:
    """The system's words without the number and the name that Python puts around them."""
    if isinstance(cause, FileExistsError | NotADirectoryError):
        return "a file stands where a folder is needed"
    return (cause.strerror if isinstance(cause, OSError) else None) or str(cause)


def _shown(file: Path) -> str:
    """The name of a file; of one that no system would take, its two ends."""
    name = str(file)
    return name if len(name) <= 200 else f"{name[:80]}...{name[-40:]} ({len(name)} characters)"


def _size(number: int) -> str:
    return f"{number >> 20} MB" if number >= 2**20 else f"{number >> 10} kB"
