"""The entry point: ``assay`` and ``python -m assay``. Nothing heavy is imported before Ctrl-C has a handler."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn


def main() -> NoReturn:
    """Run the command line and end the process, also when it cannot be imported."""
    _forget_working_folder()
    _end_at_interrupt()
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


def _forget_working_folder() -> None:
    """Take the working folder off the import path: a ``secrets.py`` there is not the standard library's."""
    here, own = os.path.realpath(os.curdir), os.path.realpath(os.path.join(os.path.dirname(__file__), os.pardir))  # noqa: PTH118, PTH120 - pathlib is not imported yet
    if here != own:
        sys.path[:] = [entry for entry in sys.path if entry and os.path.realpath(entry) != here]


def _end_at_interrupt() -> None:
    """Until a command is loaded nothing is begun, so Ctrl-C just ends the process, without a traceback of imports."""
    import signal

    def end(*_: Any) -> None:
        os._exit(130)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end)


if __name__ == "__main__":
    main()
