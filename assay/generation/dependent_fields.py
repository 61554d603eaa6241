"""How an object whose fields were drawn one by one is brought to keep the rules between them.

One function for each object with dependent fields, by the pointer of the object (of the list, for rules that span its
entries). A function changes as little as it can, so that most drawn fields stay. The second argument, 0..255, makes
the choices; 0 is the simplest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from assay.generation.choice_decoder import Reconcile

Object = dict[str, Any]

_SOURCES: Final = ("value", "secret", "configMap", "podFieldRef")
_KEPT: Final = ("value", *_SOURCES)  # the value twice as often: it is drawn less often than an object
_GPU_TYPES: Final = ("portion", "memory", "migProfile")
_WHOLE_DEVICES: Final = 224  # of 256: one request in eight is for whole devices, without a type
_GPU_FIELDS: Final = ("gpuPortionRequest", "gpuPortionLimit", "gpuMemoryRequest", "gpuMemoryLimit", "migProfile")
_PORTIONS: Final = (0.5, 0.25, 0.1, 0.75, 1.0, 0.001)
# Request and limit, in different units and equal in some: what a comparison of strings gets wrong.
_MEMORIES: Final = (("1Gi", "2Gi"), ("1G", "1000M"), ("9Gi", "10Gi"), ("1Gi", "1073741824"), ("500M", "1G"))
_SCALED_TO_ZERO: Final = 64  # of 256: three quarters of the retention times drawn keep the 0 replicas they need
_INTEGERS: Final = ("4", "0", "16", "100")


def _environment_variable(value: Object, code: int) -> None:
    kept = _KEPT[code % len(_KEPT)]
    if value.get(kept) is None:
        kept = next((name for name in _SOURCES if value.get(name) is not None), kept)
    _drop(value, (name for name in _SOURCES if name != kept))
    if value.get(kept) is None:
        value["value"] = "value-0"


def _match_expression(value: Object, code: int) -> None:
    operator = value["operator"]
    if operator in {"Exists", "DoesNotExist"}:
        value["values"] = []
        if code % 2:
            _drop(value, ["values"])
    elif operator in {"Gt", "Lt"}:
        value["values"] = [_INTEGERS[code % len(_INTEGERS)]]
    elif not value.get("values"):
        value["values"] = ["zone-a", "zone-b"][: 1 + code % 2]


def _node_affinity(value: Object, _: int) -> None:
    if not value.get("nodeSelectorTerms"):
        value["nodeSelectorTerms"] = [{"matchExpressions": [{"key": "zone", "operator": "Exists"}]}]


def _toleration(value: Object, _: int) -> None:
    """Excluded, for the document contradicts itself on what any other toleration's value must be."""
    value["exclude"] = True
    if value.get("seconds") is not None:
        value["effect"] = "NoExecute"


def _tolerations(value: Object, _: int) -> None:
    """The name says which entry of the policy is excluded."""
    for position, item in enumerate(value["items"]):
        if item.get("name") is None:
            item["name"] = f"taint-{position}"


def _port(value: Object, _: int) -> None:
    """An external port belongs to a load balancer here: a node port has its own narrow range (30000-32767)."""
    if value.get("external") is not None:
        value["serviceType"] = "LoadBalancer"


def _authorized(value: Object, code: int) -> None:
    groups, users = value.get("authorizedGroups"), value.get("authorizedUsers")
    if groups is not None and users is not None:
        _drop(value, ["authorizedUsers" if code % 2 else "authorizedGroups"])


def _serving_port(value: Object, code: int) -> None:
    _authorized(value, code)
    named = value.get("authorizedUsers") is not None or value.get("authorizedGroups") is not None
    if named:
        value["authorizationType"] = "authorizedUsersOrGroups"
    elif value.get("authorizationType") == "authorizedUsersOrGroups":
        value["authorizationType"] = "authenticatedUsers"


def _compute(value: Object, code: int) -> None:
    """One GPU by portion, by memory, by profile, or none; a limit only where there is a request, and not below it."""
    _settle_gpu(value, code)
    request, limit = value.get("cpuCoreRequest"), value.get("cpuCoreLimit")
    if request is not None and limit is not None:
        value["cpuCoreRequest"], value["cpuCoreLimit"] = sorted((request, limit))
    if value.get("cpuMemoryRequest") is not None and value.get("cpuMemoryLimit") is not None:
        value["cpuMemoryRequest"], value["cpuMemoryLimit"] = _MEMORIES[code % len(_MEMORIES)]


def _settle_gpu(value: Object, code: int) -> None:
    drawn = [name for name in ("gpuRequestType", "gpuDevicesRequest", *_GPU_FIELDS) if value.get(name) is not None]
    if not drawn:
        return
    kind = _GPU_TYPES[code % len(_GPU_TYPES)] if code < _WHOLE_DEVICES else None
    limited = any(name in drawn for name in ("gpuPortionLimit", "gpuMemoryLimit"))
    _drop(value, ("gpuRequestType", *_GPU_FIELDS))
    if kind is None:
        value["gpuDevicesRequest"] = value.get("gpuDevicesRequest") or 0
        return
    value["gpuDevicesRequest"] = 1
    value["gpuRequestType"] = kind
    step = code // len(_GPU_TYPES)
    if kind == "portion":
        portion = _PORTIONS[step % len(_PORTIONS)]
        value["gpuPortionRequest"] = portion
        if limited:
            value["gpuPortionLimit"] = min(1.0, portion * (1 + step % 3 / 2))
    elif kind == "memory":
        request, limit = _MEMORIES[step % len(_MEMORIES)]
        value["gpuMemoryRequest"] = request
        if limited:
            value["gpuMemoryLimit"] = limit
    else:
        value["migProfile"] = _MIG_PROFILES[step % len(_MIG_PROFILES)]


_MIG_PROFILES: Final = ("1g.5gb", "1g.10gb", "2g.10gb", "3g.20gb", "7g.80gb")


def _claim(value: Object, _: int) -> None:
    if value.get("ephemeral") is not None:
        value["ephemeral"] = False
    if value.get("existingPvc") is True:
        _drop(value, ["claimInfo"])
        if value.get("claimName") is None:
            value["claimName"] = "claim-0"
    else:
        claim = value.get("claimInfo")
        value["claimInfo"] = claim if isinstance(claim, dict) else {}
        if value["claimInfo"].get("size") is None:
            value["claimInfo"]["size"] = "1Gi"


def _access_modes(value: Object, _: int) -> None:
    """A claim needs one access mode; readWriteOnce is the default."""
    if value.get("readWriteOnce") is False and not any(value.get(name) for name in ("readOnlyMany", "readWriteMany")):
        value["readWriteOnce"] = True


def _host_paths(value: Object, _: int) -> None:
    """mountPropagation "should have the same value" in all entries: stated by one, stated by all."""
    stated = [item for item in value["items"] if item.get("mountPropagation") is not None]
    for item in value["items"] if stated else ():
        item["mountPropagation"] = stated[0]["mountPropagation"]


def _security(value: Object, code: int) -> None:
    if any(value.get(name) is not None for name in ("runAsUid", "runAsGid", "supplementalGroups")):
        value["uidGidSource"] = "custom"
    elif value.get("uidGidSource") is not None:
        value["uidGidSource"] = ("fromTheImage", "custom")[code % 2]
    if value.get("seccompProfileType") == "Localhost":
        value["seccompProfileType"] = "RuntimeDefault"


def _autoscaling(value: Object, code: int) -> None:
    """minReplicas and maxReplicas first (defaults 1 and minReplicas); the rest follows from whether they differ."""
    if value.get("scaleToZeroRetentionSeconds") is not None and code >= _SCALED_TO_ZERO:
        value["minReplicas"] = 0
    low = value.get("minReplicas")
    low = 1 if low is None else low
    high = value.get("maxReplicas")
    if high is not None and high < low:
        value["maxReplicas"] = high = low + code % 3
    high = max(low, 1) if high is None else high
    for name in ("initialReplicas", "activationReplicas"):
        if value.get(name) is not None:
            value[name] = max(low, min(value[name], high))
    if low != 0:
        _drop(value, ["scaleToZeroRetentionSeconds"])
    scaled = low < high and (low, high) != (0, 1)
    if scaled or value.get("metricThresholdPercentage") is not None or value.get("metricThreshold") is not None:
        value["metric"] = value.get("metric") or "throughput"
    if value.get("metric") is not None:
        if low == 0 or value.get("metricThresholdPercentage") is not None:
            value["metric"] = ("throughput", "concurrency")[code % 2]
        value["metricThreshold"] = value.get("metricThreshold") or 1 + code


def _drop(value: Object, names: Iterable[str]) -> None:
    for name in list(names):
        value.pop(name, None)


SETTLE: Final[Mapping[str, Reconcile]] = {
    "/spec/environmentVariables/*": _environment_variable,
    "/spec/nodeAffinityRequired": _node_affinity,
    "/spec/nodeAffinityRequired/nodeSelectorTerms/*/matchExpressions/*": _match_expression,
    "/spec/tolerations/*": _toleration,
    "/spec/tolerations": _tolerations,
    "/spec/ports/*": _port,
    "/spec/exposedUrls/*": _authorized,
    "/spec/servingPort": _serving_port,
    "/spec/compute": _compute,
    "/spec/storage/pvc/*": _claim,
    "/spec/storage/pvc/*/claimInfo/accessModes": _access_modes,
    "/spec/storage/hostPath": _host_paths,
    "/spec/security": _security,
    "/spec/autoscaling": _autoscaling,
}
