"""Writes a file whole or not at all, and reads JSON that an earlier run wrote."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from assay.errors import AssayError, ReportError, SettingsError


def write_text(file: Path, text: str, *, error: type[AssayError] = ReportError) -> None:
    """Write UTF-8 text to a temporary file beside ``file`` and rename it; ``error`` when the disk refuses.

    A reader therefore sees the old content or the new, never half of it; a failed write leaves nothing behind.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except OSError as cause:
        raise refused(file, cause, error) from cause
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
            out.write(text)
        temporary.chmod(0o644)  # mkstemp makes files that only their owner reads; reports are for others
        temporary.replace(file)
    except OSError as cause:
        temporary.unlink(missing_ok=True)
        raise refused(file, cause, error) from cause


def refused(file: Path, cause: OSError, error: type[AssayError] = ReportError) -> AssayError:
    """The error for a file that the file system refuses to write, with what to do about it."""
    hint = "free space there, or choose another --out" if error is ReportError else None
    return error(f"{file} could not be written: {cause.strerror or cause}", hint=hint)


def read_text(
    file: Path,
    *,
    error: type[AssayError] = SettingsError,
    hint: str | None = None,
    called: str | None = None,
    most: int = 64 * 2**20,
) -> str:
    """The text of a regular file in UTF-8, or in UTF-16 with a byte order mark."""
    named = called or str(file)
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as opened:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise error(f"{named} cannot be read: it is no regular file", hint=hint)
            content = opened.read(most + 1)
    except OSError as cause:
        raise error(f"{named} cannot be read: {cause.strerror}", hint=hint) from None
    if len(content) > most:
        raise error(f"{named} cannot be read: it is larger than {most >> 10} kB", hint=hint)
    try:
        return content.decode("utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError:
        raise error(f"{named} cannot be read: not UTF-8 text", hint=hint) from None


def read_json(file: Path, *, hint: str | None = None) -> Any:
    """The JSON document in ``file``. SettingsError, with ``hint`` when the file cannot be read."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as cause:
        raise SettingsError(f"{file} cannot be read: {cause.strerror}", hint=hint) from None
    except ValueError as cause:  # UnicodeDecodeError, too
        raise SettingsError(f"{file} is not JSON: {cause}") from None
