"""A whole gate on a defect tells a finding; replayed alone it still fails there, and no longer where it is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.reference.embedded import Embedded
from tests.here import Here
from tests.run.whole import ONE_RULE, environment, place, serving, verdict

pytestmark = pytest.mark.slow

RULE = ONE_RULE.removeprefix("rules/")


def test_a_finding_is_told_and_replayed(tmp_path: Path, here: Here) -> None:
    def assay(*arguments: str, plane: Embedded) -> tuple[int, str]:
        code, said = here(arguments, environment(tmp_path, plane), tmp_path)
        assert "Traceback" not in said
        return code, said

    with serving(f"rule-off/{RULE}") as broken:
        code, said = assay("gate", *place(broken), "--only", f"{ONE_RULE}[create-reject]", plane=broken)
        assert code == 1, said
        found = verdict(tmp_path / "reports" / "runs" / "latest")
        (finding,) = (each for each in found["findings"] if each["class"] == "violation")
        assert (finding["kind"], finding["rule"], finding["operation"]) == (
            "rule-enforced",
            RULE,
            "create_inference1",
        )
        assert f"assay replay {finding['id']}" in said
        code, said = assay("replay", finding["id"], plane=broken)  # target, project, cluster are the run's
        assert (code, said.splitlines()[-1]) == (1, "still failing"), said
    with serving() as plane:
        code, said = assay("replay", finding["id"], *place(plane), plane=plane)
        assert (code, said.splitlines()[-1]) == (0, "no longer failing"), said
        code, said = assay("replay", "F-00000000", *place(plane), plane=plane)
    assert code == 2
    assert f"it holds: {finding['id']}" in said
