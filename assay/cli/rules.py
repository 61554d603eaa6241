"""`assay rules`: the rule catalogue, with the sentence that each rule enforces and its location."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.errors import ContractError, UsageError

if TYPE_CHECKING:
    from assay.contract.rules.base import Contradiction, Quote, Rule
    from assay.contract.rules.catalogue import Catalogue


def rules(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PREFIX", help="An area (`compute`) or an id prefix (`compute/portion`).", show_default="all"
        ),
    ] = "",
    json_: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, with the cases of each rule.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
    contract: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Check every quote against this document; exit 2 if one is missing."),
    ] = None,
) -> None:
    """Show the rules that the contract states only in prose, with their quotes, and its contradictions.

    A `must` rule that a target does not enforce fails the gate; a `should` rule is reported as a gap; a `permit` rule
    names what must be accepted. Where the document contradicts itself, nothing is asserted.
    """
    if json_ and markdown:
        raise UsageError("--json and --markdown exclude each other", hint="give one of them")
    from assay.contract import documents
    from assay.contract.rules.catalogue import AREAS

    catalogue = documents.load().catalogue
    found = [rule for rule in catalogue.rules if rule.id.startswith(pattern)]
    open_questions = [item for item in catalogue.contradictions if item.id.startswith(pattern)]
    if not found and not open_questions:
        areas = ", ".join(area.__name__.rsplit(".", 1)[-1] for area in AREAS)
        raise UsageError(f"no rule's id begins with '{pattern}'", hint=f"areas: {areas}")
    if contract is not None:
        _check(catalogue, contract)
    if json_:
        typer.echo(json.dumps(_as_json(found, open_questions), indent=2, ensure_ascii=False))
    elif markdown:
        typer.echo(_as_markdown(found, open_questions))
    else:
        _print_tables(found, open_questions)


def _check(catalogue: Catalogue, contract: Path) -> None:
    from assay.contract import documents

    lost = catalogue.lost_quotes(documents.read_document(contract))
    if lost:
        lines = "".join(f"\n  {rule_id}: “{text}”" for rule_id, text in lost)
        raise ContractError(
            f"{contract} no longer holds {len(lost)} of the quoted sentences:{lines}",
            hint="read the new wording, then change or remove these rules (docs/rules.md)",
        )


def _as_json(found: Iterable[Rule], open_questions: Iterable[Contradiction]) -> dict[str, Any]:
    return {
        "rules": [
            {
                "id": rule.id,
                "strength": _strength(rule),
                "applies": _applies(rule.applies),
                "quotes": _quotes(rule.quotes),
                "accepts": [case.title for case in rule.accepts],
                "rejects": [case.title for case in rule.rejects],
            }
            for rule in found
        ],
        "contradictions": [
            {
                "id": item.id,
                "summary": item.summary,
                "applies": _applies(item.applies),
                "quotes": _quotes(item.quotes),
                "opens": [case.title for case in item.opens],
            }
            for item in open_questions
        ],
    }


def _as_markdown(found: Sequence[Rule], open_questions: Sequence[Contradiction]) -> str:
    lines = [f"## Rules ({len(found)})", "", "| id | strength | applies | quote | place |", "|---|---|---|---|---|"]
    lines += [
        f"| `{rule.id}` | {_strength(rule)} | {' '.join(_applies(rule.applies))} | {_cell(quote.text)} | "
        f"`{quote.pointer}` |"
        for rule in found
        for quote in rule.quotes[:1]
    ]
    lines += ["", f"## Contradictions ({len(open_questions)})", ""]
    for item in open_questions:
        lines.append(f"- `{item.id}`: {item.summary}")
        lines += [f"  - “{quote.text}” at `{quote.pointer}`" for quote in item.quotes]
    return "\n".join(lines)


def _print_tables(found: Sequence[Rule], open_questions: Sequence[Contradiction]) -> None:
    # Imported late: rich's tables cost 60 ms that --json and --markdown need not pay.
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    # Piped, rich assumes 80 columns; the longest pointer of the catalogue takes 98, the other columns 25.
    console = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 124)
    if found:
        table = Table(title=f"Rules: {len(found)}", title_justify="left", show_lines=True)
        table.add_column("rule, quote and place", overflow="fold")
        table.add_column("strength", no_wrap=True)
        table.add_column("applies", no_wrap=True)
        for rule in found:
            said = f"[bold]{escape(rule.id)}[/bold]\n{_said(rule.quotes[0], escape)}"
            table.add_row(said, _strength(rule), "\n".join(_applies(rule.applies)))
        console.print(table)
    if open_questions:
        title = f"Contradictions of the document: {len(open_questions)}"
        table = Table(title=title, title_justify="left", show_lines=True)
        table.add_column("contradiction, quotes and places", overflow="fold")
        for item in open_questions:
            places = "\n".join(_said(quote, escape) for quote in item.quotes)
            table.add_row(f"[bold]{escape(item.id)}[/bold]\n{escape(item.summary)}\n{places}")
        console.print(table)


def _said(quote: Quote, escape: Callable[[str], str]) -> str:
    return f"“{escape(quote.text)}”\n[dim]{escape(quote.pointer)}[/dim]"


def _strength(rule: Rule) -> str:
    return rule.strength.value if rule.rejects else "permit"


def _applies(kinds: Iterable[str]) -> list[str]:
    return sorted(kinds)


def _quotes(quotes: Iterable[Quote]) -> list[dict[str, str]]:
    return [{"text": quote.text, "pointer": quote.pointer} for quote in quotes]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
