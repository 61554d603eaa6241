"""Reads inferences, in turn."""

from __future__ import annotations

from assay.load.call import PreparedCall, Skip
from assay.load.scenario import Base, Option, options


class Scenario(Base):
    operation = "read"
    options = options(population=Option(3, "running workloads to read, in turn", least=1))

    def call(self, number: int) -> PreparedCall | Skip:
        workload = self.context.workloads[number % len(self.context.workloads)]
        request = self.context.contract.operations[self.operation].request(workload=workload.id)
        return self.context.call(request, holds=workload.id.encode())
