"""report.html: one file, nothing from outside, nothing from the target that could run."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from assay.findings.record import Record
from assay.reporting import html
from tests.findings.samples import event, evidence, finding, judge, load, ran
from tests.reporting.conftest import UNCONFIRMED, Run

_VOID = {"meta", "input", "br", "wbr", "link", "img", "line", "path", "circle", "polyline", "polygon", "rect"}


class _Page(HTMLParser):
    """Collects elements and text, and checks that every element is closed where it must be."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def _page(run: Run) -> _Page:
    return _Page(html.render(run[0], run[2]))


def test_the_page_tells_the_whole_run(full: Run) -> None:
    page = _page(full)
    for words in (
        "The target breaks its contract in 1 way",
        "the target was lost",
        "1 workload left behind",
        UNCONFIRMED,
        "0 of 1 removed, 1 unconfirmed",
        "accepts a limit below the request",
        "“The limit must be no less than the request.”",
        "curl -X POST http://h/x",
        "assay replay F-00000000",
        "Waived until 2027-03-31 by Ada: accepted until 2.23",
        "no second identity",
        "429 was waited out twice",
        "p99: 51.5 of 45",
    ):
        assert words in page.text, words
    assert page.open == []


def test_findings_can_be_linked_to(full: Run) -> None:
    ids = [attributes["id"] for _, attributes in _page(full).elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert {found.id for found in full[0].findings} < set(ids)


@pytest.mark.parametrize("which", ["full", "hostile"])
def test_nothing_is_loaded_from_anywhere(which: str, request: pytest.FixtureRequest) -> None:
    page = _page(request.getfixturevalue(which))
    for tag, attributes in page.elements:
        assert tag not in {"img", "link", "iframe", "object", "embed", "base", "form"}
        assert not {"src", "srcset", "action", "background", "poster"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    style = html.TEMPLATES.joinpath("report.css").read_text(encoding="utf-8")
    assert "url(" not in style
    assert "@import" not in style


def test_only_the_reports_own_script_may_run(hostile: Run) -> None:
    document = html.render(hostile[0], hostile[2])
    (script,) = re.findall(r"<script>(.*?)</script>", document, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(each["content"] for each in _Page(document).all("meta") if each.get("http-equiv"))
    assert policy is not None
    assert f"script-src 'sha256-{allowed}'" in policy
    assert "default-src 'none'" in policy


def test_hostile_text_is_shown_as_text(hostile: Run) -> None:
    document = html.render(hostile[0], hostile[2])
    page = _Page(document)
    assert len(page.all("script")) == 1
    assert page.open == []
    assert page.text.count("<script>alert(1)</script>") >= 10
    assert r"\x00\x1b[31m \u202e reversed \ud800" in page.text
    assert "{{7*7}}" in page.text
    assert document.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", document)


def test_a_body_is_indented_only_when_nothing_is_lost() -> None:
    bodies = {'{"a":1}': '{\n  "a": 1\n}', '{"a":1,"a":2}': None, '{"a":1.0e2}': None, "[-0]": None, "NaN": None}
    for body, shown in bodies.items():
        message = {"method": "POST", "url": "u", "headers": {}, "body": body}
        run = [ran("tests/a", "failed"), event(finding(evidence=evidence(request=message)))]
        document = html.render(judge(*run), Record.of(run))
        assert (shown or body) in "".join(_Page(document).words)


def test_a_run_without_anything_is_a_page_too() -> None:
    page = _Page(html.render(judge(), Record()))
    assert "The run could not decide: no test ran." in page.text
    assert "But the run is incomplete." in page.text


def test_parts_that_were_not_asked_for_have_no_place() -> None:
    page = _Page(html.render(judge(load()), Record.of([load()])))
    assert "tests run" not in page.text
    assert "1/1SLOs" in page.text
    contract = _Page(html.render(judge(ran()), Record.of([ran()])))
    assert "#load" not in [each["href"] for each in contract.all("a")]


def test_every_finding_is_on_the_page_and_thousands_do_not_swell_it() -> None:
    message = {"method": "POST", "url": "u", "headers": {}, "body": "x" * 4000}
    sample = evidence(request=message, response={"status": 1, "headers": {}, "body": "y" * 4000})
    events = [ran("tests/a", "failed"), *(event(finding(rule=f"r/{n}", evidence=sample)) for n in range(5000))]
    verdict = judge(*events)
    document = html.render(verdict, Record.of(events))
    assert len(document) < 8_000_000
    assert set(re.findall(r"F-[0-9a-f]{8}", document)) >= {found.id for found in verdict.findings}
    assert "4,700 further findings" in document


def test_names_break_where_they_may() -> None:
    assert html.breakable("get_a/<b>") == "get_<wbr>a/<wbr>&lt;b&gt;"
