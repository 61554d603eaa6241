"""What happens to one workload happens to no other."""

from __future__ import annotations

from assay.checks import lifecycle
from assay.checks.created import spec_echo
from assay.checks.deviation import Deviation
from assay.checks.exchange import Exchange
from assay.checks.probe import Probe, Workload
from assay.checks.stages import RICH
from assay.findings.model import Class


def update(probe: Probe, test: str) -> None:
    """An update of one workload changes nothing of another one."""
    with probe.workload(test, RICH) as neighbour, probe.workload(test) as workload:
        answered = lifecycle.patch(probe, test, workload, {"command": "assay-for-one-only", "args": "--one"})
        told = lifecycle.read(probe, test, neighbour, setup=(neighbour.created, workload.created, answered))
        probe.verify(answered, _untouched(told, neighbour))


def _untouched(exchange: Exchange, workload: Workload) -> Exchange:
    same = lifecycle.same_metadata(workload.created.object(), exchange, "neighbour-update")
    if not exchange.accepted or not [*spec_echo(workload.spec, exchange.object(), "read")]:
        return same
    return same.with_deviations(
        Deviation(
            Class.VIOLATION,
            "update-neighbour",
            None,
            "/response/body/spec",
            "updating one workload has changed another one",
            "An update names one workload.",
        )
    )
