"""docs/troubleshooting.md explains what the code says, and how the sentences are read from the code."""

from __future__ import annotations

import ast

import pytest

from tests.sentences import Sentence, Source, sentences, sentences_in
from tests.troubleshooting import PAGE, written

pytestmark = pytest.mark.slow

MADE_UP = """
class TiredError(UsageError): ...

def look(name, more):
    todo = "wait"
    if name:
        text = f"{name} is {more} asleep"
    else:
        text = "nobody is " + "awake"
    if more:
        return usage("sleep", text, todo)
    todo = "call"
    raise TiredError(f"{name} does not answer {more} calls", hint=todo if more else None)

def wake(name):
    problem = f"a bucket of water over {name} is needed"
    raise TiredError(f"{name}: {problem} ".rstrip(), hint="fetch one" if name else "buy one")
"""


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == written(), "run: make troubleshooting"


def test_sentences_are_found_with_what_to_do() -> None:
    found = sentences_in(Source("made/up.py", ast.parse(MADE_UP)), {"TiredError"})
    assert set(found) == {
        Sentence("… is … asleep", "wait", "made/up.py"),
        Sentence("nobody is awake", "wait", "made/up.py"),
        Sentence("… does not answer … calls", "call", "made/up.py"),
        Sentence("…: a bucket of water over … is needed", "fetch one; or buy one", "made/up.py"),
    }


def test_reasons_of_a_verdict_and_texts_of_other_modules_are_found() -> None:
    found = {sentence.said for sentence in sentences()}
    assert "the load generator was the bottleneck: …" in found
    assert "… of … planned tests did not run" in found
    assert "… speaks HTTP/2 alone, and assay HTTP/1.1" in found
