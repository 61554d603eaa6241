"""Reads inferences, in turn."""

from __future__ import annotations

from assay.contract.request import Request
from assay.load.call import PreparedCall, Skip
from assay.load.scenario import Base, Option, options


class Scenario(Base):
    operation = "read"
    options = options(population=Option(3, "running workloads to read, in turn", least=1))

    def call(self, number: int) -> PreparedCall | Skip:
        workload = self.context.workloads[number % len(self.context.workloads)]
        return self.context.call(
            Request(self.operation, path={"workloadId": workload.id}), holds=workload.id.encode()
        )
