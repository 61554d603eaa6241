"""Reads inferences, in turn."""

from __future__ import annotations

from assay.contract.request import Request
from assay.load.scenario import Base, Call, Option, Skip, options


class Scenario(Base):
    operation = "read"
    options = options(population=Option(3, "running workloads to read, in turn", least=1))

    def call(self, number: int) -> Call | Skip:
        workload = self.world.workloads[number % len(self.world.workloads)]
        return self.world.call(Request(self.operation, path={"workloadId": workload.id}), holds=workload.id.encode())
