"""What is stored is what was sent, to the letter: texts, the order of lists, each entry once.

The document calls these values strings and says no more, so a target may refuse an odd one: nothing is said about
that here. What it takes it must tell as it was sent. A value that looks like a number, a truth value or markup, and
one with blanks at its ends, go wrong wherever a value passes through YAML, a template or a shell on its way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from assay.checks import settling
from assay.checks.created import spec_echo
from assay.checks.deviation import Deviation
from assay.checks.exchange import Exchange
from assay.checks.lifecycle import violation
from assay.checks.probe import PLAIN_SPEC, Probe, Workload, created_id
from assay.contract.request import Expectation, Json, Outcome, Request

_OPEN: Final = Expectation(Outcome.OPEN)
_VALUES: Final = "/response/body/spec/environmentVariables/*/value"

_PRINTABLE: Final[dict[str, str]] = {
    "a text with blanks at its ends": "  two  ",
    "a text with blanks in a row": "a   b",
    "the text true": "true",
    "the text no": "no",
    "the text null": "null",
    "a text of digits that begins with zeros": "007",
    "a text that reads as a decimal number": "1.50",
    "a text that reads as an exponent": "1e3",
    "a text that reads as a date": "2027-01-01",
    "a text of capitals and small letters": "MiXeD",
    "markup": "<b title='x'>&amp; \"quoted\"</b>",
    "backslashes": "C:\\new\\table \\u0041 \\\\",
    "placeholders": "${HOME} $(HOME) {{ .Name }} %s %20",
    "a text of separators": "a,b;c=d:e|f&g=#h",
    "JSON within a text": '{"a": [1, null]}',
}
_BEYOND: Final[dict[str, str]] = {
    "an empty text": "",
    "accents": "Grüße, señor",
    "letters beyond Latin": "日本語 עברית",
    "characters beyond 16 bits": "rocket \U0001f680",
    "typographic quotes": "“quoted” – …",
    "line breaks": "one\ntwo\n\n",
    "a tab": "a\tb",
    "a text of 300 characters": "0123456789" * 30,
    "a text of 5,000 characters": "0123456789" * 500,
}
TEXTS: Final[Mapping[str, Mapping[str, str]]] = {"printable": _PRINTABLE, "beyond-ascii": _BEYOND}
"""By the name of their group what each text is; a group is sent at once, so that one refusal hides its group only."""

ORDERED: Final[Mapping[str, Json]] = {**PLAIN_SPEC, "nodePools": ["pool-b", "pool-c", "pool-a"]}
"""Lists to whose order the document gives a meaning, in none that a sort would make."""


CHANGED: Final[Mapping[str, Json]] = {
    "nodePools": ["pool-c", "pool-a", "pool-b"],
    "category": "assay-category",
    "nodeType": "assay-node-type",
    "compute": {"extendedResources": [{"resource": "example.com/assay", "quantity": "1"}]},
}
"""What an update may name beside plain values, each of which may be unknown to the target."""


def texts(probe: Probe, test: str, group: str) -> None:
    """Create with a group of texts, then let each variable have another one's: both times all must be told again.

    Raises ContractBreachError with a violation for each kind of text that is not.
    """
    wanted = TEXTS[group]
    spec = {**PLAIN_SPEC, "environmentVariables": _variables(list(wanted.values()))}
    with probe.creating(Request("create", body=probe.body(spec)), test=test, expectation=_OPEN) as created:
        identity = created_id(created.answer)
        if identity is None:
            return
        told = _read(probe, test, identity, created)
        probe.verify(told.with_deviations(*_altered_answer(wanted, told, "created")))
        _update(probe, test, created, identity, dict(reversed(list(wanted.items()))))


def _update(probe: Probe, test: str, created: Exchange, identity: str, wanted: Mapping[str, str]) -> None:
    change = {"environmentVariables": _variables(list(wanted.values()))}
    request = Request("update", {"workloadId": identity}, body={"spec": change})
    updated = probe.send(request, test=test, expectation=_OPEN, setup=(created,))
    probe.verify(updated)
    if not updated.accepted:
        return
    told = settling.until(
        probe, test, identity, lambda body: not [*altered(wanted, body, "updated")], (created, updated)
    )
    probe.verify(told.with_deviations(*_altered_answer(wanted, told, "updated")))


def order(probe: Probe, test: str) -> None:
    """Where the order of a list has a meaning it is told as it was sent. Raises ContractBreachError."""
    with probe.creating(Request("create", body=probe.body(ORDERED)), test=test, expectation=_OPEN) as created:
        identity = created_id(created.answer)
        if identity is not None:
            told = _read(probe, test, identity, created)
            probe.verify(told.with_deviations(*_echoed(told)))


def updated(probe: Probe, test: str) -> None:
    """An update of what names other things is stored where it is taken. Raises ContractBreachError."""
    with probe.workload(test) as workload:
        for name, value in CHANGED.items():
            change = {name: value}
            request = Request("update", {"workloadId": workload.id}, body={"spec": change})
            answer = probe.send(request, test=test, expectation=_OPEN, setup=(workload.created,))
            probe.verify(answer)
            if answer.accepted:
                probe.verify(_holding(probe, test, workload, change, answer))


def _holding(probe: Probe, test: str, workload: Workload, change: Mapping[str, Json], answer: Exchange) -> Exchange:
    def missing(body: Mapping[str, Json]) -> list[Deviation]:
        return [*spec_echo(change, body, "update")]

    setup = (workload.created, answer)
    told = settling.until(probe, test, workload.id, lambda body: not missing(body), setup)
    return told.with_deviations(*missing(told.object())) if told.accepted else told


def _echoed(told: Exchange) -> Iterator[Deviation]:
    return spec_echo(ORDERED, told.object(), "read") if told.accepted else iter(())


def _variables(values: Sequence[str]) -> list[Json]:
    return [{"name": f"TEXT_{number}", "value": value} for number, value in enumerate(values)]


def _read(probe: Probe, test: str, identity: str, created: Exchange) -> Exchange:
    request = Request("read", {"workloadId": identity})
    return probe.send(request, test=test, expectation=Expectation(Outcome.ACCEPT), setup=(created,))


def _altered_answer(wanted: Mapping[str, str], told: Exchange, step: str) -> Iterator[Deviation]:
    return altered(wanted, told.object(), step) if told.accepted else iter(())


def altered(wanted: Mapping[str, str], body: Mapping[str, Json], step: str) -> Iterator[Deviation]:
    """Yield what is told otherwise, or more than once; an answer without such a list is judged elsewhere."""
    spec = body.get("spec")
    entries: Any = spec.get("environmentVariables") if isinstance(spec, Mapping) else None
    if not isinstance(entries, list):
        return
    told = [(item.get("name"), item.get("value")) for item in entries if isinstance(item, Mapping)]
    values = dict(told)
    for number, (what, text) in enumerate(wanted.items()):
        got = values.get(f"TEXT_{number}")
        if got != text:
            yield violation(
                f"text-{step}",
                f"{_VALUES}/{what.replace(' ', '-')}",
                f"a value is not told as it was {step}: {what}",
                f"“The value of the environment variable.” Sent {text[:60]!r}, told {str(got)[:60]!r}: "
                "what was accepted must be what is stored.",
            )
    names = Counter(name for name, _ in told if isinstance(name, str) and name.startswith("TEXT_"))
    if any(times > 1 for times in names.values()):
        yield violation(
            f"entry-once-{step}",
            "/response/body/spec/environmentVariables",
            f"an environment variable that was {step} once is told twice",
            "“Set of environment variables to populate into the container”: one that is there twice has two values.",
        )
