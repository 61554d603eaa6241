"""The entry point: ``assay`` and ``python -m assay``. Nothing heavy is imported before Ctrl-C has a handler."""

import _signal  # type: ignore[import-not-found]  # built in; what `signal` imports takes time
import os  # there since Python started


def _end(*_: object) -> None:
    os._exit(130)


# Until a command is loaded nothing is begun, so Ctrl-C just ends the process, without a traceback of imports; the
# command gives it its usual meaning back. A handler that is set after an import that takes time comes too late.
if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _end)

import sys  # noqa: E402
from typing import NoReturn  # noqa: E402

_PACKAGES = ("httpx", "locust", "pydantic", "pytest", "typer")
"""Folders by which one tells where what we depend on is installed."""


def main() -> NoReturn:
    """Run the command line and end the process, also when it cannot be imported."""
    try:
        _forget_folders_of_the_user()
    except OSError as error:
        sys.stderr.write(f"assay: the working folder cannot be used: {error.strerror}\n       change to another\n")
        sys.exit(2)
    try:
        from assay.cli.main import main as run
        from assay.cli.streams import open_streams
    except Exception as error:  # noqa: BLE001 - whatever stands in the way of an import
        sys.stderr.write(
            f"assay: its modules cannot be imported: {type(error).__name__}: {error}\n"
            "       unset PYTHONPATH if it names a folder of yours, or install assay again\n"
        )
        sys.exit(3)
    open_streams()
    run()


def _forget_folders_of_the_user() -> None:
    """Take the working folder and what PYTHONPATH names off the import path, unless our packages lie there.

    A ``secrets.py`` in a folder of the user's is not the standard library's.
    """
    own = os.path.realpath(f"{__file__}/../..")
    theirs = {os.path.realpath(entry) for entry in ("", *os.environ.get("PYTHONPATH", "").split(os.pathsep))} - {own}
    strangers = {entry for entry in theirs if not any(map(os.path.isdir, (f"{entry}/{name}" for name in _PACKAGES)))}
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) not in strangers]


if __name__ == "__main__":
    main()
