"""Updates the spec of inferences, in turn.

Each workload gets the same body again and again: a lawful target refuses a dense body that does not fit what another
one left behind, and merging the same once more changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.load.call import PreparedCall, Skip
from assay.load.context import ScenarioContext
from assay.load.inputs import PAYLOAD, specs
from assay.load.scenario import Base, Option, options


class Scenario(Base):
    operation = "update"
    options = options(payload=PAYLOAD, population=Option(3, "workloads to update, in turn", least=1))

    def __init__(self, context: ScenarioContext, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, parameters)
        self._specs = specs(context.contract, self.parameters["payload"], context.seed, update=True)

    def call(self, number: int) -> PreparedCall | Skip:
        place = number % len(self.context.workloads)
        workload, spec = self.context.workloads[place], self._specs[place % len(self._specs)]
        update = self.context.contract.operations[self.operation]
        return self.context.call(update.request(workload=workload.id, body={"spec": spec}))
