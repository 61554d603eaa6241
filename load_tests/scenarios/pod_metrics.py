"""Reads the metrics of the pods of running inferences: ``samples`` points over the last ``range``."""

from __future__ import annotations

from assay.contract.request import Request, Role
from assay.load.ranges import METRIC_OPTIONS, metric_query, swept
from assay.load.scenario import Base, Call, Option, Skip, options


class Scenario(Base):
    role = Role.POD_METRICS
    options = options(
        **METRIC_OPTIONS, population=Option(3, "running workloads whose pods are asked for, in turn", least=1)
    )

    def call(self, number: int) -> Call | Skip:
        pods = self.world.pods()
        if not pods:
            return Skip(self.world.operation(self.role), "the target lists no pods")
        workload, pod = pods[number % len(pods)]
        parameters, levels = swept(number, self.parameters)
        query = metric_query(self.world.contract, self.role, parameters)
        request = Request(self.role, path={"workloadId": workload.id, "podId": pod}, query=query)
        return self.world.call(request, holds=b'"measurements"', levels=levels)
