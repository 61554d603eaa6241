"""Locust as you know it, against a Run:ai control plane: ``locust -f load_tests/locustfile.py [--host URL]``.

Without ``--host`` the embedded control plane is started and tested, so you can try this anywhere. Each Locust user is
a stream of one request a second on average that does not wait for answers (an open model), so 50 users ask for 50
requests/s however slow the answers are. For users that wait, as Locust's own do, see closed_users.py.

The weights below give the mix; ``--class-picker`` lets you choose in the web UI. Everything that is created carries a
prefix, and is deleted again. Credentials come from ASSAY_TOKEN, or ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET.
"""

from __future__ import annotations

from assay.load.users import OpenUser


class CreateInference(OpenUser):
    scenario = "create"
    weight = 1


class ReadMetrics(OpenUser):
    scenario = "metrics"
    weight = 5


class ReadPodMetrics(OpenUser):
    scenario = "pod_metrics"
    weight = 1


class ReadInference(OpenUser):
    scenario = "read"
    weight = 3


class UpdateInference(OpenUser):
    scenario = "update"
    weight = 1
