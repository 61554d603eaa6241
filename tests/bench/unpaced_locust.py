"""A plain Locust file: users ask again as soon as they have their answer, and check it like assay. To compare."""

from __future__ import annotations

from locust import FastHttpUser, constant, task


class Unpaced(FastHttpUser):  # type: ignore[misc] # Locust is untyped
    """Asks without a pause."""

    wait_time = constant(0)

    @task  # type: ignore[untyped-decorator] # Locust is untyped
    def ask(self) -> None:
        with self.client.get("/metrics", name="fixed", catch_response=True) as answer:
            if answer.headers.get("content-type") != "application/json" or b'"measurements"' not in answer.content:
                answer.failure("not the right answer")
