"""Writes the part of a reproduction script that is a finding's own: its requests, and what is expected of the answer.

The other part is the same for all (``assay/reporting/templates/reproduce.sh``). A request on a workload follows the
creation of a new one, for that of the run is gone; names, ids, pods and moments are found anew, in variables.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, unquote

from assay.checks.claims import Claim
from assay.checks.concurrent_requests import ConcurrentRequests
from assay.checks.echo import moment
from assay.checks.exchange import Deviation, Exchange
from assay.checks.fallback import as_then
from assay.checks.run_state import Belongings
from assay.checks.watching import is_concurrent, watching
from assay.client.creation import created_id
from assay.client.evidence import in_double_quotes, packed, readable, shell_word
from assay.client.exchange import Answer, Wire
from assay.client.headers import variable_of
from assay.client.naming import name_in
from assay.client.network import curl_options
from assay.client.session import Session
from assay.clock import utc
from assay.contract.operations import Kind
from assay.contract.request import Absent, Request
from assay.legible import visible

_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|(?:%2B|-)\d\d:\d\d)")
_ENDING: Final = re.compile(r"(\.0+)?(Z|(%2B|-)\d\d:\d\d)$")
_SETTLED_BY_REFUSAL: Final = frozenset({"untold"})
"""Checks of what an accepted request left, which holds as well when it is refused."""
_ROUNDS: Final = 12
"""How often requests leave at one moment before nothing is said to show."""
_FAR: Final = timedelta(days=400)
"""A moment that far from the others is meant as it stands."""


def reproduction(
    session: Session, exchange: Exchange, deviation: Deviation, found: Belongings
) -> dict[str, Any] | None:
    """What a script needs beside its common part: project, cluster, mark of names, expects, says, part, outsider.

    ``expects`` are claims, the deviation shows when one fails; ``part`` are lines of a POSIX shell. None where
    requests of several clients met and nobody knows which.
    """
    if is_concurrent(exchange) and exchange.test not in found.concurrent:
        return None
    claims = deviation.claims or as_then(exchange, deviation)
    part = _Part(session, exchange, found)
    return {
        "project": session.project,
        "cluster": session.cluster,
        "mark": f"{session.mark}-",
        "expects": [claim.to_json() for claim in claims],
        "says": "; ".join(dict.fromkeys(claim.says for claim in claims)),
        "outsider": any(step.auth == "outsider" for step in (*exchange.setup, exchange, *exchange.after)),
        "part": session.mask.text("\n".join(part.lines(deviation, claims))),
    }


@dataclass
class _Part:
    """Writes the lines for one exchange, and keeps the variables that stand for what is found anew."""

    session: Session
    exchange: Exchange
    found: Belongings
    named: dict[str, str] = field(default_factory=dict)
    anchor: datetime | None = None
    serving: datetime | None = None
    _moments: dict[str, str] = field(default_factory=dict)

    def lines(self, deviation: Deviation, claims: tuple[Claim, ...]) -> Iterator[str]:
        served = (self.found.serving.get(value) for value in self.exchange.request.path.values())
        self.serving = self.exchange.serving or next(filter(None, served), None)
        self.anchor = self._anchor()
        deletion = self.session.contract.deletion.name
        deleted = any(step.request.operation == deletion and step.accepted for step in self.exchange.setup)
        watched = watching(deviation, self.exchange, deleted=deleted)
        yield f"was={self.exchange.status or '000'}"
        yield from self._way()
        requests = self.found.concurrent.get(self.exchange.test, ())
        met = ConcurrentRequests(self.session.contract, self.exchange, requests)
        if not met:
            yield f"until={watched.until} patience={watched.patience} rounds={watched.rounds} meets=no"
            yield from self._block("steps", self._steps(claims))
            yield from self._block("last", self._last())
            yield from self._block("holds", self._holds(claims))
            return
        until, patience = ("once", 0) if met.judged else (watched.until, watched.patience)
        yield f"until={until} patience={patience} rounds={_ROUNDS} meets=yes"
        yield from self._block("steps", self._meeting(met, claims))
        yield from self._block("last", () if met.judged else self._last())
        if met.judged:
            yield from self._block("member", self._holds(claims))
            yield from self._block("holds", [f"each_holds {self.session.wire(self.exchange.sent).method}"])
        else:
            yield from self._block("holds", self._holds(claims))

    def _meeting(self, met: ConcurrentRequests, claims: tuple[Claim, ...]) -> Iterator[str]:
        """What comes first, then all that leaves at one moment, then what follows for each creation, or after all."""
        yield from self._steps(claims, besides=met.requests)
        for number, request in met.members():
            wire = self.session.wire(request)
            creates = self._creates(request, wire)
            yield from [f"for each in {' '.join(map(str, range(1, number + 1)))}; do"] * (number > 1)
            yield from self._fresh_names(wire, again=True)
            yield from self._prepared(wire)
            name = f" {self._word(_name_of(request))}" if creates else ""
            yield f"joins {wire.method} {self._target(wire)}{name}"
            yield from ["done"] * (number > 1)
        yield "together"
        if met.follows:
            wire = self.session.wire(self.exchange.sent)
            self.named |= dict.fromkeys(self.exchange.request.path.values(), "W1")
            yield "while read -r step W1; do"
            yield from self._prepared(wire)
            yield f"joins {wire.method} {self._target(wire)}"
            yield 'say "$n $step" >>"$dir/pairs"'
            yield 'done <"$dir/born"'
            yield "together"
        elif met.deletion is not None and not met.judged:
            wire = self.session.wire(met.deletion)
            yield "taken_of DELETE || {"
            yield from self._prepared(wire)
            yield f"send {wire.method} {self._target(wire)}"
            yield "}"

    def _block(self, name: str, lines: Iterable[str]) -> Iterator[str]:
        yield f"{name}() {{"
        body = [f"  {line}" for line in lines]
        yield from body or ["  :"]
        yield "}"

    def _way(self) -> Iterator[str]:
        """How curl goes there, as options of its configuration, with the headers that the user gave."""
        settings = self.session.settings
        words = iter(curl_options(settings))
        options = [f"option {name.removeprefix('--')} {value}" for name, value in zip(words, words, strict=True)]
        headers = [
            f'option header "{in_double_quotes(name)}: ${{{variable_of(name)}:-}}"' for name in settings.headers
        ]
        yield from self._block("way", [*(["say insecure"] if settings.insecure else []), *options, *headers])

    # --- requests ---------------------------------------------------------------------------------------------

    def _steps(self, claims: tuple[Claim, ...], besides: tuple[Request, ...] = ()) -> Iterator[str]:
        """Creations first: what is asked of a workload waits until it shows, and serves where it must."""
        setup = [step for step in self.exchange.setup if step.request not in besides]
        if any(self._is(request, Kind.CREATE) for request in besides):
            return
        makes = [step for step in setup if created_id(step.answer) and self._is(step.request, Kind.CREATE)]
        for step in makes:
            yield from self._names(step)
            yield from self._request(step)
            yield "taken"
        yield from self._wait()
        yield from self._capitals()
        rest = [step for step in setup if step not in makes]
        for step in rest:
            yield from self._names(step)
            yield from self._pods(step)
            yield from self._request(step)
            if step.accepted:
                yield "judged" if step is rest[-1] and _is_settled_by_refusal(claims) else "taken"
            elif step.status == 404 and self._is(step.request, Kind.READ):
                yield 'lately 60 missing || stop "the workload is not gone in time"'
        for step in (self.exchange, *self.exchange.after):
            yield from self._names(step)

    def _capitals(self) -> Iterator[str]:
        """Variables for ids that are written in capitals."""
        known = {value.upper(): variable for value, variable in self.named.items() if variable.startswith("W")}
        for step in (*self.exchange.setup, self.exchange, *self.exchange.after):
            for value in step.request.path.values():
                if value in known and value not in self.named:
                    self.named[value] = self._variable("C")
                    yield f'{self.named[value]}=$(capitals "${known[value]}")'

    def _wait(self) -> Iterator[str]:
        made = [variable for variable in self.named.values() if variable.startswith("W")]
        for variable in made:
            yield f'lately 5 seen "${variable}" || :'
        if self.serving:
            yield from (f'serving "${variable}"' for variable in made)
            yield "began=$(($(now) + 1))"
            yield "sleep 4"
        elif self.anchor is not None:
            yield "began=$(now)"

    def _last(self) -> Iterator[str]:
        steps = (self.exchange, *self.exchange.after)
        if self.anchor is not None and not self.serving:
            yield "began=$(now)"
        for step in steps:
            yield from self._pods(step)
            yield from self._request(step)

    def _names(self, step: Exchange) -> Iterator[str]:
        """A fresh name for each one that this run has given, of the same length."""
        yield from self._fresh_names(self.session.wire(step.sent))

    def _fresh_names(self, wire: Wire, *, again: bool = False) -> Iterator[str]:
        text = f"{wire.target} {(readable(wire.content) or '') if wire.content else ''}"
        for found in re.finditer(rf"({re.escape(self.session.mark)}-[a-z0-9-]*?)([0-9a-f]+-\d+)(?![0-9a-f])", text):
            is_new = found[0] not in self.named
            if is_new:
                self.named[found[0]] = self._variable("N")
            if is_new or again:
                yield f"fresh {self.named[found[0]]} {shlex.quote(found[1])} {len(found[2])}"

    def _pods(self, step: Exchange) -> Iterator[str]:
        for value in step.request.path.values():
            owner = self.named.get(self.found.owners.get(value, ""))
            if owner is not None and value not in self.named:
                self.named[value] = self._variable("P")
            if owner is not None:
                yield f'pod {self.named[value]} "${owner}"'

    def _variable(self, letter: str) -> str:
        return f"{letter}{1 + sum(name.startswith(letter) for name in self.named.values())}"

    def _request(self, step: Exchange) -> Iterator[str]:
        wire = self.session.wire(step.sent)
        target = self._target(wire)
        yield from self._prepared(wire, step)
        if self._creates(step.request, wire):
            made = created_id(step.answer)
            variable = self.named.setdefault(made, self._variable("W")) if made else "W0"
            yield f"create {variable} {target} {self._word(_name_of(step.request))}"
        else:
            yield f"send {wire.method} {target}"

    def _prepared(self, wire: Wire, step: Exchange | None = None) -> Iterator[str]:
        """Credentials (those of the run where there is no ``step``), headers, body."""
        yield from ["begin main"] if step is None else self._credentials(step)
        for name, value in wire.headers:
            yield f"header {self._word(f'{name}: {value}' if value else f'{name};')}"
        yield from self._body(wire)

    def _credentials(self, step: Exchange) -> Iterator[str]:
        if step.shell is not None:
            if "python3" in step.shell:
                yield "command -v python3 >/dev/null || stop 'python3 is needed to forge this token'"
            yield "export ASSAY_TOKEN"
            yield f'begin "{step.shell}"'
        elif step.auth in {"main", "outsider"}:
            yield f"begin {step.auth}"
        elif step.auth is None:
            yield "begin none"
        else:
            yield f'begin "{in_double_quotes(self.session.mask.text(step.auth))}"'

    def _body(self, wire: Wire) -> Iterator[str]:
        if wire.content is None:
            return
        text = readable(wire.content)
        if text is None or visible(text) != text:
            yield f"{packed(wire.content)} | body"
        else:
            yield f"printf %s {self._word(text) or chr(39) * 2} | body"

    def _creates(self, request: Request, wire: Wire) -> bool:
        return self._is(request, Kind.CREATE) and wire.method == "POST"

    def _is(self, request: Request, kind: Kind) -> bool:
        return self.session.contract.operations[request.operation].kind is kind

    # --- what is found anew -----------------------------------------------------------------------------------

    def _word(self, text: str) -> str:
        """The text as one word of a shell, with the variables of what it names."""
        pieces = re.split(r'(?<="projectId":")([^"]*)(?=")|(?<="clusterId":")([^"]*)(?=")', text)
        words = []
        for number, piece in enumerate(pieces):
            place = (None, "project", "cluster")[number % 3]
            if piece is None:
                continue
            known = place and getattr(self.session, place)
            if known and piece == known:
                words.append(f'"${place}"')
            elif known and piece == known.upper():
                words.append(f'"$(capitals "${place}")"')
            elif piece:
                words += [self._moments.get(one) or shell_word(one, self.named) for one in self._cut(piece) if one]
        return "".join(words) or "''"

    def _cut(self, text: str) -> list[str]:
        """The text in pieces, its moments alone."""
        return re.split("(" + "|".join(map(re.escape, self._moments)) + ")", text) if self._moments else [text]

    def _target(self, wire: Wire) -> str:
        for text, offset in self._offsets(wire).items():
            ending = _ENDING.search(text)
            spelt = "" if ending is None or ending[0] == "Z" else f" {ending[0]}"
            self._moments[text] = f'"$(stamp "$began" {offset:.9g}{spelt})"'
        encoded = {quote(text, safe=""): name for text, name in self.named.items()}
        return "".join(
            self._moments.get(piece) or shell_word(piece, encoded) for piece in self._cut(wire.target) if piece
        )

    def _offsets(self, wire: Wire) -> dict[str, float]:
        """Moments in a target, in seconds from ``began``."""
        if self.anchor is None:
            return {}
        found = {text: moment(unquote(text)) for text in _STAMP.findall(wire.target)}
        return {
            text: (at - self.anchor).total_seconds()
            for text, at in found.items()
            if at is not None and abs(at - self.anchor) < _FAR
        }

    def _anchor(self) -> datetime | None:
        """The moment that ``began`` stands for: since when it serves, or the latest of now that the request names."""
        if self.serving:
            return self.serving
        target = self.session.wire(self.exchange.sent).target
        now = utc(self.session.there)
        found = [at for text in _STAMP.findall(target) if (at := moment(unquote(text))) is not None]
        return max((at for at in found if abs(at - now) < _FAR), default=None)

    # --- what is expected -------------------------------------------------------------------------------------

    def _holds(self, claims: tuple[Claim, ...]) -> Iterator[str]:
        then = self.exchange.after[-1] if self.exchange.after else self.exchange
        if isinstance(then.answer, Answer) and not any(_is_of_status(claim) for claim in claims):
            yield f"case $status in {str(then.status)[0]}??) ;; *) return 0 ;; esac"
        calls = [" ".join([claim.check, *(self._word(each) for each in claim.arguments)]) for claim in claims]
        yield " &&\n    ".join(calls)


def _name_of(request: Request) -> str:
    """The name that a creation gives, as far as it can be read."""
    body = request.body
    name, _ = name_in(None if isinstance(body, Absent) else body)
    if name is None and request.raw is not None:
        found = re.search(rb'"name"\s*:\s*"([a-z0-9-]+)"', request.raw)
        name = found[1].decode() if found else None
    return name or ""


def _is_of_status(claim: Claim) -> bool:
    return claim.check in {"answered", "otherwise", "alive", "gone", "unlisted", "covered"} or claim.arguments[
        :1
    ] == ("^status ",)


def _is_settled_by_refusal(claims: tuple[Claim, ...]) -> bool:
    return any(claim.check in _SETTLED_BY_REFUSAL for claim in claims)
