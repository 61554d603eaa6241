"""CPU, memory and extended resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from assay.contract.rules.base import Case, Judgement, Rule, Spec, Unclear, exempts, number, said, section, text
from assay.contract.rules.items import ItemType, mandatory
from assay.contract.rules.sizes import not_a_size, order

_EXTENDED: Final = ItemType(
    ("compute", "extendedResources"),
    {"resource": "example.com/fpga", "quantity": "1"},
    "resource",
    exempts("ExtendedResource", "extended resource"),
)
_BELOW: Final = "the workload gets at least the request and at most the limit, and the limit is lower"


def _compute(**fields: Any) -> dict[str, Any]:
    return {"compute": fields}


def _cores(spec: Spec) -> Iterator[Judgement]:
    compute = section(spec, "compute")
    request, limit = number(compute.get("cpuCoreRequest")), number(compute.get("cpuCoreLimit"))
    if request is not None and limit is not None and limit < request:
        yield Unclear("/compute/cpuCoreLimit", _BELOW)


def _memory(spec: Spec) -> Iterator[Judgement]:
    compute = section(spec, "compute")
    doubtful = False
    for name in ("cpuMemoryRequest", "cpuMemoryLimit"):
        value = text(compute.get(name))
        doubt = not_a_size(value) if value is not None else None
        if doubt is not None:
            doubtful = True
            yield Unclear(f"/compute/{name}", doubt)
    request, limit = text(compute.get("cpuMemoryRequest")), text(compute.get("cpuMemoryLimit"))
    if not doubtful and request is not None and limit is not None and order(limit, request) == -1:
        yield Unclear("/compute/cpuMemoryLimit", _BELOW)


RULES: Final = (
    Rule(
        id="resources/cpu-cores",
        quotes=(
            said(
                "ComputeFlatFields/properties/cpuCoreRequest",
                "The workload will receive at least this amount of CPU.",
            ),
            said(
                "ComputeFlatFields/properties/cpuCoreLimit",
                "The system guarantees that this workload will not be able to consume more than this amount of CPUs.",
            ),
        ),
        judge=_cores,
        accepts=(
            Case("request alone", _compute(cpuCoreRequest=0.5)),
            Case("limit alone", _compute(cpuCoreLimit=1)),
            Case("limit equal to request", _compute(cpuCoreRequest=1, cpuCoreLimit=1.0)),
            Case("limit above request", _compute(cpuCoreRequest=0.1, cpuCoreLimit=0.5)),
            Case("both null", _compute(cpuCoreRequest=None, cpuCoreLimit=None)),
        ),
        rejects=(),
        needs="compute",
    ),
    Rule(
        id="resources/cpu-memory",
        quotes=(
            said(
                "ComputeFlatFields/properties/cpuMemoryRequest",
                "The workload will receive at least this amount of memory.",
            ),
            said(
                "ComputeFlatFields/properties/cpuMemoryLimit",
                "The system guarantees that this workload will not be able to consume more than this amount of "
                "memory.",
            ),
        ),
        judge=_memory,
        accepts=(
            Case("decimal unit", _compute(cpuMemoryRequest="20M")),
            Case("binary unit", _compute(cpuMemoryRequest="64Mi")),
            Case("bytes", _compute(cpuMemoryRequest="67108864")),
            Case("exponent", _compute(cpuMemoryRequest="1e8")),
            Case("fraction", _compute(cpuMemoryRequest="0.5Gi")),
            Case("limit alone", _compute(cpuMemoryLimit="1G")),
            Case("limit equal across units", _compute(cpuMemoryRequest="1Gi", cpuMemoryLimit="1073741824")),
            Case("limit above, fewer digits", _compute(cpuMemoryRequest="999M", cpuMemoryLimit="1G")),
        ),
        rejects=(),
        needs="compute",
    ),
    mandatory(
        "resources/extended-resource-required",
        _EXTENDED,
        "resource",
        said("ExtendedResource/properties/resource", "The name of the extended resource (mandatory)"),
    ),
)
CONTRADICTIONS: Final = ()
