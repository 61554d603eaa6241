"""Where the top folders lie: beside the package in a clone, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def top(name: str) -> Path:
    """Return the path of a top folder (``openapi``, ``contract_tests``, ``load_tests``, ``reports``).

    An installed wheel carries them under ``assay/_bundled``; a clone has them beside ``assay``.
    """
    packed = _PACKAGE / "_bundled" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name
