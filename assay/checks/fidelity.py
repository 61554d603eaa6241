"""What is stored is what was sent, to the letter, and nothing else moves it: no sibling, no refusal, no age.

The document calls these values strings and says no more, so a target may refuse an odd one: nothing is said about
that here. What it takes it must tell as it was sent. A value that looks like a number, a truth value or markup, and
one with blanks at its ends, go wrong wherever a value passes through YAML, a template or a shell on its way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from assay.checks import claims, lifecycle, settling
from assay.checks.echo import spec_echo
from assay.checks.exchange import Deviation, Exchange, violation
from assay.checks.lifecycle import same_metadata
from assay.checks.specs import RICH, referring_spec
from assay.checks.target import PLAIN_SPEC, LiveWorkload, TargetUnderTest
from assay.client.creation import created_id
from assay.client.patience import BUSY
from assay.contract.request import Expectation, Json, Outcome

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


def texts(target: TargetUnderTest, test: str, group: str) -> None:
    """Create with a group of texts, then let each variable have another one's: both times all must come back.

    Raises ContractBreachError with a violation for each kind of text that is not.
    """
    wanted = TEXTS[group]
    spec = {**PLAIN_SPEC, "environmentVariables": _variables(list(wanted.values()))}
    with target.creating(
        target.contract.creation.request(body=target.body(spec)), test=test, expectation=_OPEN
    ) as created:
        identity = created_id(created.answer)
        if identity is None:
            return
        seen = _read(target, test, identity, created)
        target.verify(seen.with_deviations(*_altered_answer(wanted, seen, "created")))
        _update(target, test, created, identity, dict(reversed(list(wanted.items()))))


def _update(target: TargetUnderTest, test: str, created: Exchange, identity: str, wanted: Mapping[str, str]) -> None:
    change = {"environmentVariables": _variables(list(wanted.values()))}
    request = target.contract.updating.request(workload=identity, body={"spec": change})
    updated = target.send(request, test=test, expectation=_OPEN, setup=(created,))
    target.verify(updated)
    if not updated.accepted:
        return
    seen = settling.until(
        target, test, identity, lambda body: not [*altered(wanted, body, "updated")], (created, updated)
    )
    target.verify(seen.with_deviations(*_altered_answer(wanted, seen, "updated")))


def order(target: TargetUnderTest, test: str) -> None:
    """Where the order of a list has a meaning it comes back as it was sent. Raises ContractBreachError."""
    with target.creating(
        target.contract.creation.request(body=target.body(ORDERED)), test=test, expectation=_OPEN
    ) as created:
        identity = created_id(created.answer)
        if identity is not None:
            seen = _read(target, test, identity, created)
            target.verify(seen.with_deviations(*_echoed(seen)))


def updated(target: TargetUnderTest, test: str) -> None:
    """An update of what names other things is stored where it is taken. Raises ContractBreachError."""
    with target.workload(test) as workload:
        for name, value in CHANGED.items():
            change = {name: value}
            request = target.contract.updating.request(workload=workload.id, body={"spec": change})
            answer = target.send(request, test=test, expectation=_OPEN, setup=(workload.created,))
            target.verify(answer)
            if answer.accepted:
                target.verify(_holding(target, test, workload, change, answer))


def references(target: TargetUnderTest, test: str, number: int) -> None:
    """Create what names things that may not exist on the target (a secret, a volume), and read what was taken.

    A target may refuse them, and nothing is said about that here. What it takes it must store like everything else.
    Raises ContractBreachError when the read does not hold what was sent.
    """
    sent = referring_spec(target, number)
    if not sent:
        return
    request = target.contract.creation.request(body=target.body(sent))
    with target.creating(request, test=test, expectation=_OPEN) as created:
        identity = created_id(created.answer)
        if identity is None:
            return
        seen = _read(target, test, identity, created)
        if seen.accepted:
            seen = same_metadata(created.object(), seen, "read")
            seen = seen.with_deviations(*spec_echo(sent, seen.object(), "read"))
        target.verify(seen)


def _holding(
    target: TargetUnderTest, test: str, workload: LiveWorkload, change: Mapping[str, Json], answer: Exchange
) -> Exchange:
    def missing(body: Mapping[str, Json]) -> list[Deviation]:
        return [*spec_echo(change, body, "update")]

    setup = (workload.created, answer)
    seen = settling.until(target, test, workload.id, lambda body: not missing(body), setup)
    return seen.with_deviations(*missing(seen.object())) if seen.accepted else seen


def _echoed(seen: Exchange) -> Iterator[Deviation]:
    return spec_echo(ORDERED, seen.object(), "read") if seen.accepted else iter(())


def _variables(values: Sequence[str]) -> list[Json]:
    return [{"name": f"TEXT_{number}", "value": value} for number, value in enumerate(values)]


def _read(target: TargetUnderTest, test: str, identity: str, created: Exchange) -> Exchange:
    request = target.contract.reading.request(workload=identity)
    return target.send(request, test=test, expectation=Expectation(Outcome.ACCEPT), setup=(created,))


def _altered_answer(wanted: Mapping[str, str], seen: Exchange, step: str) -> Iterator[Deviation]:
    return altered(wanted, seen.object(), step) if seen.accepted else iter(())


def altered(wanted: Mapping[str, str], body: Mapping[str, Json], step: str) -> Iterator[Deviation]:
    """Yield what comes back otherwise, or more than once; an answer without such a list is judged elsewhere."""
    spec = body.get("spec")
    entries: Any = spec.get("environmentVariables") if isinstance(spec, Mapping) else None
    if not isinstance(entries, list):
        return
    seen = [(item.get("name"), item.get("value")) for item in entries if isinstance(item, Mapping)]
    values = dict(seen)
    for number, (what, text) in enumerate(wanted.items()):
        got = values.get(f"TEXT_{number}")
        if got != text:
            yield violation(
                f"text-{step}",
                f"{_VALUES}/{what.replace(' ', '-')}",
                f"a value does not come back as it was {step}: {what}",
                f"“The value of the environment variable.” Sent {text[:60]!r}, got {str(got)[:60]!r}: "
                "what was accepted must be what is stored.",
                claims=(claims.told([f"body/spec/environmentVariables/*/value string {claims.spelt(text)}"], what),),
            )
    names = Counter(name for name, _ in seen if isinstance(name, str) and name.startswith("TEXT_"))
    if any(times > 1 for times in names.values()):
        yield violation(
            f"entry-once-{step}",
            "/response/body/spec/environmentVariables",
            f"an environment variable that was {step} once comes back twice",
            "“Set of environment variables to populate into the container”: one that is there twice has two values.",
            claims=(
                claims.counted("^body/spec/environmentVariables/[^/ ]+/name string TEXT_", len(wanted), "each once"),
            ),
        )


_SETTLES: Final = 0.2
"""Seconds for an update to show, should it show late."""
_AGES: Final = 1.5
"""Seconds from the creation to the update: more than ``same_metadata`` lets a rounded createdAt differ (1 s)."""


def of_one_prefix(target: TargetUnderTest, test: str) -> None:
    """Two creations with one prefix: two names, and the deletion of one leaves the other alone.

    Raises ContractBreachError.
    """
    body = target.body(useGivenNameAsPrefix=True)
    with (
        target.several(2),
        target.creating(target.contract.creation.request(body=body), test=test, expectation=_OPEN) as one,
        target.creating(target.contract.creation.request(body=body), test=test, expectation=_OPEN) as two,
    ):
        first, second = created_id(one.answer), created_id(two.answer)
        if first is None or second is None:
            return  # whether a prefix may be used twice at a time is not said
        target.verify(_named_apart(one, two))
        _delete(target, test, second, two)
        left = target.contract.reading.request(workload=first)
        seen = target.send(left, test=test, expectation=Expectation(Outcome.ACCEPT), setup=(one, two))
        target.verify(_still_there(lifecycle.same_metadata(one.object(), seen, "neighbour-delete")))


def _delete(target: TargetUnderTest, test: str, identity: str, created: Exchange) -> None:
    request = target.contract.deletion.request(workload=identity)
    target.verify(target.send(request, test=test, expectation=_OPEN, setup=(created,)))


def _named_apart(one: Exchange, two: Exchange) -> Exchange:
    if one.object().get("name") != two.object().get("name"):
        return two
    return replace(two, setup=(one,)).with_deviations(
        violation(
            "name-prefix-random",
            "/response/202/body/name",
            "two workloads that were created with one prefix have one name",
            "“The final name of the workload will be composed of the name followed by a random set of characters.”",
            claims=(claims.Claim("differ", ("1", "body/name"), "two names"),),
        )
    )


def _still_there(seen: Exchange) -> Exchange:
    body = seen.object()
    if seen.accepted and body.get("desiredPhase") != "Deleted" and body.get("deletedAt") is None:
        return seen
    return seen.with_deviations(
        violation(
            "delete-neighbour",
            "/response/body",
            "deleting one workload has deleted another one of the same prefix",
            "A deletion names one workload, by its id.",
            claims=(claims.ALIVE,),
        )
    )


def spelt(target: TargetUnderTest, test: str) -> None:
    """A name with capitals, where it is taken, is the workload's name. Raises ContractBreachError."""
    body = target.body(name=f"{target.name()}-CamelCase")
    with target.creating(target.contract.creation.request(body=body), test=test, expectation=_OPEN) as created:
        seen, sent = created.object(), created.request.body
        name = sent.get("name") if isinstance(sent, Mapping) else None
        if created.accepted and not seen.get("name") == seen.get("requestedName") == name:
            created = created.with_deviations(
                violation(
                    "name-as-given",
                    "/response/202/body/name",
                    "a name with capitals is not the workload's name as it was given",
                    "“If useGivenNameAsPrefix, in the creation request, is false, name and requestedName should be "
                    "identical.”",
                    claims=(claims.holding("name", str(name)), claims.holding("requestedName", str(name))),
                )
            )
        target.verify(created)


def after_a_refusal(target: TargetUnderTest, test: str) -> None:
    """The name of a refused creation is as free as it was before. Raises ContractBreachError."""
    bad = target.body({**PLAIN_SPEC, "priorityClass": "no-such-class"})
    with target.creating(target.contract.creation.request(body=bad), test=test) as refused:
        target.verify(refused)
        if refused.accepted:
            return  # told by the rule's own test
    good = {**bad, "spec": dict(PLAIN_SPEC)}
    with target.creating(target.contract.creation.request(body=good), test=test, expectation=_OPEN) as created:
        target.verify(_free(replace(created, setup=(refused,))))


def _free(created: Exchange) -> Exchange:
    if created.accepted or created.status is None or not 400 <= created.status < 500 or created.status in BUSY:
        return created
    return created.with_deviations(
        violation(
            "refused-create-keeps-name",
            "/response/status",
            f"a name is refused ({created.status}) because a creation with it was refused before",
            "A refused request has no effect: the same creation under another name is accepted.",
            claims=(claims.ACCEPTED,),
        )
    )


def aged(target: TargetUnderTest, test: str) -> None:
    """A read and an update, a while after the creation, tell its metadata. Raises ContractBreachError."""
    with target.workload(test) as workload:
        target.clock.sleep(_AGES)
        known = workload.told
        target.verify(lifecycle.same_metadata(known, lifecycle.read(target, test, workload), "read"))
        updated = lifecycle.patch(target, test, workload, {"command": "serve"})
        target.verify(lifecycle.same_metadata(known, updated, "update"))
        target.verify(lifecycle.same_metadata(known, lifecycle.read(target, test, workload), "update"))


def renamed(target: TargetUnderTest, test: str) -> None:
    """An update that names metadata beside the spec may be refused or not, but moves none of it.

    Raises ContractBreachError. No id is among it: a workload that took one could not be deleted any more.
    """
    with target.workload(test) as workload:
        known = workload.told
        beside = {
            "name": target.name(),
            "requestedName": target.name(),
            "createdBy": "nobody",
            "createdAt": "2020-01-01T00:00:00Z",
        }
        request = target.contract.updating.request(
            workload=workload.id, body={**beside, "spec": {"command": "serve"}}
        )
        updated = target.send(request, test=test, expectation=_OPEN, setup=(workload.created,))
        target.verify(updated)
        target.clock.sleep(_SETTLES)
        target.verify(lifecycle.same_metadata(known, lifecycle.read(target, test, workload), "update"))


def updated_beside(target: TargetUnderTest, test: str) -> None:
    """An update of one workload changes nothing of another one."""
    with target.workload(test, RICH) as neighbour, target.workload(test) as workload:
        answered = lifecycle.patch(target, test, workload, {"command": "assay-for-one-only", "args": "--one"})
        seen = lifecycle.read(target, test, neighbour, setup=(neighbour.created, workload.created, answered))
        target.verify(answered, _untouched(seen, neighbour))


def _untouched(exchange: Exchange, workload: LiveWorkload) -> Exchange:
    same = lifecycle.same_metadata(workload.told, exchange, "neighbour-update")
    if not exchange.accepted or not [*spec_echo(workload.spec, exchange.object(), "read")]:
        return same
    return same.with_deviations(
        violation(
            "update-neighbour",
            "/response/body/spec",
            "updating one workload has changed another one",
            "An update names one workload.",
            claims=claims.comes_back(workload.spec, "/spec"),
        )
    )
