"""A mix of everything: creations, reads, updates and metrics by weight, as a busy team would cause.

Creations are deleted at once, so the deletions happen beside the mix and are not measured.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from assay.load.call import Answered, PreparedCall, Skip
from assay.load.context import ScenarioContext
from assay.load.inputs import METRIC_OPTIONS, PAYLOAD
from assay.load.scenario import Base, Option, load_scenario, options

_PARTS = ("create", "read", "update", "metrics")


class Scenario(Base):
    operation = "create"
    options = options(
        create=Option(10, "weight of creations"),
        read=Option(50, "weight of reads"),
        update=Option(10, "weight of updates"),
        metrics=Option(30, "weight of metrics"),
        population=Option(3, "running workloads to read and update", least=1),
        payload=PAYLOAD,
        **METRIC_OPTIONS,
    )

    def __init__(self, context: ScenarioContext, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, parameters)
        # A process's own stream: the same seed gives the same mix, and two processes do not repeat each other.
        self._chance = random.Random(f"{context.seed}/{context.part}")
        self._parts: list[Base] = []
        for name in _PARTS:
            kind = load_scenario(name)
            own = {key: value for key, value in self.parameters.items() if key in kind.options}
            self._parts.append(kind(context, own))
        self._weights = [int(self.parameters[name]) for name in _PARTS]

    def call(self, number: int) -> PreparedCall | Skip:
        (part,) = self._chance.choices(self._parts, self._weights)
        return part.call(number)

    def after(self, call: PreparedCall, answer: Answered | None) -> None:
        for part in self._parts:
            if self.context.operation(part.operation) == call.operation:
                part.after(call, answer)

    def end(self) -> None:
        for part in self._parts:
            part.end()
