"""A mix of everything: creations, reads, updates and metrics by weight, as a busy team would cause.

Creations are deleted at once, so the deletions happen beside the mix and are not measured.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from assay.load.inputs import METRIC_OPTIONS, PAYLOAD
from assay.load.scenario import Answered, Base, Call, Option, Skip, load_scenario, options
from assay.load.world import World

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

    def __init__(self, world: World, parameters: Mapping[str, Any]) -> None:
        super().__init__(world, parameters)
        # A process's own stream: the same seed gives the same mix, and two processes do not repeat each other.
        self._chance = random.Random(f"{world.seed}/{world.part}")
        self._parts: list[Base] = []
        for name in _PARTS:
            kind = load_scenario(name)
            own = {key: value for key, value in self.parameters.items() if key in kind.options}
            self._parts.append(kind(world, own))
        self._weights = [int(self.parameters[name]) for name in _PARTS]

    def call(self, number: int) -> Call | Skip:
        (part,) = self._chance.choices(self._parts, self._weights)
        return part.call(number)

    def after(self, call: Call, answer: Answered | None) -> None:
        for part in self._parts:
            if self.world.operation(part.operation) == call.operation:
                part.after(call, answer)

    def end(self) -> None:
        for part in self._parts:
            part.end()
