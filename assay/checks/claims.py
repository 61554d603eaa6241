"""What a sound answer says, so that a script can tell whether a deviation still shows.

A claim names a check of the reproduction script (``reporting/templates/reproduce.sh``) with its arguments. It is held
against the answer as lines: ``status 202``, ``type application/json``, ``json yes``, and one line for each value
of the body, such as ``body/spec/ports/0/container number 8080`` or ``body/spec object 3``. Patterns are POSIX
extended regular expressions without intervals, which mawk does not know. A deviation shows when one of its claims
fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from assay.contract.request import Json
from assay.contract.schema import INTEGER_RANGES, Node


@dataclass(frozen=True, slots=True)
class Claim:
    """``check`` with ``arguments`` must hold; ``says`` is the same in words, as part of a sentence."""

    check: str
    arguments: tuple[str, ...]
    says: str

    def to_json(self) -> list[str]:
        return [self.check, *self.arguments]


_HEX: Final = "[0-9a-fA-F]"
_DIGITS: Final = "[0-9]"
_FORMATS: Final = {
    "uuid": "-".join(_HEX * count for count in (8, 4, 4, 4, 12)),
    "date-time": f"{_DIGITS * 4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9]([.][0-9]+)?"
    "([Zz]|[-+][0-2][0-9]:[0-5][0-9])",
    "hostname": r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?",
}
_WHOLE: Final = "-?[0-9]+"
ANY: Final = " "


def status(pattern: str, says: str) -> Claim:
    """The status matches ``pattern``."""
    return Claim("every", ("^status ", f"^status ({pattern})"), says)


ANSWERED: Final = Claim("answered", (), "an answer")
ACCEPTED: Final = status("2", "a status of 2xx")
REFUSED: Final = status("[45]", "a refusal (4xx)")
SERVED: Final = status("[1-4]", "no failure of the server (5xx)")
JSON: Final = Claim("every", ("^json ", "^json yes$"), "a body that is JSON")
CODED: Final = Claim("coded", (), "a body whose code is the status")


def status_among(statuses: Iterable[int]) -> Claim:
    listed = [str(each) for each in statuses]
    return status(f"{'|'.join(listed)}$".replace("|", "$|"), f"one of the statuses {', '.join(listed)}")


def content_type_among(kinds: Iterable[str]) -> Claim:
    listed = list(kinds)
    pattern = "|".join(literal(kind) for kind in listed) or "none"
    return Claim("every", ("^type ", f"^type ({pattern})$"), f"content type {' or '.join(listed) or 'none'}")


def every(place: str, line: str, says: str) -> Claim:
    """Each line that begins as ``place`` (a pattern) is one that goes on as ``line``."""
    return Claim("every", (f"^{place} ", f"^{place} {line}"), says)


def none(place: str, line: str, says: str) -> Claim:
    """No line is of this kind."""
    return Claim("never", (f"^{place} {line}",), says)


def told(lines: Iterable[str], says: str) -> Claim:
    """Each of ``lines`` (``*`` for positions in lists) stands in the answer, as often as here."""
    return Claim("told", tuple(lines), says)


def holding(place: str, value: str) -> Claim:
    """The text at ``place`` (a path below the body) is ``value``."""
    return told([f"body/{place} string {spelt(value)}"], f"{place} is {value}")


def prefixed(place: str, value: str) -> Claim:
    """The text at ``place`` begins with ``value`` and goes on."""
    return Claim("prefixed", (place, value), f"a {place} that begins with {value} and goes on")


def untold(value: Json, place: str) -> Claim:
    """``place`` (a path below the body) does not hold all of ``value``."""
    return Claim("untold", tuple(leaves(value, f"body/{place}")), f"another {place} than the one of then")


def paired(one: str, other: str) -> Claim:
    """The texts at two places (paths below the body) are the same."""
    return Claim("paired", (one, other), f"{one} and {other} alike")


def absent(text: str) -> Claim:
    return Claim("absent", (text,), f"an answer without {text}")


def literal(text: str) -> str:
    """A pattern for the text itself."""
    return re.sub(r"([][\\.^$*+?(){}|/])", r"[\1]", text).replace("[\\]", "\\\\").replace("[^]", "\\^")


def path_of(pointer: str) -> str:
    """The pattern of the lines at a templated pointer: ``/spec/ports/*/container``."""
    steps = ["[^/ ]+" if step == "*" else literal(step) for step in pointer.split("/")[1:]]
    return "/".join(["body", *steps])


def spelt(text: str) -> str:
    """A text as it stands in a line."""
    short = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return "".join(
        short.get(letter) or (f"\\u{ord(letter):04x}" if letter < " " else letter)
        for letter in text.encode("utf-8", "replace").decode()
    )


def leaves(value: Json, path: str) -> Iterator[str]:
    """The lines of a value: positions in lists are ``*``, nulls and empty containers are left out."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from leaves(item, f"{path}/{name}")
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, f"{path}/*")
    elif value is not None:
        yield f"{path} {_plain(value)}"


def _plain(value: Json) -> str:
    if isinstance(value, bool):
        return f"boolean {str(value).lower()}"
    if isinstance(value, float):
        return f"number {value:.15g}"
    return f"number {value}" if isinstance(value, int) else f"string {spelt(str(value))}"


def values_at(value: Json, pointer: str) -> Iterator[Json]:
    """What stands at a templated pointer."""
    if not pointer:
        yield value
        return
    step, _, rest = pointer[1:].partition("/")
    below = f"/{rest}" if rest else ""
    if step == "*" and isinstance(value, list):
        for item in value:
            yield from values_at(item, below)
    elif isinstance(value, Mapping) and step in value:
        yield from values_at(value[step], below)


def comes_back(sent: Json, pointer: str, *, ordered: bool = False) -> tuple[Claim, ...]:
    """What the spec ``sent`` holds at ``pointer`` (below ``/spec``) is in the answer; nothing where it holds none."""
    lines = [line for item in values_at({"spec": sent}, pointer) for line in leaves(item, f"body{pointer}")]
    if not lines:
        return ()
    if not ordered:
        return (told(lines, f"{pointer} as it was sent"),)
    numbered = (line.replace("/*", f"/{place}") for place, line in enumerate(lines))
    return tuple(
        Claim("some", (f"^{literal(line)}$",), f"{pointer} in the order in which it was sent") for line in numbered
    )


ALIVE: Final = Claim("alive", (), "a workload that nobody has deleted")
GONE: Final = Claim("gone", (), "404, deletedAt, or a phase of a deletion")
ENDED: Final = (
    none("body/actualPhase", "string (Deleting|Terminating)$", "no phase of leaving"),
    Claim(
        "some",
        ("^body/(deletedAt string |desiredPhase string Deleted$)",),
        "a record that tells of the deletion, or 404",
    ),
)
NEW_ID: Final = Claim("new_id", (), "an id that no other workload has")


def unlisted(name: str) -> Claim:
    return Claim("unlisted", (name,), f"no workload called {name}")


def same(step: int, key: str) -> Claim:
    """``key`` of the body is that of the answer to the request number ``step``."""
    check = "near" if key == "createdAt" else "same"
    return Claim(check, (str(step), key if check == "near" else f"body/{key}"), f"the same {key} as before")


def counted(pattern: str, most: int, says: str) -> Claim:
    """At most so many lines match the pattern."""
    return Claim("counted", (pattern, str(most)), says)


# --- schema keywords ---------------------------------------------------------------------------------------------


def of_schema(keyword: str, pointer: str, root: Node) -> tuple[Claim, ...]:
    """What the schema ``root`` demands at ``pointer`` by ``keyword``; nothing for what no line can show."""
    if keyword == "required":
        parent, _, name = pointer.rpartition("/")
        return (Claim("each", (f"^{path_of(parent)} object ", name), f"{name} in {parent or 'the body'}"),)
    try:
        node = root.find(pointer)
    except KeyError:
        return ()
    return tuple(_of_node(keyword, path_of(pointer), node))


def _of_node(keyword: str, place: str, node: Node) -> Iterator[Claim]:
    if keyword in {"type", "nullable"}:
        yield every(place, _type(node), f"a value of the type {node.type}{' or null' if node.nullable else ''}")
    elif keyword == "enum" and node.enum is not None:
        allowed = "|".join(literal(_plain(item)) for item in node.enum if item is not None)
        yield every(place, f"({allowed}|null)$" if None in node.enum else f"({allowed})$", "a value of the enum")
    elif keyword == "format" and node.format in _FORMATS:
        yield every(f"{place} string", f"{_FORMATS[node.format]}$", f"a {node.format}")
    elif keyword == "format" and node.format in INTEGER_RANGES:
        low, high = INTEGER_RANGES[node.format]
        yield _between(f"{place} number", low, high)
    elif keyword in {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"}:
        kind = "string" if keyword.endswith("Length") else "array" if keyword.endswith("Items") else "number"
        ends = [node.bounds.get(f"{end}{keyword[3:]}") for end in ("min", "max")]
        yield _between(f"{place} {kind}", *ends)


def _type(node: Node) -> str:
    kinds = {"integer": f"number {_WHOLE}$", "": "."}
    wanted = kinds.get(node.type, f"{node.type} ")
    return f"({wanted}|null$)" if node.nullable else f"({wanted})"


def _between(place: str, low: float | None, high: float | None) -> Claim:
    ends = tuple("" if end is None else f"{end:.17g}" for end in (low, high))
    return Claim("between", (f"^{place} ", *ends), f"from {ends[0] or 'any'} to {ends[1] or 'any'}")
