"""GPU requests: which fields go with which request type, ranges, and limits against requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from assay.contract.rules import sizes
from assay.contract.rules.base import (
    Broken,
    Case,
    Fragment,
    Judgement,
    Quote,
    Rule,
    Spec,
    Unclear,
    number,
    said,
    section,
    text,
)
from assay.contract.rules.gpu_contradictions import CONTRADICTIONS
from assay.contract.rules.sizes import not_a_size, order

__all__ = ["CONTRADICTIONS", "RULES"]

_SEVERAL_DEVICES: Final = said(
    "ComputeFlatFields/properties/gpuDevicesRequest",
    "Currently if more than one device is requested, it is not possible to provide values for gpuMemory, gpuPortion "
    "or migProfile [deprecated].",
)
_ONLY_PORTION: Final = said("GpuRequestType", "If `gpuDevicesRequest > 1`, only `portion` is supported.")
_PORTION: Final = "ComputeFlatFields/properties/gpuPortionRequest"
_PORTION_LIMIT: Final = "ComputeFlatFields/properties/gpuPortionLimit"
_MEMORY: Final = "ComputeFlatFields/properties/gpuMemoryRequest"
_MEMORY_LIMIT: Final = "ComputeFlatFields/properties/gpuMemoryLimit"
_NO_REQUEST: Final = "a limit without the request that it limits"


def _gpu(devices: int | None = 1, kind: str | None = None, **fields: Any) -> dict[str, Any]:
    """A compute fragment: ``portion="0.5"`` reads as gpuPortionRequest, ``memory_limit`` as gpuMemoryLimit ..."""
    names = {
        "portion": "gpuPortionRequest",
        "portion_limit": "gpuPortionLimit",
        "memory": "gpuMemoryRequest",
        "memory_limit": "gpuMemoryLimit",
        "mig": "migProfile",
    }
    compute: dict[str, Any] = {} if devices is None else {"gpuDevicesRequest": devices}
    if kind is not None:
        compute["gpuRequestType"] = kind
    return {"compute": compute | {names[name]: value for name, value in fields.items()}}


def share(request: Any, limit: Any = None) -> dict[str, Any]:
    return _gpu(kind="portion", portion=request, **({} if limit is None else {"portion_limit": limit}))


def memory_request(request: Any, limit: Any = None) -> dict[str, Any]:
    return _gpu(kind="memory", memory=request, **({} if limit is None else {"memory_limit": limit}))


# What each request type brings along, for one device.
_FOR_TYPE: Final[dict[str, Fragment]] = {
    "portion": share(0.5),
    "memory": memory_request("1Gi"),
    "migProfile": _gpu(kind="migProfile", mig="1g.5gb"),
}


def _only_one_device(kind: str, fields: tuple[str, ...]) -> Callable[[Spec], Iterator[Judgement]]:
    def judge(spec: Spec) -> Iterator[Judgement]:
        compute = section(spec, "compute")
        devices = number(compute.get("gpuDevicesRequest"))
        if devices is not None and devices > 1:
            given = compute.get("gpuRequestType") == kind or any(compute.get(name) is not None for name in fields)
            if given:
                yield Broken("/compute/gpuDevicesRequest")

    return judge


def _required_with(kind: str, field: str) -> Callable[[Spec], Iterator[Judgement]]:
    def judge(spec: Spec) -> Iterator[Judgement]:
        compute = section(spec, "compute")
        if compute.get("gpuRequestType") == kind and compute.get(field) is None:
            yield Broken(f"/compute/{field}")

    return judge


def _only_with(kind: str, field: str) -> Callable[[Spec], Iterator[Judgement]]:
    def judge(spec: Spec) -> Iterator[Judgement]:
        compute = section(spec, "compute")
        value = compute.get(field)
        if value is None or compute.get("gpuRequestType") == kind:
            return
        if number(value) == 0 or (isinstance(value, str) and sizes.parse(value) == 0):
            yield Unclear(
                f"/compute/{field}", "nothing asked for is the default; whether it may be spelt out is not said"
            )
        else:
            yield Broken(f"/compute/{field}")

    return judge


def _portion_range(spec: Spec) -> Iterator[Judgement]:
    portion = number(section(spec, "compute").get("gpuPortionRequest"))
    if portion is not None and not 0 <= portion <= 1:
        yield Broken("/compute/gpuPortionRequest")


def _portion_limit(spec: Spec) -> Iterator[Judgement]:
    compute = section(spec, "compute")
    limit = number(compute.get("gpuPortionLimit"))
    request = number(compute.get("gpuPortionRequest"))
    if limit is None:
        return
    if request is None:
        yield Unclear("/compute/gpuPortionLimit", _NO_REQUEST)
    elif limit < request:
        yield Broken("/compute/gpuPortionLimit")
    elif limit > 1:
        yield Unclear("/compute/gpuPortionLimit", "whether a limit may exceed the whole device is not said")


def _memory_required(spec: Spec) -> Iterator[Judgement]:
    yield from _required_with("memory", "gpuMemoryRequest")(spec)
    value = text(section(spec, "compute").get("gpuMemoryRequest"))
    doubt = not_a_size(value) if value is not None else None
    if doubt is not None:
        yield Unclear("/compute/gpuMemoryRequest", doubt)


def _memory_limit(spec: Spec) -> Iterator[Judgement]:
    compute = section(spec, "compute")
    limit, request = text(compute.get("gpuMemoryLimit")), text(compute.get("gpuMemoryRequest"))
    if limit is None:
        return
    if request is None:
        yield Unclear("/compute/gpuMemoryLimit", _NO_REQUEST)
        return
    doubt = not_a_size(limit)
    if doubt is not None:
        yield Unclear("/compute/gpuMemoryLimit", doubt)
    elif order(limit, request) == -1:
        yield Broken("/compute/gpuMemoryLimit")


def _mig(spec: Spec) -> Iterator[Judgement]:
    yield from _required_with("migProfile", "migProfile")(spec)
    compute = section(spec, "compute")
    if compute.get("migProfile") is not None and compute.get("gpuRequestType") != "migProfile":
        yield Unclear("/compute/migProfile", "'required only if' does not say that it is forbidden otherwise")


def _one_device(spec: Spec) -> Iterator[Judgement]:
    compute = section(spec, "compute")
    devices = number(compute.get("gpuDevicesRequest"))
    if compute.get("gpuRequestType") is not None and (devices is None or devices < 1):
        yield Unclear("/compute/gpuRequestType", "what a request type means without a device is not said")


def _without(kind: str, field: str) -> tuple[Case, ...]:
    compute = {**_FOR_TYPE[kind]["compute"]}
    del compute[field]
    return (
        Case("missing", {"compute": compute}),
        Case("null", {"compute": {**compute, field: None}}),
    )


def _other_types(kind: str, **fields: Any) -> tuple[Case, ...]:
    extra = _gpu(devices=None, **fields)["compute"]
    cases = [
        Case("no request type", _gpu(**fields)),
        Case("request type null", {"compute": {**_gpu(**fields)["compute"], "gpuRequestType": None}}),
    ]
    for other, fragment in _FOR_TYPE.items():
        if other != kind:
            cases.append(Case(f"request type {other}", {"compute": {**fragment["compute"], **extra}}))
    return tuple(cases)


def _accepts_with(kind: str) -> tuple[Case, ...]:
    return (
        Case("given with its type", _FOR_TYPE[kind]),
        *(Case(f"absent with {other}", fragment) for other, fragment in _FOR_TYPE.items() if other != kind),
        Case("absent without a type", _gpu()),
    )


def _quoted(place: str, sentence: str) -> tuple[Quote, ...]:
    return (said(place, sentence),)


RULES: Final = (
    Rule(
        id="compute/memory-only-for-one-device",
        quotes=(_SEVERAL_DEVICES, _ONLY_PORTION),
        judge=_only_one_device("memory", ("gpuMemoryRequest", "gpuMemoryLimit")),
        accepts=(
            Case("one device with memory", memory_request("1Gi")),
            Case("two whole devices", _gpu(2)),
            Case("two devices, memory null", _gpu(2, memory=None, memory_limit=None)),
        ),
        rejects=(
            Case("two devices with memory", _gpu(2, "memory", memory="1Gi")),
            Case("eight devices with memory", _gpu(8, "memory", memory="1Gi")),
            Case("two devices with memory and its limit", _gpu(2, "memory", memory="1Gi", memory_limit="2Gi")),
        ),
        needs="compute",
    ),
    Rule(
        id="compute/mig-profile-only-for-one-device",
        quotes=(_SEVERAL_DEVICES, _ONLY_PORTION),
        judge=_only_one_device("migProfile", ("migProfile",)),
        accepts=(
            Case("one device with a MIG profile", _FOR_TYPE["migProfile"]),
            Case("two devices, MIG profile null", _gpu(2, mig=None)),
        ),
        rejects=(
            Case("two devices with a MIG profile", _gpu(2, "migProfile", mig="1g.5gb")),
            Case("eight devices with a MIG profile", _gpu(8, "migProfile", mig="7g.40gb")),
        ),
        needs="compute",
    ),
    Rule(
        id="compute/one-device-takes-any-type",
        quotes=_quoted(
            "GpuRequestType",
            "If `gpuDeviceRequest = 1`, the request type can be stated as `portion`, `memory` or `migProfile` "
            "[deprecated].",
        ),
        judge=_one_device,
        accepts=tuple(Case(kind, fragment) for kind, fragment in _FOR_TYPE.items()),
        rejects=(),
        needs="compute",
    ),
    Rule(
        id="compute/portion-required-with-its-type",
        quotes=_quoted(_PORTION, "Required if and only if gpuRequestType is portion."),
        judge=_required_with("portion", "gpuPortionRequest"),
        accepts=_accepts_with("portion"),
        rejects=_without("portion", "gpuPortionRequest"),
        needs="compute",
    ),
    Rule(
        id="compute/portion-only-with-its-type",
        quotes=_quoted(_PORTION, "Required if and only if gpuRequestType is portion."),
        judge=_only_with("portion", "gpuPortionRequest"),
        accepts=(
            *_accepts_with("portion"),
            Case("null with memory", {"compute": {**memory_request("1Gi")["compute"], "gpuPortionRequest": None}}),
        ),
        rejects=_other_types("portion", portion=0.5),
        needs="compute",
    ),
    Rule(
        id="compute/portion-between-zero-and-one",
        quotes=_quoted(
            _PORTION,
            "States the portion of the GPU to allocate for the created workload, per GPU device, between 0 and 1.",
        ),
        judge=_portion_range,
        accepts=(
            Case("1, the last accepted", share(1)),
            Case("1.0", share(1.0)),
            Case("just below 1", share(0.9999999)),
            Case("a half", share(0.5)),
            Case("a thousandth", share(0.001)),
            Case("0", share(0)),
        ),
        rejects=(
            Case("just above 1", share(1.0000001)),
            Case("one and a half", share(1.5)),
            Case("two", share(2)),
            Case("meant as a percentage", share(50)),
        ),
        needs="compute",
    ),
    Rule(
        id="compute/portion-limit-not-below-request",
        quotes=_quoted(
            _PORTION_LIMIT,
            "The system guarantees The gpuPotionLimit must be no less than the gpuPortionRequest.",
        ),
        judge=_portion_limit,
        accepts=(
            Case("equal", share(0.5, 0.5)),
            Case("just above", share(0.5, 0.5000001)),
            Case("the whole device", share(0.5, 1)),
            Case("both the whole device", share(1, 1.0)),
            Case("no limit", share(0.5)),
            Case("limit null", {"compute": {**share(0.5)["compute"], "gpuPortionLimit": None}}),
            Case("higher as a number, lower as text", share(0.00001, 0.5)),
        ),
        rejects=(
            Case("just below", share(0.5, 0.4999999)),
            Case("far below", share(0.9, 0.1)),
            Case("zero", share(0.5, 0)),
            Case("below the whole device", share(1, 0.9999999)),
            Case("lower as a number, higher as text", share(0.5, 0.00001)),
        ),
        needs="compute",
    ),
    Rule(
        id="compute/memory-required-with-its-type",
        quotes=_quoted(_MEMORY, "Required if and only if gpuRequestType is memory."),
        judge=_memory_required,
        accepts=_accepts_with("memory"),
        rejects=_without("memory", "gpuMemoryRequest"),
        needs="compute",
    ),
    Rule(
        id="compute/memory-only-with-its-type",
        quotes=_quoted(_MEMORY, "Required if and only if gpuRequestType is memory."),
        judge=_only_with("memory", "gpuMemoryRequest"),
        accepts=(
            *_accepts_with("memory"),
            Case("null with portion", {"compute": {**share(0.5)["compute"], "gpuMemoryRequest": None}}),
        ),
        rejects=_other_types("memory", memory="1Gi"),
        needs="compute",
    ),
    Rule(
        id="compute/memory-limit-not-below-request",
        quotes=_quoted(
            _MEMORY_LIMIT,
            "The system guarantees The gpuMemoryLimit must be no less than gpuMemoryRequest.",
        ),
        judge=_memory_limit,
        accepts=(
            Case("equal", memory_request("1Gi", "1Gi")),
            Case("equal, spelt in bytes", memory_request("1Gi", "1073741824")),
            Case("equal, bytes first", memory_request("1073741824", "1Gi")),
            Case("equal, binary units", memory_request("1Gi", "1024Mi")),
            Case("equal, decimal units", memory_request("1G", "1000M")),
            Case("equal, exponent", memory_request("1G", "1e9")),
            Case("equal, fraction", memory_request("0.5Gi", "512Mi")),
            Case("equal, milli", memory_request("1Gi", "1073741824000m")),
            Case("more digits, higher as a number", memory_request("9Gi", "10Gi")),
            Case("binary above decimal", memory_request("1G", "1Gi")),
            Case("smaller figure, larger unit", memory_request("999M", "1G")),
            Case("no limit", memory_request("1Gi")),
        ),
        rejects=(
            Case("one byte below", memory_request("1Gi", "1073741823")),
            Case("lower across decimal units", memory_request("1G", "999M")),
            Case("lower across binary units", memory_request("1Gi", "1000Mi")),
            Case("decimal below binary", memory_request("1Gi", "1G")),
            Case("exponent below binary", memory_request("1Gi", "1e9")),
            Case("fewer digits, lower as a number", memory_request("10Gi", "9Gi")),
            Case("larger figure, smaller unit", memory_request("2Gi", "500M")),
            Case("fraction", memory_request("1.5Gi", "1535Mi")),
            Case("unit forgotten", memory_request("1Mi", "1")),
        ),
        needs="compute",
    ),
    Rule(
        id="compute/mig-profile-required-with-its-type",
        quotes=_quoted("MigProfile", "Required only if `gpuRequestType` is `migProfile`."),
        judge=_mig,
        accepts=_accepts_with("migProfile"),
        rejects=_without("migProfile", "migProfile"),
        needs="compute",
    ),
)
