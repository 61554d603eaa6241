"""Persistent volume claims: which belong to an existing claim, which make a new one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from assay.contract.rules.base import (
    CREATE,
    Broken,
    Case,
    Contradiction,
    Judgement,
    Rule,
    Spec,
    Strength,
    Unclear,
    exempts,
    said,
    section,
    states,
    text,
)
from assay.contract.rules.items import ItemType, breach, excluded
from assay.contract.rules.sizes import not_a_size

_PVC: Final = ItemType(("storage", "pvc"), {"path": "/data"}, "name", exempts("ExcludeField", "item"), CREATE)
_SIZE: Final = "/storage/pvc/*/claimInfo/size"
_RECOMMENDED: Final = re.compile(r"[0-9]+ ?(TB|GB|MB|TIB|GIB|MIB)", re.IGNORECASE)
_MODES: Final = ("readWriteOnce", "readOnlyMany", "readWriteMany")


def _claim(**fields: Any) -> dict[str, Any]:
    return _PVC.holding({"path": "/data", **fields})


def _new(**info: Any) -> dict[str, Any]:
    return _claim(claimInfo={"size": "1Gi", **info})


def _size(spec: Spec) -> Iterator[Judgement]:
    for item in _PVC.of(spec):
        size = section(item, "claimInfo").get("size")
        if size is not None:
            listed = isinstance(size, str) and _RECOMMENDED.fullmatch(size)  # a contradiction of its own
            doubt = not_a_size(size) if isinstance(size, str) and not listed else None
            if doubt is not None:
                yield Unclear(_SIZE, doubt)
        elif item.get("existingPvc") is not True:
            if not excluded(item):
                yield Broken(_SIZE)
            elif not text(item.get("name")):
                yield Unclear(_SIZE, "an excluded item that does not say which entry of the policy it excludes")


def _info(spec: Spec) -> Iterator[Judgement]:
    for item in _PVC.of(spec):
        info = item.get("claimInfo")
        if item.get("existingPvc") is not True or not isinstance(info, Mapping):
            continue
        if info:
            yield breach(item, "/storage/pvc/*/claimInfo")
        else:
            yield Unclear("/storage/pvc/*/claimInfo", "whether an empty object is information is not said")


def _ephemeral(spec: Spec) -> Iterator[Judgement]:
    for item in _PVC.of(spec):
        if item.get("ephemeral") is True:
            yield breach(item, "/storage/pvc/*/ephemeral")


def _claim_name(spec: Spec) -> Iterator[Judgement]:
    for item in _PVC.of(spec):
        if item.get("existingPvc") is True and item.get("claimName") is None and not excluded(item):
            yield Unclear("/storage/pvc/*/claimName", "which existing claim is meant")


def _access_modes(spec: Spec) -> Iterator[Judgement]:
    for item in _PVC.of(spec):
        modes = section(item, "claimInfo", "accessModes")
        if modes.get("readWriteOnce") is False and not any(modes.get(name) is True for name in _MODES):
            yield Unclear("/storage/pvc/*/claimInfo/accessModes", "a claim without any access mode")


def _recommended(spec: Spec) -> Iterator[Unclear]:
    for item in _PVC.of(spec):
        size = text(section(item, "claimInfo").get("size"))
        if size is not None and _RECOMMENDED.fullmatch(size):
            yield Unclear(_SIZE, "recommended by the prose, refused by the pattern")


RULES: Final = (
    Rule(
        id="claims/size-required-for-new-claim",
        quotes=(
            said("PvcClaimSize", "Mandatory when existingPvc is false."),
            said(
                "PvcFieldsNonUpdatable/properties/existingPvc",
                "PVC is assumed to exist when set to `true`. If set to `false`, the PVC will be created, if it does "
                "not exist.",
            ),
            states("PvcFieldsNonUpdatable/properties/existingPvc/default", "false"),
            _PVC.exemption,
        ),
        judge=_size,
        accepts=(
            Case("new claim with a size", _claim(existingPvc=False, claimInfo={"size": "1Gi"})),
            Case("new claim by default, with a size", _claim(claimInfo={"size": "1Gi"})),
            Case("existing claim", _claim(existingPvc=True, claimName="shared-data")),
            Case(
                "existing claim, information null", _claim(existingPvc=True, claimName="shared-data", claimInfo=None)
            ),
            Case("spared by exclude", _PVC.holding({"name": "from-policy", "exclude": True})),
        ),
        rejects=(
            Case("new claim, no information", _claim(existingPvc=False)),
            Case("new claim by default, no information", _claim()),
            Case("existingPvc null is false", _claim(existingPvc=None)),
            Case("new claim, empty information", _claim(existingPvc=False, claimInfo={})),
            Case("new claim, size null", _claim(existingPvc=False, claimInfo={"size": None})),
            Case("new claim, other information", _claim(claimInfo={"volumeMode": "Filesystem"})),
            Case(
                "second entry only",
                _PVC.holding({"path": "/one", "existingPvc": True, "claimName": "shared-data"}, {"path": "/two"}),
            ),
            Case("exclude is false", _claim(existingPvc=False, exclude=False)),
        ),
        applies=CREATE,
        needs="storage",
    ),
    Rule(
        id="claims/no-information-for-existing-claim",
        quotes=(said("ClaimInfo", "The information should not be provided when attempting to use existing PVC."),),
        judge=_info,
        accepts=(
            Case("existing claim without it", _claim(existingPvc=True, claimName="shared-data")),
            Case("existing claim, null", _claim(existingPvc=True, claimName="shared-data", claimInfo=None)),
            Case("new claim with it", _new(volumeMode="Filesystem")),
        ),
        rejects=(
            Case("size", _claim(existingPvc=True, claimName="shared-data", claimInfo={"size": "1Gi"})),
            Case(
                "volume mode",
                _claim(existingPvc=True, claimName="shared-data", claimInfo={"volumeMode": "Filesystem"}),
            ),
        ),
        applies=CREATE,
        strength=Strength.SHOULD,
        needs="storage",
    ),
    Rule(
        id="claims/ephemeral-not-supported",
        quotes=(said("PvcFieldsNonUpdatable/properties/ephemeral", "Not supported for inference workloads."),),
        judge=_ephemeral,
        accepts=(
            Case("false", _claim(existingPvc=True, claimName="shared-data", ephemeral=False)),
            Case("null", _claim(existingPvc=True, claimName="shared-data", ephemeral=None)),
            Case("absent", _claim(existingPvc=True, claimName="shared-data")),
        ),
        rejects=(
            Case("existing claim", _claim(existingPvc=True, claimName="shared-data", ephemeral=True)),
            Case("new claim", _claim(claimInfo={"size": "1Gi"}, ephemeral=True)),
            Case(
                "second entry only",
                _PVC.holding(
                    {"path": "/one", "existingPvc": True, "claimName": "one"},
                    {"path": "/two", "existingPvc": True, "claimName": "two", "ephemeral": True},
                ),
            ),
        ),
        applies=CREATE,
        needs="storage",
    ),
    Rule(
        id="claims/generated-claim-name",
        quotes=(
            said(
                "PvcFieldsNonUpdatable/properties/claimName",
                "If not provided, a name based on the workload name and scope will be auto-generated.",
            ),
        ),
        judge=_claim_name,
        accepts=(
            Case("not given", _new()),
            Case("given", _claim(claimName="new-data", claimInfo={"size": "1Gi"})),
        ),
        rejects=(),
        applies=CREATE,
        needs="storage",
    ),
    Rule(
        id="claims/access-modes",
        quotes=(said("PvcAccessModes/properties/readWriteOnce", "This is the default access mode."),),
        judge=_access_modes,
        accepts=(
            Case("default", _new()),
            Case("none chosen", _new(accessModes={})),
            Case("stated", _new(accessModes={"readWriteOnce": True})),
            Case("other one", _new(accessModes={"readWriteOnce": False, "readWriteMany": True})),
        ),
        rejects=(),
        applies=CREATE,
        needs="storage",
    ),
)

CONTRADICTIONS: Final = (
    Contradiction(
        id="claims/recommended-sizes",
        quotes=(
            said("PvcClaimSize", "Recommended sizes: TB/GB/MB/TIB/GIB/MIB"),
            states("PvcClaimSize/pattern", "[eEinumkKMGTP]*"),
        ),
        summary="the recommended units (TB, GB, MB, TIB, GIB, MIB) are refused by the pattern: it has no B and no I",
        judge=_recommended,
        opens=tuple(Case(unit, _new(size=f"1{unit}")) for unit in ("TB", "GB", "MB", "TIB", "GIB", "MIB")),
        applies=CREATE,
    ),
)
