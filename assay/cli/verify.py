"""`assay verify`: are a certificate and the files next to it unchanged?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that `assay certify --out DIR` wrote.")],
    sha256: Annotated[
        str | None,
        typer.Option(metavar="DIGEST", help="Expected digest of certificate.json, as the run printed it."),
    ] = None,
) -> None:
    """Compare the files of a certification with the digests in its certificate.

    Each file is intact, altered, missing or not certified. Exit 0: all files are intact; 1: at least one is not. With
    --sha256 the certificate itself is checked too. Without it, someone who altered a file may also have written a
    matching certificate.
    """
    from rich.console import Console  # imported late: --help need not pay for it

    from assay.errors import EXIT_FAIL, EXIT_PASS
    from assay.reporting.certificate import verify as check

    wanted = None if sha256 is None else _digest(sha256)
    found = check(folder)
    console = Console(highlight=False, markup=False, emoji=False)
    for name, state in found.files.items():
        console.print(f"{state:<14} {name}", soft_wrap=True)
    for line in found.contradictions:
        console.print(line, soft_wrap=True)
    digest = found.digest.removeprefix("sha256:")
    as_kept = wanted in {None, digest}
    if not as_kept:
        console.print(f"the certificate does not have that digest; its digest is {digest}", soft_wrap=True)
    good = found.intact and as_kept
    said = found.certificate
    console.print(
        f"{'intact' if good else 'NOT as it was written'}: verdict '{said.verdict}' of "
        f"{said.target.base_url}, {said.finished}; certificate sha256 {digest}",
        soft_wrap=True,
    )
    raise typer.Exit(EXIT_PASS if good else EXIT_FAIL)


def _digest(given: str) -> str:
    """The 64 hex digits of a SHA-256, as `assay certify` prints it; SettingsError for anything else."""
    from assay.errors import SettingsError

    digits = given.strip().lower().removeprefix("sha256:")
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise SettingsError(
            f"--sha256 {given} is no digest: expected 64 hex digits, perhaps after sha256:",
            hint="the run printed it in its last lines: certificate: keep its digest elsewhere",
        )
    return digits
