"""`assay contract`: merge the published documents, show the contract in force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assay.errors import UsageError
from assay.files import read_text, write_text

app = typer.Typer(
    add_completion=False,
    help="The contract as data: merge the published documents, or show the contract in force.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("merge", short_help="Merge the published documents into one.")
def merge_documents(
    published: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the published documents, one operation each.",
            show_default="those that are shipped",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File to write.", show_default="the shipped document"),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="Shipped version to merge, a folder of openapi/.", show_default="2.22"),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 2 if the file is out of date.")] = False,
) -> None:
    """Merge the published documents into one; the result is byte-identical on every run.

    Two different definitions of the same name are an error that names both places.
    """
    from assay.contract import documents
    from assay.contract.reading import dump, merge, read_published

    folder = documents.version_folder(version or documents.VERSION)
    if version is not None and not folder.is_dir():
        raise UsageError(f"there is no version {version}", hint=f"there are {', '.join(documents.shipped())}")
    source, target = published or folder / "published", out or folder / documents.DOCUMENT
    text = dump(merge(read_published(source)))
    if check:
        if not target.is_file() or read_text(target) != text:
            raise UsageError(f"{target} is not what {source} merges to", hint="run `assay contract merge`")
        typer.echo(f"{target} is up to date")
        return
    write_text(target, text, error=UsageError)
    typer.echo(f"{target} written")


@app.command("show", short_help="List the operations of the contract in force.")
def show(
    contract: Annotated[
        Path | None, typer.Option(metavar="FILE", help="OpenAPI 3.0 document to use instead of the shipped one.")
    ] = None,
    corrections: Annotated[
        Path | None, typer.Option(metavar="FILE", help="OpenAPI Overlay 1.0 file to apply to it.")
    ] = None,
) -> None:
    """Load the contract in force and list its operations; exit 2 and say why if it cannot be used."""
    from assay.contract import documents

    loaded = documents.load(contract, corrections)
    typer.echo(f"{loaded.source} ({loaded.document['info']['title']} {loaded.version})")
    for operation in loaded.operations.values():
        statuses = " ".join(operation.documented)
        typer.echo(f"  {operation.method:6} {operation.path:62} {operation.id:36} {statuses}")
