"""Which options are combined pairwise, with which values: GPU requests and autoscaling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from assay.contract.request import ABSENT, Absent, Json
from assay.contract.schema import Node
from assay.generation.samples import pool

Value = Json | Absent


@dataclass(frozen=True, slots=True)
class Options:
    """Fields of one section of the spec, each with the values that are combined: absent and null first.

    The first ``coupled`` fields are those that rules couple; the others change no expectation from accept to reject.
    """

    section: str
    fields: Mapping[str, tuple[Value, ...]]
    coupled: int


# The values that the rules tell apart; what decides most stands first, so that the search fails early. A field that
# is not listed (a later document's) gets its simplest value.
_GPU: Final[Mapping[str, tuple[Json, ...]]] = {
    "gpuDevicesRequest": (0, 1, 2),
    "gpuRequestType": ("portion", "memory", "migProfile"),
    "gpuPortionRequest": (0.5, 1, 1.5),
    "gpuPortionLimit": (0.25, 1),
    "gpuMemoryRequest": ("1Gi", "2G"),
    "gpuMemoryLimit": ("1000M", "4Gi"),
    "migProfile": ("1g.5gb",),
}
_AUTOSCALING: Final[Mapping[str, tuple[Json, ...]]] = {
    "minReplicas": (0, 1, 2),
    "maxReplicas": (1, 2, 3),
    "metric": ("throughput", "concurrency", "latency", "queue_length"),
    "metricThreshold": (10,),
    "metricThresholdPercentage": (50,),
    "scaleToZeroRetentionSeconds": (60,),
    "initialReplicas": (2,),
    "activationReplicas": (2,),
}


def gpu_options(spec: Node) -> Options:
    """The GPU request options of a spec's ``compute``."""
    names = [name for name in spec.properties["compute"].properties if name.startswith("gpu") or name in _GPU]
    return _options(spec, "compute", names, _GPU)


def autoscaling_options(spec: Node) -> Options:
    """Every option of a spec's ``autoscaling``."""
    return _options(spec, "autoscaling", list(spec.properties["autoscaling"].properties), _AUTOSCALING)


def _options(spec: Node, section: str, names: list[str], listed: Mapping[str, tuple[Json, ...]]) -> Options:
    properties = spec.properties[section].properties
    coupled = [name for name in listed if name in properties]
    ordered = [*coupled, *(name for name in names if name not in listed)]
    return Options(
        section,
        {name: (ABSENT, None, *listed.get(name, (pool(properties[name]).values[0],))) for name in ordered},
        len(coupled),
    )
