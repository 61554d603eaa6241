"""What labels a workload: annotations and labels."""

from __future__ import annotations

from typing import Final

from assay.contract.rules.base import CREATE, exempts, said
from assay.contract.rules.items import ItemType, mandatory

_ANNOTATION: Final = ItemType(
    ("annotations",), {"name": "team", "value": "search"}, "name", exempts("Annotation", "annotation"), CREATE
)
_LABEL: Final = ItemType(("labels",), {"name": "team", "value": "search"}, "name", exempts("Label", "label"), CREATE)

RULES: Final = (
    mandatory(
        "workload/annotation-name-required",
        _ANNOTATION,
        "name",
        said("Annotation/properties/name", "The name of the annotation (mandatory)"),
    ),
    mandatory(
        "workload/label-name-required",
        _LABEL,
        "name",
        said("Label/properties/name", "The name of the label (mandatory)"),
    ),
)
CONTRADICTIONS: Final = ()
