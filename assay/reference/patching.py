"""How an accepted PATCH becomes part of the stored spec."""

from __future__ import annotations

from collections.abc import Mapping

from assay.contract.request import Json
from assay.contract.schema import Node


def merged(stored: Json, patch: Mapping[str, Json]) -> dict[str, Json]:
    """JSON merge patch (RFC 7396): objects merge at every depth, lists are replaced, null removes."""
    result: dict[str, Json] = dict(stored) if isinstance(stored, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            result[name] = merged(result.get(name), value)
        else:
            result[name] = value
    return result


def overwritten(stored: Json, patch: Mapping[str, Json]) -> dict[str, Json]:
    """The other conforming reading: each section that the patch names is replaced as a whole; null removes it."""
    result: dict[str, Json] = dict(stored) if isinstance(stored, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def updatable(patch: Json, node: Node) -> dict[str, Json]:
    """The part of a patch's spec that the update schema knows; what it does not know is not for updating."""
    if not isinstance(patch, Mapping):
        return {}
    return {name: value for name, value in patch.items() if name in node.properties}


def with_defaults(spec: Json, node: Node) -> Json:
    """The spec with the defaults that the schema declares, inside objects and list entries that are there."""
    if isinstance(spec, Mapping) and node.properties:
        filled = {
            name: with_defaults(value, node.properties[name]) if name in node.properties else value
            for name, value in spec.items()
        }
        for name, child in node.properties.items():
            if child.default is not None and name not in filled:
                filled[name] = child.default
        return filled
    if isinstance(spec, list) and node.items is not None:
        return [with_defaults(item, node.items) for item in spec]
    return spec


def known(value: Json, node: Node) -> Json:
    """``value`` without the properties that the schema does not know, at every depth."""
    if isinstance(value, Mapping) and node.properties:
        return {name: known(item, node.properties[name]) for name, item in value.items() if name in node.properties}
    if isinstance(value, list) and node.items is not None:
        return [known(item, node.items) for item in value]
    return value
