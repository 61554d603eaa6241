"""Reads the metrics of the pods of running inferences: ``samples`` points over the last ``range``."""

from __future__ import annotations

from assay.load.call import PreparedCall, Skip
from assay.load.inputs import METRIC_OPTIONS, metric_query, swept
from assay.load.scenario import Base, Option, options


class Scenario(Base):
    operation = "pod_metrics"
    options = options(
        **METRIC_OPTIONS, population=Option(3, "running workloads whose pods are asked for, in turn", least=1)
    )

    def call(self, number: int) -> PreparedCall | Skip:
        pods = self.context.pods()
        if not pods:
            return Skip(self.context.operation(self.operation), "the target lists no pods")
        workload, pod = pods[number % len(pods)]
        parameters, levels = swept(number, self.parameters)
        query = metric_query(self.context.contract, self.operation, parameters, self.context.session.there)
        request = self.context.contract.operations[self.operation].request(workload=workload.id, pod=pod, query=query)
        return self.context.call(request, holds=b'"measurements"', levels=levels)
