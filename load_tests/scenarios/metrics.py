"""Reads the metrics of running inferences: ``samples`` points over the last ``range``."""

from __future__ import annotations

from assay.contract.request import Request
from assay.load.inputs import METRIC_OPTIONS, metric_query, swept
from assay.load.scenario import Base, Call, Option, Skip, options


class Scenario(Base):
    operation = "metrics"
    options = options(**METRIC_OPTIONS, population=Option(3, "running workloads to ask for, in turn", least=1))

    def call(self, number: int) -> Call | Skip:
        workload = self.world.workloads[number % len(self.world.workloads)]
        parameters, levels = swept(number, self.parameters)
        query = metric_query(self.world.contract, self.operation, parameters)
        request = Request(self.operation, path={"workloadId": workload.id}, query=query)
        return self.world.call(request, holds=b'"measurements"', levels=levels)
