"""Whether a finding names the place of a defect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assay.contract import documents
from assay.prove.places import names_place
from assay.reference.defects import catalogue
from tests.findings.samples import finding

CREATE, READ = "create_inference1", "get_inference"
RULE = "environment/config-map-key-required"
LOST = "response-field/create/spec.command/dropped"
STALE = "store/update-ignores-nodeType"


@pytest.mark.parametrize(
    ("defect", "operation", "rule", "location", "named"),
    [
        (f"rule-off/{RULE}", CREATE, RULE, "/body/spec/args", True),
        (f"rule-off/{RULE}", CREATE, "environment/name-required", "/body/spec/args", False),
        (LOST, CREATE, None, "/response/body/spec/command", True),
        (LOST, CREATE, None, "/response/202/body/spec/command", True),
        (LOST, CREATE, None, "/response/body/spec/commands", False),
        (LOST, CREATE, None, "/response/status", False),
        ("request-schema/metrics/query.numberOfSamples/maximum", CREATE, "maximum", "/query/numberOfSamples", True),
        ("identity/read/any-scheme", READ, None, "/response/status", True),
        ("identity/read/any-scheme", CREATE, None, "/response/status", False),
        (STALE, READ, None, "/response/body/spec/nodeType", True),
    ],
)
def test_named(defect: str, operation: str, rule: str | None, location: str, named: bool) -> None:
    contract = documents.load()
    seen = replace(finding(), operation=operation, rule=rule, location=location, summary="something is wrong")
    assert names_place(contract, catalogue(contract)[defect], seen) is named
