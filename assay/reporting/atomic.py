"""Writes a report whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from assay.errors import ReportError


def write_text(file: Path, text: str) -> None:
    """Write UTF-8 text to a temporary file beside ``file`` and rename it; ReportError when the disk refuses.

    A reader therefore sees the old content or the new, never half of it; a failed write leaves nothing behind.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except OSError as error:
        raise refused(file, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
            out.write(text)
        temporary.chmod(0o644)  # mkstemp makes files that only their owner reads; reports are for others
        temporary.replace(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise refused(file, error) from error


def refused(file: Path, error: OSError) -> ReportError:
    """The error for a report that the file system refuses, with what to do about it."""
    cause = error.strerror or str(error)
    return ReportError(f"{file} could not be written: {cause}", hint="free space there, or choose another --out")
