"""The container: its image, where that is pulled from, and its readiness probe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from assay.contract.rules.base import (
    CREATE,
    EMPTY_OBJECT,
    Broken,
    Case,
    Contradiction,
    Judgement,
    Rule,
    Spec,
    Unclear,
    entries,
    exempts,
    never,
    said,
    section,
)

_HANDLER: Final = {"httpGet": {"port": 8080}}


def _probe(**fields: Any) -> dict[str, Any]:
    return {"probes": {"readiness": fields}}


def _image(spec: Spec) -> Iterator[Judgement]:
    if spec.get("image") is None:
        yield Broken("/image")


def _handler(spec: Spec) -> Iterator[Judgement]:
    probe = section(spec, "probes").get("readiness")
    if not isinstance(probe, Mapping):
        return
    if not probe:
        yield Unclear("/probes/readiness", EMPTY_OBJECT)
        return
    handler = probe.get("handler")
    if handler is None:
        yield Broken("/probes/readiness/handler")
    elif isinstance(handler, Mapping) and handler.get("httpGet") is None:
        yield Unclear("/probes/readiness/handler/httpGet", "whether a handler may name no action is not said")


def _http_get(spec: Spec) -> Iterator[Judgement]:
    action = section(spec, "probes", "readiness", "handler").get("httpGet")
    if isinstance(action, Mapping) and action.get("port") is None:
        yield Unclear("/probes/readiness/handler/httpGet/port", "the port has no stated default and is not mandatory")


def _pull_secret(spec: Spec) -> Iterator[Judgement]:
    for secret in entries(spec.get("imagePullSecrets")):
        if secret.get("name") in (None, ""):
            yield Unclear("/imagePullSecrets/*/name", "a reference that names no secret; the name is not mandatory")


RULES: Final = (
    Rule(
        id="container/image-required",
        quotes=(
            said("ContainerNonOverridable/properties/image", "The image name is mandatory for creating a workload."),
        ),
        judge=_image,
        accepts=(
            Case("given", {"image": "registry.example/echo:1.0"}),
            Case("given without a tag", {"image": "busybox"}),
            Case("given by digest", {"image": "registry.example/echo@sha256:" + "0123456789abcdef" * 4}),
        ),
        rejects=(
            Case("missing", {"image": None}),
            Case("missing beside a command", {"image": None, "command": "serve"}),
            Case("null", {"image": None}, explicit=True),
        ),
        applies=CREATE,
    ),
    Rule(
        id="container/probe-handler-required",
        quotes=(said("ProbeHandler", "The action taken to determine the health of the container. (mandatory)"),),
        judge=_handler,
        accepts=(
            Case("given", _probe(handler=_HANDLER)),
            Case("given beside the timings", _probe(handler=_HANDLER, initialDelaySeconds=0, periodSeconds=1)),
            Case("no readiness probe", {"probes": {}}),
            Case("readiness is null", {"probes": {"readiness": None}}),
        ),
        rejects=(
            Case("one timing only", _probe(timeoutSeconds=1)),
            Case("timings only", _probe(periodSeconds=10, failureThreshold=3)),
            Case("null", _probe(handler=None, periodSeconds=10)),
        ),
        needs="probes",
    ),
    Rule(
        id="container/probe-details-have-defaults",
        quotes=(
            said(
                "ProbeHandler/properties/httpGet/properties/path", "Path to access on the HTTP server, defaults to /."
            ),
            said(
                "ProbeHandler/properties/httpGet/properties/host", "Host name to connect to, defaults to the pod IP."
            ),
            said("ProbeHandlerScheme", "Scheme to use for connecting to the host, defaults to HTTP."),
        ),
        judge=_http_get,
        accepts=(
            Case("all omitted", _probe(handler=_HANDLER)),
            Case("all null", _probe(handler={"httpGet": {"port": 8080, "path": None, "host": None, "scheme": None}})),
            Case("empty path", _probe(handler={"httpGet": {"port": 8080, "path": ""}})),
            Case("defaults stated", _probe(handler={"httpGet": {"port": 8080, "path": "/", "scheme": "HTTP"}})),
        ),
        rejects=(),
        needs="probes",
    ),
    Rule(
        id="container/image-pull-secret-by-name",
        quotes=(
            said(
                "ImagePullSecret/properties/name",
                "The name of the Kubernetes secret containing the image pull credentials.",
            ),
            exempts("ImagePullSecret", "secret"),
        ),
        judge=_pull_secret,
        accepts=(
            Case("given", {"imagePullSecrets": [{"name": "registry-key"}]}),
            Case("two, one excluded", {"imagePullSecrets": [{"name": "a"}, {"name": "b", "exclude": True}]}),
        ),
        rejects=(),
        applies=CREATE,
        needs="imagePullSecrets",
    ),
)
CONTRADICTIONS: Final = (
    Contradiction(
        id="container/liveness-probe-is-no-field",
        quotes=(
            said("Probe/properties/initialDelaySeconds", "before liveness or readiness probes are initiated."),
            said("Probes", "Probes are used to determine if the container is healthy and ready to accept traffic."),
        ),
        summary="the prose speaks of liveness probes; `probes` has a readiness probe only",
        judge=never,
    ),
)
