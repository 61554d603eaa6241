"""What the exchanges of a run covered: operations, rules, schema keywords, statuses."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

NO_ANSWER: Final = "none"
"""The status of a request that got no response."""

THROTTLED: Final = frozenset({429, 503})
"""Responses that say nothing about the request: it is sent again after a wait."""


@dataclass(slots=True)
class Coverage:
    """Counts how often each part of the contract was exercised.

    A rule or keyword counts as exercised when an answer came that judged the request: not when the connection
    broke, not when the target asked to come back later.
    """

    reject_sides: Mapping[str, bool] = field(default_factory=dict)
    statuses: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    rules: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    keywords: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, exchange: Mapping[str, Any]) -> None:
        """Count one ``exchange`` event of the journal."""
        status = exchange.get("status")
        self.statuses[str(exchange["operation"])][NO_ANSWER if status is None else str(status)] += 1
        if status is None or status in THROTTLED:
            return
        for name, side in exchange.get("rules") or ():
            self.rules[str(name)][str(side)] += 1
        for place, side in exchange.get("keywords") or ():
            self.keywords[str(place)][str(side)] += 1

    def operations(self, known: tuple[str, ...] = ()) -> dict[str, dict[str, float]]:
        """{operation: {"requests", "2xx", "share_2xx"}} for every known or seen operation."""
        return {name: self._operation(name) for name in sorted({*known, *self.statuses})}

    def _operation(self, name: str) -> dict[str, float]:
        statuses = self.statuses.get(name, Counter())
        requests = sum(statuses.values())
        reached = sum(count for status, count in statuses.items() if len(status) == 3 and status[0] == "2")
        return {"requests": requests, "2xx": reached, "share_2xx": round(reached / requests, 4) if requests else 0.0}

    def to_json(self, known: tuple[str, ...] = ()) -> dict[str, Any]:
        """The ``coverage`` of verdict.json; a rule without a reject side (a permission) has reject null."""
        rules = {}
        for name in sorted({*self.reject_sides, *self.rules}):
            seen = self.rules.get(name, Counter())
            both = self.reject_sides.get(name, True)
            rules[name] = {"accept": seen["accept"], "reject": seen["reject"] if both or seen["reject"] else None}
        return {
            "operations": self.operations(known),
            "rules": rules,
            "keywords": {
                place: {"accept": seen["accept"], "reject": seen["reject"]}
                for place, seen in sorted(self.keywords.items())
            },
            "statuses": {name: dict(sorted(seen.items())) for name, seen in sorted(self.statuses.items())},
        }
