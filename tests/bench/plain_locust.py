"""A plain Locust file: closed users paced to a rate, as Locust's documentation suggests. For comparison only.

The rate is BENCH_RATE; 20 users share it.
"""

from __future__ import annotations

import os

from locust import FastHttpUser, constant_throughput, task

USERS = 20


class Paced(FastHttpUser):  # type: ignore[misc] # Locust is untyped
    """Asks at its share of the rate, but only after its last answer."""

    wait_time = constant_throughput(float(os.environ.get("BENCH_RATE", "200")) / USERS)

    @task  # type: ignore[untyped-decorator] # Locust is untyped
    def ask(self) -> None:
        self.client.get("/metrics", name="fixed")
