"""The prose of the document: every description, cut into sentences, and which of them state a norm.

Used to prove that the catalogue is complete: a sentence with a normative word must be quoted by a rule or a
contradiction, or be listed with a reason in ``not_rules``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from assay.contract.request import Json
from assay.contract.rules.base import Quote

# Generous on purpose: a word too many costs one line in ``not_rules``, a word too few hides a rule for good.
NORMATIVE: Final = re.compile(
    r"""\b(
    must|mandatory|required|requires?|only|exclusive(?:ly)?|should|shall|may|might|forbidden|prohibited
    |not\ supported|not\ yet\ supported|supported?|supports|valid|invalid|allow(?:s|ed)?|at\ least|at\ most
    |no\ less|no\ more|less\ than|more\ than|greater|exceeds?|between|maximum|minimum|limit(?:s|ed|ations?)?
    |cannot|can\ not|not\ possible|not\ be|unless|except|if|when|in\ case|defaults?|default|use|used|using
    |ignored|deprecated|instead|unique|identical|same|always|never|multiple|single|empty|non-empty|null|omitted
    |optional|provided|specified|specify|available|applicable|choose|options?|recommended|needed|needs?
    |guarantees?|true|false|special|one\ of|either|neither|both|each|all|any|no|not|refused|rejected|accepted
    |format|quantity|integer|comma\ separated|separated|prioritized|experimental|enabled|exactly|will
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)

# A sentence ends at a full stop before a blank and a capital, a quoted word or a bracketed remark; not behind the
# letter of an enumeration ("a. `fromTheImage`") or an abbreviation ("e.g.", ".etc").
_END: Final = re.compile(r"(?<![\s(][a-z])(?<!e\.g)(?<!i\.e)(?<!etc)\.{1,2}\s+(?=[A-Z0-9`\"'(]|this\b|taint)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, the JSON pointer of the description it stands in, and its offset there."""

    pointer: str
    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def descriptions(document: Json, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Every description of ``document`` with its pointer, in document order; properties named so are none."""
    if isinstance(document, dict):
        for key, value in document.items():
            place = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key == "description" and isinstance(value, str):
                yield place, value
            else:
                yield from descriptions(value, place)
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from descriptions(value, f"{pointer}/{index}")


def sentences(pointer: str, description: str) -> Iterator[Sentence]:
    """Cut one description into sentences; blanks between them belong to none."""
    start = 0
    for end in [match.end() for match in _END.finditer(description)] + [len(description)]:
        raw = description[start:end]
        text = raw.strip()
        if text:
            yield Sentence(pointer, start + raw.index(text), text)
        start = end


def is_normative(text: str) -> bool:
    """Whether ``text`` holds a word that could state a norm."""
    return NORMATIVE.search(text) is not None


def unaccounted(document: Json, quotes: Iterable[Quote]) -> list[Sentence]:
    """Every sentence of which some normative part is inside none of ``quotes``."""
    by_place: dict[str, list[str]] = {}
    for quote in quotes:
        by_place.setdefault(quote.pointer, []).append(quote.text)
    return [
        sentence
        for pointer, description in descriptions(document)
        for sentence in sentences(pointer, description)
        if is_normative(_rest(description, sentence, by_place.get(pointer, [])))
    ]


def _rest(description: str, sentence: Sentence, quoted: list[str]) -> str:
    """What remains of ``sentence`` when everything quoted is cut out of it."""
    kept = list(description)
    for text in quoted:
        start = description.find(text)
        if start >= 0:
            kept[start : start + len(text)] = " " * len(text)
    return "".join(kept[sentence.start : sentence.end])
