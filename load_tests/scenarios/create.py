"""Creates inferences, and has them deleted outside what is measured: at once, or ``keep`` at a time.

The budget of live workloads bounds the rate: with L free slots and d seconds until a deleted workload is gone, L/d
creations a second can start at most; what is due beyond that is counted as not started (budget). With ``keep`` the
number of live workloads goes up and down, which shows whether creations get slower the more there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.contract.request import Role
from assay.load.payload import PAYLOAD, specs
from assay.load.scenario import Answered, Base, Call, Option, Skip, options
from assay.load.world import Workload, World


class Scenario(Base):
    role = Role.CREATE
    options = options(
        payload=PAYLOAD, keep=Option(1, "workloads to let live before they are deleted together", least=1)
    )

    def __init__(self, world: World, parameters: Mapping[str, Any]) -> None:
        super().__init__(world, parameters)
        self._specs = specs(world.contract, self.parameters["payload"], world.seed)
        self._kept: list[Workload] = []

    def call(self, number: int) -> Call | Skip:
        made = self.world.creation(self._specs[number % len(self._specs)])
        if isinstance(made, Skip):
            self._let_go()
            return made
        name, request = made
        return self.world.call(request, holds=b'"workloadId"', note=name, level=("live", self.world.budget.live))

    def after(self, call: Call, answer: Answered | None) -> None:
        workload = self.world.created(call.note, answer)
        if workload is not None:
            self._kept.append(workload)
        if len(self._kept) >= self.parameters["keep"]:
            self._let_go()

    def end(self) -> None:
        self._let_go()

    def _let_go(self) -> None:
        while self._kept:
            self.world.discard(self._kept.pop())
