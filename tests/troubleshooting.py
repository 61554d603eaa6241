"""``python -m tests.troubleshooting`` writes docs/troubleshooting.md: every sentence of the code with cause and cure.

What it says beside the code is in docs/troubleshooting.toml; what stands above its first area is written by hand.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from tests.sentences import ROOT, Sentence, sentences

PAGE, DATA = ROOT / "docs" / "troubleshooting.md", ROOT / "docs" / "troubleshooting.toml"
MARK = "<!-- What follows is written by `make troubleshooting`. -->\n"
_SPECIAL = {"|": "\\|", "<": "&lt;", ">": "&gt;", "*": "\\*", "[": "\\[", "]": "\\]"}


def written() -> str:
    """The page as it should be."""
    by_hand = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    said = tomllib.loads(DATA.read_text(encoding="utf-8"))
    return by_hand + MARK + "".join(_area(area, found, said) for area, found in _by_area(said["area"]))


def _by_area(areas: Iterable[dict[str, Any]]) -> list[tuple[dict[str, Any], list[Sentence]]]:
    """Every sentence in the first area that fits; ValueError when none does."""
    found: list[tuple[dict[str, Any], list[Sentence]]] = [(area, []) for area in areas]
    for sentence in sentences():
        module = sentence.module.removeprefix("assay/")
        fitting = (inside for area, inside in found if module.startswith(tuple(area["modules"])))
        inside = next(fitting, None)
        if inside is None:
            raise ValueError(f"no area of {DATA.name} takes {sentence.module}")
        inside.append(sentence)
    return found


def _area(area: Mapping[str, Any], found: Iterable[Sentence], said: Mapping[str, Any]) -> str:
    rows = {each.said: "" for each in found}
    for each in found:
        rows[each.said] = "; or ".join(dict.fromkeys(filter(None, (rows[each.said], each.todo))))
    lines = [f"\n## {area['name']}\n\n{area['about']}\n\n| sentence | cause | cure |\n| --- | --- | --- |\n"]
    for sentence, todo in rows.items():
        cause = said["cause"].get(sentence, area["cause"])
        cure = said["cure"].get(sentence) or _plain(todo) or area["cure"]
        lines.append(f"| {_plain(sentence)} | {cause} | {cure} |\n")
    return "".join(lines)


def _plain(text: str) -> str:
    """Text of the code as Markdown shows it unchanged; what is in backticks stays."""
    parts = text.split("`")
    parts[::2] = ["".join(_SPECIAL.get(letter, letter) for letter in part) for part in parts[::2]]
    return "`".join(parts)


def strays() -> list[str]:
    """Causes and cures of sentences that nobody says any more."""
    known, said = {each.said for each in sentences()}, tomllib.loads(DATA.read_text(encoding="utf-8"))
    return sorted(key for table in ("cause", "cure") for key in said[table] if key not in known)


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
    for stray in strays():
        sys.stderr.write(f"{DATA.name}: nobody says: {stray}\n")
