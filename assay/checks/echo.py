"""What was sent must come back: compares a spec with the spec of an answer, and a creation with what it made.

Every non-null value that was sent comes back equal. Beyond that the document is silent: nulls may be dropped,
defaults and a policy's entries may be added, sets may come in another order, a quantity in another spelling.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from assay.checks import claims
from assay.checks.exchange import Deviation, gap, violation
from assay.checks.run_state import RunState
from assay.client.exchange import Answer
from assay.client.tokens import http_date
from assay.clock import SYSTEM, Clock, utc
from assay.contract.request import Json
from assay.contract.rules import sizes

# Lists whose order the document gives a meaning ("A prioritized list of node pools").
_ORDERED: Final = frozenset({"/spec/nodePools"})
# "If this field is set, it will be ignored": it need not come back.
_IGNORED: Final = frozenset({"/spec/autoscaling/initializationTimeoutSeconds"})
_QUANTITIES: Final = ("Memory", "memory", "size", "sizeLimit", "quantity", "Limit", "Request")


def differences(sent: Json, got: Json, pointer: str = "/spec") -> Iterator[str]:
    """Yield the pointers (``*`` for list positions) at which ``got`` does not hold what was ``sent``."""
    if sent is None or pointer in _IGNORED:
        return
    if isinstance(sent, Mapping):
        if _is_excluded(sent):
            return
        if not isinstance(got, Mapping):
            if _holds_anything(sent, pointer):
                yield pointer
            return
        for name, value in sent.items():
            yield from differences(value, got.get(name), f"{pointer}/{name}")
    elif isinstance(sent, list):
        yield from _of_lists(sent, got, pointer)
    elif not equal(sent, got, pointer):
        yield pointer


def equal(sent: Json, got: Json, pointer: str) -> bool:
    """Whether two plain values mean the same at ``pointer``."""
    if isinstance(sent, bool) or isinstance(got, bool):
        return sent is got
    if isinstance(sent, int | float) and isinstance(got, int | float):
        return sent == got
    if isinstance(sent, str) and isinstance(got, str) and sent != got:
        if pointer.endswith("/id"):
            return sent.lower() == got.lower()
        if pointer.endswith(_QUANTITIES):
            one, two = sizes.parse(sent), sizes.parse(got)
            return one is not None and one == two
    return bool(sent == got)


def _of_lists(sent: list[Json], got: Json, pointer: str) -> Iterator[str]:
    wanted = [item for item in sent if item is not None and not _is_excluded(item)]
    if not isinstance(got, list):
        if wanted:
            yield pointer
        return
    if pointer in _ORDERED:
        if [item for item in got if item in wanted] != wanted:
            yield pointer
        return
    if _all_found(wanted, got, pointer):
        return
    rest = list(got)
    for item in wanted:
        nearest = min(rest, key=lambda other: _distance(item, other, pointer), default=None)
        missing = list(differences(item, nearest, f"{pointer}/*")) if nearest is not None else [f"{pointer}/*"]
        yield from missing
        if nearest is not None:
            rest.remove(nearest)


def _all_found(wanted: list[Json], got: list[Json], pointer: str) -> bool:
    """Whether each wanted entry has an entry of its own in ``got`` that holds it (a bipartite matching).

    Taking the first that fits would not do: what holds the entry {a} may be the only one that holds {a, b}.
    """
    fits = [
        [place for place, other in enumerate(got) if next(differences(item, other, f"{pointer}/*"), None) is None]
        for item in wanted
    ]
    taken: dict[int, int] = {}

    def settle(item: int, tried: set[int]) -> bool:
        for place in fits[item]:
            if place not in tried:
                tried.add(place)
                if place not in taken or settle(taken[place], tried):
                    taken[place] = item
                    return True
        return False

    return all(settle(item, set()) for item in range(len(wanted)))


def _distance(sent: Json, got: Json, pointer: str) -> int:
    """How much an entry of the answer differs from one that was sent: entries are paired by likeness."""
    return sum(1 for _ in differences(sent, got, f"{pointer}/*"))


def _is_excluded(value: Json) -> bool:
    """An excluded entry says what not to have, so it need not come back."""
    return isinstance(value, Mapping) and value.get("exclude") is True


def _holds_anything(value: Json, pointer: str) -> bool:
    """Whether a value holds anything that must come back; an object of nothing but ignored fields is empty."""
    if pointer in _IGNORED or _is_excluded(value):
        return False
    if isinstance(value, Mapping):
        return any(_holds_anything(item, f"{pointer}/{name}") for name, item in value.items())
    if isinstance(value, list):
        return any(_holds_anything(item, f"{pointer}/*") for item in value)
    return value is not None


# Clocks of nodes behind one load balancer differ; five minutes is what Kerberos and most token checks tolerate.
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_BODY: Final = "/response/202/body"


class CreatedChecks:
    """Checks of accepted creations. Safe to use from several threads."""

    def __init__(self, state: RunState, clock: Clock = SYSTEM) -> None:
        self._state = state
        self._clock = clock

    def judge(self, sent: Mapping[str, Json], got: Mapping[str, Json], answer: Answer) -> Iterator[Deviation]:
        """Yield every deviation of the answer ``got`` from the creation ``sent``."""
        yield from _names(sent, got)
        yield from _places(sent, got)
        yield from self._identity(got)
        yield from _times(got, told_time(answer), utc(self._clock))
        yield from spec_echo(sent.get("spec"), got, "create")

    def _identity(self, got: Mapping[str, Json]) -> Iterator[Deviation]:
        identity = got.get("workloadId")
        if not isinstance(identity, str):
            return
        if not self._state.is_new("workload", identity.lower()):
            yield violation(
                "id-unique",
                f"{_BODY}/workloadId",
                "two workloads have one id",
                "The document says: “A unique ID of the workload.”",
                claims=(claims.NEW_ID,),
            )


def spec_echo(sent: Json, got: Mapping[str, Json], step: str) -> Iterator[Deviation]:
    """Yield where the spec of an answer does not hold what was sent.

    ``step`` names the exchange (create, read, update).
    """
    if not isinstance(sent, Mapping):
        return
    if "spec" not in got or got["spec"] is None:
        yield gap(
            f"{step}-echo",
            f"{_BODY}/spec",
            f"the answer to {step} leaves the spec out",
            "The document does not require it, yet without it a client cannot tell what was stored.",
            claims=(claims.Claim("some", ("^body/spec object ",), "a spec"),),
        )
        return
    for pointer in differences(sent, got["spec"]):
        yield violation(
            f"{step}-echo",
            f"/response/body{pointer}",
            f"{pointer} does not come back from {step} as it was sent",
            "What a client sends must be what is stored and told; only nulls may go and defaults may come.",
            claims=claims.comes_back(sent, pointer, ordered=pointer in _ORDERED),
        )


def _names(sent: Mapping[str, Json], got: Mapping[str, Json]) -> Iterator[Deviation]:
    name, requested, asked = got.get("name"), got.get("requestedName"), sent.get("name")
    prefixed = sent.get("useGivenNameAsPrefix") is True
    if not isinstance(name, str) or not isinstance(requested, str) or not isinstance(asked, str):
        return
    if requested != asked:
        yield violation(
            "requested-name",
            f"{_BODY}/requestedName",
            "requestedName is not the name that was requested",
            "The document says: “The name as was requested for the workload.”",
            claims=(claims.holding("requestedName", asked),),
        )
    if prefixed and not (name.startswith(asked) and len(name) > len(asked)):
        yield violation(
            "name-prefix",
            f"{_BODY}/name",
            "with useGivenNameAsPrefix the name is not the requested one and a suffix",
            "The document says: “Otherwise, name should be composed of requestedName followed by a suffix of random "
            "characters.”",
            claims=(claims.prefixed("name", asked),),
        )
    if not prefixed and name != asked:
        yield violation(
            "name-as-given",
            f"{_BODY}/name",
            "the workload got another name than the requested one",
            "The document says: “If useGivenNameAsPrefix, in the creation request, is false, name and requestedName "
            "should be identical.”",
            claims=(claims.holding("name", asked),),
        )


def _places(sent: Mapping[str, Json], got: Mapping[str, Json]) -> Iterator[Deviation]:
    for key in ("projectId", "clusterId"):
        if isinstance(got.get(key), str) and str(got[key]).lower() != str(sent.get(key)).lower():
            yield violation(
                "create-place",
                f"{_BODY}/{key}",
                f"the answer's {key} is not the one that was asked for",
                "A workload lives where its creation put it.",
                claims=(claims.holding(key, str(sent.get(key))),),
            )
    if got.get("desiredPhase") == "Deleted":
        yield violation(
            "create-phase",
            f"{_BODY}/desiredPhase",
            "a workload is created with the desired phase Deleted",
            "Desired phases are Running, Stopped and Deleted, and a creation asks for no deletion.",
            claims=(claims.none("body/desiredPhase", "string Deleted$", "another desired phase than Deleted"),),
        )


def _times(got: Mapping[str, Json], told: datetime | None, here: datetime) -> Iterator[Deviation]:
    """``told`` is the target's time, None where it tells none: ``here`` alone may be wrong. A gateway that writes the
    Date may be wrong as well, so only what is far from both is held against the target."""
    created = moment(got.get("createdAt"))
    if created is not None and told is not None and min(abs(created - told), abs(created - here)) > CLOCK_TOLERANCE:
        yield violation(
            "created-at",
            f"{_BODY}/createdAt",
            "createdAt is more than five minutes away from the moment of the creation",
            "The document says: “The creation time of the workload.”",
            claims=(claims.Claim("recent", ("createdAt", "300"), "a createdAt of now"),),
        )
    if got.get("deletedAt") is not None:
        yield violation(
            "deleted-at",
            f"{_BODY}/deletedAt",
            "a workload that was just created has a deletion time",
            "deletedAt is “The deletion time of the workload”, and nobody has deleted it.",
            claims=(claims.every("body/deletedAt", "null", "no deletion time"),),
        )


def moment(value: Json) -> datetime | None:
    """The moment an RFC 3339 text names; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value.upper())
    except ValueError:
        return None
    return parsed if parsed.tzinfo else None


def told_time(answer: Answer) -> datetime | None:
    """The server's own clock (Date header); None when it tells none."""
    told = http_date(answer.headers.get("date"))
    return None if told is None else datetime.fromtimestamp(told, UTC)


def server_time(answer: Answer, clock: Clock) -> datetime:
    """The server's own clock; ``clock`` when it tells none."""
    return told_time(answer) or utc(clock)
