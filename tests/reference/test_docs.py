"""docs/serve.md says what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from assay.reference import tenant
from assay.reference.app import LARGEST_BODY
from assay.reference.http import DEEPEST
from assay.reference.scaling import MOST_REPLICAS
from assay.reference.variants import VARIANTS
from tests.reference.harness import COLLECTION, RESEARCHER, Harness

GUIDE = (Path(__file__).parents[2] / "docs" / "serve.md").read_text(encoding="utf-8")


def sample(name: str) -> Any:
    match = re.search(rf"```json {name}\n(.*?)```", GUIDE, re.DOTALL)
    assert match is not None, name
    return json.loads(match[1])


def test_the_samples_work() -> None:
    harness = Harness()
    secret = harness.plane.identity.clients[RESEARCHER].secret
    token = harness.send("POST", "/api/v1/token", {**sample("token"), "clientSecret": secret}, token=None)
    created = harness.send("POST", COLLECTION, sample("create"), token=token.json["accessToken"])
    assert created.status == 202, created.text
    harness.now += 0.8
    path = f"{COLLECTION}/{created.json['workloadId']}"
    assert harness.send("GET", path).json["actualPhase"] == "Running"


def test_the_ready_line_has_the_shape_of_the_guide() -> None:
    line = next(line for line in GUIDE.splitlines() if line.startswith('{"base_url"'))
    ready = json.loads(line)
    assert (ready["projects"], ready["cluster"]) == (list(tenant.PROJECTS), tenant.CLUSTER_ID)
    assert {client["client_id"]: tuple(client["projects"]) for client in ready["clients"]} == tenant.CLIENT_PROJECTS


def test_every_variant_is_listed_with_its_sentence() -> None:
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", GUIDE, re.MULTILINE))
    assert listed == {variant.name: variant.summary for variant in VARIANTS.values()}


def test_limits_are_the_ones_in_force() -> None:
    assert f"under {LARGEST_BODY:,} bytes" in GUIDE
    assert f"at most {DEEPEST} levels" in GUIDE
    assert f"at most {MOST_REPLICAS} of one workload" in GUIDE
