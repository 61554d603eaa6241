"""Locust's own closed users: each waits for its answer, then thinks for a while, then goes on.

``locust -f load_tests/closed_users.py`` answers the question how many people at a time a control plane carries. It is
not for latency: when the server stalls, waiting users stop asking, so the stall hides itself (a server that freezes
one second in five has a true p95 of 750 ms; closed users report 3 ms). locustfile.py measures that.
"""

from __future__ import annotations

from locust import FastHttpUser, between, task

from assay.client.exchange import to_wire
from assay.contract.request import Request
from assay.load.inputs import metric_query
from assay.load.users import LOAD


class Person(FastHttpUser):  # type: ignore[misc] # Locust is untyped
    """Looks at inferences and their metrics."""

    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        self.shared = LOAD.join()

    @task(3)  # type: ignore[untyped-decorator]
    def read_inference(self) -> None:
        self.ask(self.shared.contract.operations["read"].request(workload=self.workload()))

    @task(2)  # type: ignore[untyped-decorator]
    def read_metrics(self) -> None:
        shared = self.shared
        query = metric_query(shared.contract, "metrics", {"samples": 20, "range": 3600.0}, shared.session.there)
        self.ask(shared.contract.operations["metrics"].request(workload=self.workload(), query=query))

    def workload(self) -> str:
        return self.shared.workloads[id(self) % len(self.shared.workloads)].id

    def ask(self, request: Request) -> None:
        target = to_wire(self.shared.contract, request).target
        self.client.get(target, name=self.shared.operation(request.operation), headers=LOAD.authorization)
