"""Environment variables: a value, or one reference to where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from assay.contract.rules.base import Case, Contradiction, Judgement, Rule, Spec, Unclear, exempts, never, said
from assay.contract.rules.items import ItemType, breach, mandatory

_REFERENCES: Final = ("secret", "configMap", "podFieldRef")
_SECRET: Final = {"name": "keys", "key": "token"}
_CONFIG_MAP: Final = {"name": "settings", "key": "mode"}
_FIELD: Final = {"path": "metadata.name"}

_LIST: Final = ("environmentVariables",)
_EXEMPTION: Final = exempts("EnvironmentVariable", "environment variable")
_PLAIN: Final = ItemType(_LIST, {"name": "MODE", "value": "fast"}, "name", _EXEMPTION)
_BY_SECRET: Final = ItemType(_LIST, {"name": "MODE", "secret": _SECRET}, "name", _EXEMPTION)
_BY_CONFIG_MAP: Final = ItemType(_LIST, {"name": "MODE", "configMap": _CONFIG_MAP}, "name", _EXEMPTION)
_BY_FIELD: Final = ItemType(_LIST, {"name": "MODE", "podFieldRef": _FIELD}, "name", _EXEMPTION)


def _exclusive(spec: Spec) -> Iterator[Judgement]:
    for item in _PLAIN.of(spec):
        given = [name for name in _REFERENCES if item.get(name) is not None]
        value = item.get("value")
        location = "/environmentVariables/*/value"
        if value is not None and given:
            if value == "":
                yield Unclear(location, "whether an empty value counts as a value beside a reference is not said")
            else:
                yield breach(item, location)
        elif len(given) > 1:
            yield Unclear(
                f"/environmentVariables/*/{given[1]}", "only the value is called exclusive with a reference"
            )


def _variable(**fields: Any) -> dict[str, Any]:
    return _PLAIN.holding({"name": "MODE", **fields})


RULES: Final = (
    mandatory(
        "environment/name-required",
        _PLAIN,
        "name",
        said("EnvironmentVariable/properties/name", "The name of the environment variable. (mandatory)"),
    ),
    Rule(
        id="environment/value-excludes-references",
        quotes=(
            said(
                "EnvironmentVariable/properties/value",
                "The value of the environment variable. (mutually exclusive with secret, credential, configMap and "
                "podFieldRef)",
            ),
        ),
        judge=_exclusive,
        accepts=(
            Case("value alone", _variable(value="fast")),
            Case("empty value alone", _variable(value="")),
            Case("neither value nor reference", _variable()),
            Case("secret alone", _variable(secret=_SECRET)),
            Case("config map alone", _variable(configMap=_CONFIG_MAP)),
            Case("pod field alone", _variable(podFieldRef=_FIELD)),
            Case("value null beside a secret", _variable(value=None, secret=_SECRET)),
            Case(
                "references null beside a value",
                _variable(value="fast", secret=None, configMap=None, podFieldRef=None),
            ),
            Case(
                "value and reference in different variables",
                _PLAIN.holding({"name": "MODE", "value": "fast"}, {"name": "TOKEN", "secret": _SECRET}),
            ),
        ),
        rejects=(
            Case("value and secret", _variable(value="fast", secret=_SECRET)),
            Case("value and config map", _variable(value="fast", configMap=_CONFIG_MAP)),
            Case("value and pod field", _variable(value="fast", podFieldRef=_FIELD)),
            Case(
                "in the second variable only",
                _PLAIN.holding({"name": "A", "value": "1"}, {"name": "B", "value": "2", "secret": _SECRET}),
            ),
            Case("exclude is false", _variable(value="fast", secret=_SECRET, exclude=False)),
        ),
        needs="environmentVariables",
    ),
    mandatory(
        "environment/secret-name-required",
        _BY_SECRET,
        "secret/name",
        said("EnvironmentVariableSecret/properties/name", "The name of the secret resource. (mandatory)"),
    ),
    mandatory(
        "environment/secret-key-required",
        _BY_SECRET,
        "secret/key",
        said("EnvironmentVariableSecret/properties/key", "The key in the secret resource. (mandatory)"),
    ),
    mandatory(
        "environment/config-map-name-required",
        _BY_CONFIG_MAP,
        "configMap/name",
        said("EnvironmentVariableConfigMap/properties/name", "The name of the config-map resource. (mandatory)"),
    ),
    mandatory(
        "environment/config-map-key-required",
        _BY_CONFIG_MAP,
        "configMap/key",
        said("EnvironmentVariableConfigMap/properties/key", "The key in the config-map resource. (mandatory)"),
    ),
    mandatory(
        "environment/pod-field-path-required",
        _BY_FIELD,
        "podFieldRef/path",
        said("EnvironmentVariablePodFieldReference/properties/path", "The field path resource. (mandatory)"),
    ),
)

CONTRADICTIONS: Final = (
    Contradiction(
        id="environment/credential-is-no-field",
        quotes=(
            said("EnvironmentVariable/properties/value", "secret, credential, configMap and podFieldRef"),
            said("EnvironmentVariable", "Details of an environment variable which is populated into the container."),
        ),
        summary="the prose of `value` names a field `credential`, which an environment variable does not have",
        judge=never,
    ),
)
