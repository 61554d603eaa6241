"""How messages say things: counts, lists of names, what an error of an API says, and what pydantic found wrong."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from assay.legible import without_markup

_LONGEST: Final = 60  # characters of a value; more of it would hide the message around it

_TYPES: Final = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "dict": "an object",
    "model": "an object",
    "list": "a list",
    "tuple": "a list",
    "path": "the path of a file",
    "finite": "a finite number",
}
_BOUNDS: Final = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
    "literal_error": ("expected", "one of"),
}


def said(fault: Mapping[str, Any], *, secret: bool = False) -> str:
    """What an error of pydantic found wrong: what was expected and, unless it is ``secret``, the value given."""
    kind, given = str(fault["type"]), "***" if secret else shown(fault["input"])
    if kind in {"value_error", "assertion_error"}:
        what = str(fault["msg"]).partition(", ")[2].rstrip(".")
        return what if secret or given in what else f"{what} (given: {given})"
    if kind == "missing":
        return "it is missing"
    if kind == "extra_forbidden":
        return "nothing of that name is known"
    return f"expected {_wanted(kind, fault)}, found {given}"


def _wanted(kind: str, fault: Mapping[str, Any]) -> str:
    name, words = _BOUNDS.get(kind, ("", ""))
    if name:
        bound = fault["ctx"][name]
        return f"{words} {bound:,.12g}" if isinstance(bound, int | float) else f"{words} {bound}".replace("'", "")
    if kind == "string_too_short":
        return f"text of {plural(int(fault['ctx']['min_length']), 'character')} or more"
    noun = next((noun for name, noun in _TYPES.items() if kind.startswith(f"{name}_")), None)
    return noun or str(fault["msg"]).removeprefix("Input should be ")


def shown(value: object) -> str:
    """A value as a message shows it: short, and a container by its kind."""
    if isinstance(value, dict):
        return f"an object with {plural(len(value), 'name')}"
    if isinstance(value, list | tuple):
        return f"a list with {plural(len(value), 'entry', 'entries')}"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 10]}... ({len(text):,} characters)"


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 finding``, ``2 findings``; ``many`` where an s at the end will not do."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def listed(names: Iterable[str], most: int, *, rest: str = "") -> str:
    """The first ``most`` names, and how many there are beyond them; ``rest`` says where all of them are."""
    known = list(names)
    more = len(known) - most
    if more <= 0:
        return ", ".join(known)
    return f"{', '.join(known[:most])} and {more:,} more" + (f"; {rest}" if rest else "")


def nearest(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """The known names that ``name`` may have been meant to be, the nearest first."""
    return difflib.get_close_matches(name, list(known), n=most, cutoff=0.6)


_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_NUMBERED: Final = re.compile(r"\d")
_LOOKED_AT: Final = 2_000
"""Characters of a message that are looked at; some echo what was sent, and none says more in its second page."""


def gist(body: str) -> str:
    """What an error of the API says, without what differs from request to request; at most 200 characters."""
    try:
        error = json.loads(body)
    except (ValueError, RecursionError):
        error = None
    message = error.get("message") if isinstance(error, dict) else None
    words = (message if isinstance(message, str) else without_markup(body))[:_LOOKED_AT]
    # Quoted values, names with numbers and ids differ between messages that mean the same.
    return " ".join(word for word in _QUOTED.sub("", words).split() if not _NUMBERED.search(word))[:200]
