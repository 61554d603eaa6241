"""The catalogue is complete: every normative sentence of the document is quoted, or listed with a reason."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from assay.contract import documents
from assay.contract.pointers import look_up
from assay.contract.rules import prose
from assay.contract.rules.base import Quote

PUBLISHED = documents.load().published
CATALOGUE = documents.load().catalogue
ENTRIES, RULES, NOT_RULES = CATALOGUE.entries, CATALOGUE.rules, CATALOGUE.not_rules
QUOTES: list[Quote] = [quote for item in ENTRIES for quote in item.quotes]
PLACES: list[tuple[str, str]] = sorted({(quote.pointer, quote.text) for quote in QUOTES})
LISTED = [Quote(entry.pointer, entry.text) for entry in NOT_RULES]


def altered(pointer: str, old: str, new: str) -> Any:
    """A copy of the document with one text changed."""
    document = copy.deepcopy(PUBLISHED)
    *above, key = pointer.split("/")
    place = look_up(document, "/".join(above), "copy")
    assert old in place[key]
    place[key] = place[key].replace(old, new)
    return document


def test_every_normative_sentence_is_accounted_for() -> None:
    missing = prose.unaccounted(PUBLISHED, [*QUOTES, *LISTED])
    assert not missing, "\n".join(f"{sentence.pointer}: {sentence.text}" for sentence in missing)


def test_a_new_sentence_is_noticed() -> None:
    place = "/components/schemas/Category/description"
    document = altered(place, "Specify the workload", "Must be one of the known ones. Specify the workload")
    missing = prose.unaccounted(document, [*QUOTES, *LISTED])
    assert [(sentence.pointer, sentence.text) for sentence in missing] == [(place, "Must be one of the known ones.")]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.rejects], ids=lambda rule: rule.id)
def test_without_a_rule_or_its_quotes_a_sentence_is_missing(rule: Any) -> None:
    """No quote of a norm stands on words that the walk would not have noticed."""
    shared = {quote for other in ENTRIES if other is not rule for quote in other.quotes}
    own = [quote for quote in rule.quotes[:1] if quote not in shared]
    others = [quote for quote in [*QUOTES, *LISTED] if quote not in own]
    missing = {sentence.pointer for sentence in prose.unaccounted(PUBLISHED, others)}
    assert missing == {quote.pointer for quote in own if not any(_covers(other, quote) for other in others)}, (
        "the walk finds the sentence of this rule by itself"
    )


def _covers(other: Quote, quote: Quote) -> bool:
    return other.pointer == quote.pointer and quote.text in other.text


@pytest.mark.parametrize("entry", NOT_RULES, ids=lambda entry: f"{entry.pointer}: {entry.text[:40]}")
def test_no_entry_of_the_other_list_is_stale(entry: Any) -> None:
    assert entry.text in look_up(PUBLISHED, entry.pointer, "document"), "the document no longer says so"
    assert len(entry.reason) > 20
    others = [quote for quote in LISTED if (quote.pointer, quote.text) != (entry.pointer, entry.text)]
    missing = prose.unaccounted(PUBLISHED, [*QUOTES, *others])
    assert entry.pointer in {sentence.pointer for sentence in missing}, "the entry is needed by nothing"


def test_every_quote_stands_in_the_document() -> None:
    assert CATALOGUE.lost_quotes(PUBLISHED) == []


@pytest.mark.parametrize(("pointer", "text"), PLACES)
def test_altering_a_quoted_text_names_the_rules(pointer: str, text: str) -> None:
    quote = Quote(pointer, text)
    document = copy.deepcopy(PUBLISHED)
    *above, key = quote.pointer.split("/")
    place = look_up(document, "/".join(above), "copy")
    index = int(key) if isinstance(place, list) else key
    place[index] = place[index].replace(quote.text, "changed") if isinstance(place[index], str) else "changed"
    lost = CATALOGUE.lost_quotes(document)
    owners = {item.id for item in ENTRIES if quote in item.quotes}
    assert owners <= {rule_id for rule_id, text in lost if text == quote.text}
    assert {rule_id for rule_id, _ in lost} <= {
        item.id for item in ENTRIES if quote.pointer in {own.pointer for own in item.quotes}
    }


def test_a_removed_place_loses_its_quotes() -> None:
    document = copy.deepcopy(PUBLISHED)
    del document["components"]["schemas"]["PriorityClass"]
    assert {rule_id for rule_id, _ in CATALOGUE.lost_quotes(document)} == {"scheduling/priority-class-known"}


@pytest.mark.parametrize(
    "sentence",
    [
        *("It must hold", "(mandatory)", "Required with it", "Only with it", "These are mutually exclusive"),
        *("It should hold", "Forbidden otherwise", "Not supported for it", "Valid with it", "At least it"),
        *("It is no less than it", "Between one and two", "It cannot hold", "It is not possible", "Unless it holds"),
        *("It is ignored", "Deprecated", "Use it", "Defaults to it", "Unique in it", "It may hold", "It needs it"),
    ],
)
def test_each_normative_word_is_noticed_alone(sentence: str) -> None:
    assert prose.is_normative(sentence)


@pytest.mark.parametrize(
    "sentence", ["The name of the workload.", "Executed successfully.", "Details of the mustard."]
)
def test_a_plain_sentence_is_not_normative(sentence: str) -> None:
    assert not prose.is_normative(sentence)


def test_properties_named_description_are_no_prose() -> None:
    pointers = [pointer for pointer, _ in prose.descriptions(PUBLISHED)]
    assert "/components/schemas/EnvironmentVariable/properties/description" not in pointers
    assert "/components/schemas/EnvironmentVariable/properties/description/description" in pointers
    assert "/components/parameters/NumberOfSamples/description" in pointers
    assert "/components/responses/404NotFound/description" in pointers


def test_sentences_are_cut_at_full_stops_only() -> None:
    text = "One is a. `this` e.g. that, 2.22 (0.5, 1, .etc). Two follows.. `Three` too. this is four"
    assert [sentence.text for sentence in prose.sentences("/x", text)] == [
        "One is a. `this` e.g. that, 2.22 (0.5, 1, .etc).",
        "Two follows..",
        "`Three` too.",
        "this is four",
    ]
    assert all(text[found.start : found.end] == found.text for found in prose.sentences("/x", text))
