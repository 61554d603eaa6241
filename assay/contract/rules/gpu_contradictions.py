"""What the document says about GPU requests and does not mean, or means twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from assay.contract.rules.base import Case, Contradiction, Spec, Unclear, never, number, said, section, states

_FIELDS: Final = ("gpuPortionRequest", "gpuPortionLimit")


def _shared_devices(spec: Spec) -> Iterator[Unclear]:
    compute = section(spec, "compute")
    devices = number(compute.get("gpuDevicesRequest"))
    if devices is None or devices <= 1:
        return
    if compute.get("gpuRequestType") == "portion" or any(compute.get(name) is not None for name in _FIELDS):
        yield Unclear(
            "/compute/gpuDevicesRequest", "one sentence forbids portions of several devices, one supports them"
        )


def _several(devices: int) -> Case:
    compute = {"gpuDevicesRequest": devices, "gpuRequestType": "portion", "gpuPortionRequest": 0.5}
    return Case(f"half of each of {devices} devices", {"compute": compute})


CONTRADICTIONS: Final = (
    Contradiction(
        id="compute/portions-of-several-devices",
        quotes=(
            said(
                "ComputeFlatFields/properties/gpuDevicesRequest",
                "Currently if more than one device is requested, it is not possible to provide values for gpuMemory, "
                "gpuPortion or migProfile [deprecated].",
            ),
            said("GpuRequestType", "If `gpuDevicesRequest > 1`, only `portion` is supported."),
        ),
        summary="with more than one device, portions are impossible by one sentence and the only choice by the other",
        judge=_shared_devices,
        opens=(_several(2), _several(8)),
    ),
    Contradiction(
        id="compute/gpu-memory-and-portion-are-no-fields",
        quotes=(
            said("ComputeFlatFields/properties/gpuDevicesRequest", "gpuMemory, gpuPortion or migProfile"),
            said("ComputeFlatFields/properties/gpuMemoryRequest", "States the GPU memory to allocate"),
            said("ComputeFlatFields/properties/gpuPortionRequest", "States the portion of the GPU to allocate"),
        ),
        summary="gpuMemory and gpuPortion are no fields: each is a pair of a request and a limit",
        judge=never,
    ),
    Contradiction(
        id="compute/gpu-potion-limit-is-no-field",
        quotes=(
            said(
                "ComputeFlatFields/properties/gpuPortionLimit",
                "The gpuPotionLimit must be no less than the gpuPortionRequest.",
            ),
            said(
                "ComputeFlatFields/properties/gpuPortionLimit", "Limitations on the portion consumed by the workload"
            ),
        ),
        summary="the prose of gpuPortionLimit calls the field gpuPotionLimit",
        judge=never,
    ),
    Contradiction(
        id="compute/gpu-device-request-is-no-field",
        quotes=(
            said("GpuRequestType", "If `gpuDeviceRequest = 1`"),
            said("GpuRequestType", "If `gpuDevicesRequest > 1`"),
        ),
        summary="two sentences in a row name one field gpuDevicesRequest and gpuDeviceRequest; only the first exists",
        judge=never,
    ),
    Contradiction(
        id="compute/mig-profile-depracted",
        quotes=(
            states("ComputeFlatFields/properties/migProfile/depracted", "true"),
            states("MigProfile/deprecated", "true"),
        ),
        summary=(
            "the property migProfile carries the misspelt keyword `depracted`, beside a `$ref` where OpenAPI 3.0 "
            "ignores every keyword; its schema is deprecated"
        ),
        judge=never,
    ),
)
