"""The net below all commands: what nobody foresaw becomes a sentence, a file for whoever mends it, and exit 3."""

from __future__ import annotations

import errno
import os
import platform
import re
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from assay import __version__
from assay.clock import SYSTEM
from assay.errors import AssayError, InconclusiveError

_OURS: Final = Path(__file__).resolve().parents[1]  # the package: what else stands in a traceback is not assay's
_SECRET: Final = re.compile("TOKEN|SECRET|CLIENT_ID|PASSWORD|HEADER|KEY|PROXY")
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CURES: Final[Mapping[int, str]] = {
    **dict.fromkeys(_FULL, "make room there; what was created on a target is on record: assay cleanup"),
    errno.EROFS: "that file system is read-only: work in another folder, or name one with --out",
    errno.EACCES: "give yourself the right to it, or name another file or folder",
    errno.EMFILE: "allow more open files: ulimit -n 4096",
    errno.ENFILE: "the machine has too many open files: end what holds them",
    errno.ENOMEM: "the machine is out of memory: end what takes it, or choose a lower --concurrency",
}


def was_interrupt(error: BaseException) -> bool:
    """Whether Ctrl-C is what is behind an error: Python turns one inside of a class statement into a RuntimeError."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        if isinstance(at, KeyboardInterrupt):
            return True
        seen.add(id(at))
        at = at.__cause__ or at.__context__
    return False


def as_error(error: Exception, arguments: Sequence[str]) -> AssayError:
    """The sentence for an error that no command foresaw; its traceback goes into a file, without secrets."""
    if isinstance(error, OSError) and error.errno in _CURES:
        return InconclusiveError(f"the system refused: {_told(error)}", hint=_CURES[error.errno or 0])
    if isinstance(error, MemoryError):
        return InconclusiveError("the machine is out of memory", hint=_CURES[errno.ENOMEM])
    told = _told(error) if isinstance(error, OSError) and error.strerror else str(error)
    what = f"{type(error).__name__}: {told}" if told else type(error).__name__
    line = " ".join(_without_secrets(what).split())[:300]
    file = _kept(_without_secrets(_report(error, arguments)))
    hint = f"report it with {file} (CONTRIBUTING.md says how)" if file else "no file could be written: free space"
    return InconclusiveError(f"assay broke at {_place(error)}: {line}; this says nothing about the target", hint=hint)


def _told(error: OSError) -> str:
    name = f"{error.filename}: " if error.filename else ""
    return f"{name}{error.strerror}"


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).resolve().is_relative_to(_OURS)] or frames
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "an unknown place"


def _report(error: Exception, arguments: Sequence[str]) -> str:
    return "\n".join(
        (
            f"assay {__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}",
            f"command: assay {' '.join(arguments)}",
            "",
            "".join(traceback.format_exception(error)),
        )
    )


def _kept(text: str) -> Path | None:
    """Write the report beside the ledgers, else among the temporary files; None when neither takes it."""
    from assay.client.ledger import state_folder

    name = f"{datetime.fromtimestamp(SYSTEM.time(), UTC):%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    for folder in _folders(state_folder):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return folder / name
    return None


def _folders(state_folder: Callable[[], Path]) -> Iterator[Path]:
    with suppress(OSError, RuntimeError):  # RuntimeError: this user has no home
        yield state_folder() / "errors"
    with suppress(OSError):
        yield Path(tempfile.gettempdir()) / "assay-errors"


def _without_secrets(text: str) -> str:
    """The text without what the environment keeps secret, without tokens, without the passwords of URLs."""
    from assay.client.evidence import Mask

    return re.sub(r"//[^/@\s]*@", "//***@", Mask(_secrets(os.environ)).text(text))


def _secrets(env: Mapping[str, str]) -> Iterator[str]:
    from assay.files import read_text

    for name, value in env.items():
        if name.startswith("ASSAY_") and _SECRET.search(name):
            yield value
            if name.endswith("_FILE"):
                with suppress(AssayError):
                    yield read_text(Path(value), most=2**16).strip()
