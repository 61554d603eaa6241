"""Creates inferences. Each is deleted at once, outside what is measured.

The budget of live workloads bounds the rate: with L free slots and d seconds until a deleted workload is gone, L/d
creations a second can start at most; what is due beyond that is counted as not started (budget).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.contract.request import Role
from assay.load.payload import PAYLOAD, specs
from assay.load.scenario import Answered, Base, Call, Skip, options
from assay.load.world import World


class Scenario(Base):
    role = Role.CREATE
    options = options(payload=PAYLOAD)

    def __init__(self, world: World, parameters: Mapping[str, Any]) -> None:
        super().__init__(world, parameters)
        self._specs = specs(world.contract, self.parameters["payload"], world.seed)

    def call(self, number: int) -> Call | Skip:
        made = self.world.creation(self._specs[number % len(self._specs)])
        if isinstance(made, Skip):
            return made
        name, request = made
        return self.world.call(request, holds=b'"workloadId"', note=name)

    def after(self, call: Call, answer: Answered | None) -> None:
        workload = self.world.created(call.note, answer)
        if workload is not None:
            self.world.discard(workload)
