"""Ports, URLs, the serving port, and who may reach them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from assay.contract.request import Json
from assay.contract.rules.base import (
    CREATE,
    EMPTY_OBJECT,
    Broken,
    Case,
    Judgement,
    Quote,
    Rule,
    Spec,
    Unclear,
    exempts,
    said,
    section,
)
from assay.contract.rules.items import ItemType, breach, mandatory, unique_names

_PORT: Final = ItemType(
    ("ports",), {"container": 8080, "serviceType": "ClusterIP"}, "name", exempts("Port", "item"), CREATE
)
_EXPOSED: Final = ItemType(
    ("exposedUrls",), {"container": 8080, "toolName": "console"}, "name", exempts("ExposedUrl", "instance"), CREATE
)
_RELATED: Final = ItemType(
    ("relatedUrls",),
    {"url": "https://example.com/board", "type": "wandb"},
    "name",
    exempts("RelatedUrl", "item"),
    CREATE,
)

_EXCLUSIVE: Final = "Note that authorizedUsers and authorizedGroups are mutually exclusive."
_USERS: Final = ["ada@example.com"]
_GROUPS: Final = ["research"]
_NAMED: Final = "authorizedUsersOrGroups"


def _both(item: Mapping[str, Json], location: str) -> Iterator[Judgement]:
    users, groups = item.get("authorizedUsers"), item.get("authorizedGroups")
    if users is None or groups is None:
        return
    if users and groups:
        yield breach(item, location)
    else:
        yield Unclear(location, "whether an empty list counts as given is not said")


def _exclusive(
    rule_id: str,
    place: str,
    judge: Callable[[Spec], Iterator[Judgement]],
    lay: Callable[..., dict[str, Any]],
    *more: Case,
) -> Rule:
    quotes = tuple(said(f"{place}/properties/{name}", _EXCLUSIVE) for name in ("authorizedUsers", "authorizedGroups"))
    return Rule(
        id=rule_id,
        quotes=quotes,
        judge=judge,
        accepts=(
            Case("users alone", lay(authorizedUsers=_USERS)),
            Case("groups alone", lay(authorizedGroups=_GROUPS)),
            Case("groups null", lay(authorizedUsers=_USERS, authorizedGroups=None)),
            Case("users null", lay(authorizedUsers=None, authorizedGroups=_GROUPS)),
        ),
        rejects=(
            Case("one of each", lay(authorizedUsers=_USERS, authorizedGroups=_GROUPS)),
            Case("two of each", lay(authorizedUsers=[*_USERS, "bob@example.com"], authorizedGroups=["a", "b"])),
            *more,
        ),
        applies=CREATE,
        needs=_place_of(lay),
    )


def _place_of(lay: Callable[..., dict[str, Any]]) -> str:
    """The top-level property that ``lay`` fills."""
    return next(iter(lay()))


def _exposed(**fields: Any) -> dict[str, Any]:
    return _EXPOSED.holding({"container": 8080, **fields})


def _serving(**fields: Any) -> dict[str, Any]:
    return {"servingPort": {"container": 8080, "authorizationType": _NAMED, **fields}}


def _exposed_both(spec: Spec) -> Iterator[Judgement]:
    for item in _EXPOSED.of(spec):
        yield from _both(item, "/exposedUrls/*/authorizedGroups")


def _serving_both(spec: Spec) -> Iterator[Judgement]:
    yield from _both(section(spec, "servingPort"), "/servingPort/authorizedGroups")


def _serving_container(spec: Spec) -> Iterator[Judgement]:
    port = spec.get("servingPort")
    if port == {}:
        yield Unclear("/servingPort", EMPTY_OBJECT)
    elif isinstance(port, Mapping) and port.get("container") is None:
        yield Broken("/servingPort/container")


def _authorization(spec: Spec) -> Iterator[Judgement]:
    port = section(spec, "servingPort")
    named = [name for name in ("authorizedUsers", "authorizedGroups") if port.get(name)]
    if port.get("authorizationType") == _NAMED and not named:
        yield Unclear(
            "/servingPort/authorizationType", "whether named users or groups must then be listed is not said"
        )
    elif port.get("authorizationType") != _NAMED and named:
        yield Unclear(f"/servingPort/{named[0]}", "whether they may be listed without effect is not said")


def _item(rule_id: str, kind: ItemType, field: str, quote: Quote) -> Rule:
    return mandatory(f"connectivity/{rule_id}", kind, field, quote)


RULES: Final = (
    _item(
        "port-container-required",
        _PORT,
        "container",
        said("Port/properties/container", "The port that the container running the workload exposes. (mandatory)"),
    ),
    _item(
        "port-service-type-required",
        _PORT,
        "serviceType",
        said("PortServiceType", "The service type of the port (mandatory)."),
    ),
    _item(
        "exposed-url-container-required",
        _EXPOSED,
        "container",
        said(
            "ExposedUrl/properties/container", "The port that the container running the workload exposes. (mandatory)"
        ),
    ),
    _item(
        "related-url-url-required",
        _RELATED,
        "url",
        said(
            "RelatedUrl/properties/url",
            "The URL for connecting an external service related to the workload. (mandatory)",
        ),
    ),
    _item(
        "related-url-type-required",
        _RELATED,
        "type",
        said("RelatedUrl/properties/type", "For example, wandb (Weights & Biases). (mandatory)"),
    ),
    _exclusive(
        "connectivity/exposed-url-users-or-groups",
        "ExposedUrl",
        _exposed_both,
        _exposed,
        Case(
            "second entry only",
            _EXPOSED.holding(
                {"container": 8080, "authorizedUsers": _USERS},
                {"container": 8081, "authorizedUsers": _USERS, "authorizedGroups": _GROUPS},
            ),
        ),
        Case("exclude is false", _exposed(authorizedUsers=_USERS, authorizedGroups=_GROUPS, exclude=False)),
    ),
    _exclusive("connectivity/serving-port-users-or-groups", "ServingPortAccess", _serving_both, _serving),
    Rule(
        id="connectivity/serving-port-container-required",
        quotes=(
            said(
                "ServingPortContainerAndProtocol/properties/container",
                "The port that the container running the inference service exposes (mandatory).",
            ),
        ),
        judge=_serving_container,
        accepts=(
            Case("given", {"servingPort": {"container": 8080}}),
            Case("the least", {"servingPort": {"container": 1}}),
            Case("the most", {"servingPort": {"container": 65535}}),
            Case("no serving port", {"servingPort": None}),
        ),
        rejects=(
            Case("protocol alone", {"servingPort": {"protocol": "http"}}),
            Case("null", {"servingPort": {"container": None, "protocol": "grpc"}}),
            Case("access alone", {"servingPort": {"clusterLocalAccessOnly": True}}),
        ),
        applies=CREATE,
        needs="servingPort",
    ),
    Rule(
        id="connectivity/serving-port-authorization",
        quotes=(
            said(
                "ServingPortAccessAuthorizationTypeEnum",
                "Defaults to public, which means no authorization is required. If set to authenticatedUsers, only "
                "authenticated Run:ai users are allowed to access the URL. If set to authorizedUsersOrGroups, only "
                "users or groups specified in authorizedUsers or authorizedGroups are allowed to access the URL.",
            ),
        ),
        judge=_authorization,
        accepts=(
            Case("absent", {"servingPort": {"container": 8080}}),
            Case("public", {"servingPort": {"container": 8080, "authorizationType": "public"}}),
            Case(
                "authenticated users", {"servingPort": {"container": 8080, "authorizationType": "authenticatedUsers"}}
            ),
            Case("named users", _serving(authorizedUsers=_USERS)),
            Case("named groups", _serving(authorizedGroups=_GROUPS)),
        ),
        rejects=(),
        applies=CREATE,
        needs="servingPort",
    ),
    unique_names("connectivity/port-names-unique", "Port/properties/name", "Unique", _PORT),
    unique_names("connectivity/exposed-url-names-unique", "ExposedUrl/properties/name", "Unique", _EXPOSED),
    unique_names("connectivity/related-url-names-unique", "RelatedUrl/properties/name", "Unique", _RELATED),
)
CONTRADICTIONS: Final = ()
