"""Volumes: what each type needs to be mounted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from assay.contract.rules import sizes
from assay.contract.rules.base import (
    CREATE,
    Case,
    Contradiction,
    Judgement,
    Rule,
    Spec,
    Strength,
    Unclear,
    exempts,
    never,
    said,
    states,
    text,
)
from assay.contract.rules.items import ItemType, breach, mandatory, unique_names

_UUID: Final = "6d1c0f3e-8b7a-4c55-9a61-0f2d3c4b5a69"


def _type(name: str, identity: str = "name", **item: Any) -> ItemType:
    return ItemType(("storage", name), item, identity, exempts("ExcludeField", "item"), CREATE)


_DATA_VOLUME: Final = _type("dataVolume", "id", id=_UUID, mountPath="/data")
_PVC: Final = _type("pvc", path="/data", existingPvc=True, claimName="shared-data")
_HOST_PATH: Final = _type("hostPath", path="/srv/models", mountPath="/models")
_NFS: Final = _type("nfs", path="/exports/models", server="nfs.example.com", mountPath="/models")
_GIT: Final = _type("git", repository="https://git.example.com/models.git", path="/models")
_CONFIG_MAP: Final = _type("configMapVolume", configMap="settings", mountPath="/settings")
_SECRET: Final = _type("secretVolume", secret="keys", mountPath="/keys")  # noqa: S106 - the name of a secret
_EMPTY_DIR: Final = _type("emptyDirVolume", path="/scratch", sizeLimit="100Mi")

# What the pattern admits as a plain exponent and sizes.parse refuses for its sheer size: still quantity format.
_HUGE: Final = re.compile(r"[+-]?[0-9]+\.?[0-9]*[eE][+-]?[0-9]+", re.ASCII)


def _propagation(spec: Spec) -> Iterator[Judgement]:
    stated = [item for item in _HOST_PATH.of(spec) if text(item.get("mountPropagation")) is not None]
    first = next((item["mountPropagation"] for item in stated if item.get("exclude") is not True), None)
    for item in stated:
        if first is not None and item["mountPropagation"] != first:
            yield breach(item, "/storage/hostPath/*/mountPropagation")
            return
    if stated and len(stated) < len(_HOST_PATH.of(spec)):
        yield Unclear("/storage/hostPath/*/mountPropagation", "which value an entry has that states none is not said")


def _medium(spec: Spec) -> Iterator[Judgement]:
    for item in _EMPTY_DIR.of(spec):
        medium = text(item.get("medium"))
        if medium is not None and medium not in ("Memory", ""):
            yield breach(item, "/storage/emptyDirVolume/*/medium")


def _empty_medium(spec: Spec) -> Iterator[Unclear]:
    for item in _EMPTY_DIR.of(spec):
        if item.get("medium") == "":
            yield Unclear("/storage/emptyDirVolume/*/medium", "'leave empty' by the prose, too short by the schema")


def _size_limit(spec: Spec) -> Iterator[Judgement]:
    location = "/storage/emptyDirVolume/*/sizeLimit"
    for item in _EMPTY_DIR.of(spec):
        limit = text(item.get("sizeLimit"))
        if limit is None:
            continue
        amount = sizes.parse(limit)
        if amount is None and not _HUGE.fullmatch(limit):
            yield breach(item, location)
        elif amount is None or amount <= 0:
            yield Unclear(location, "whether a size may be zero, negative or beyond any machine is not said")


def _host(*propagations: str | None) -> dict[str, Any]:
    items = []
    for index, value in enumerate(propagations):
        item = {"path": f"/srv/{index}", "mountPath": f"/mnt/{index}"}
        items.append(item if value is None else {**item, "mountPropagation": value})
    return _HOST_PATH.holding(*items)


def empty_dir(**fields: Any) -> dict[str, Any]:
    return _EMPTY_DIR.holding({"path": "/scratch", **fields})


RULES: Final = (
    mandatory(
        "storage/data-volume-id-required",
        _DATA_VOLUME,
        "id",
        said("DataVolume/properties/id", "The unique identifier of the data volume. (mandatory)"),
    ),
    mandatory(
        "storage/data-volume-mount-path-required",
        _DATA_VOLUME,
        "mountPath",
        said("DataVolume/properties/mountPath", "The path where the data volume will be mounted. (mandatory)"),
    ),
    mandatory(
        "storage/pvc-path-required",
        _PVC,
        "path",
        said(
            "PvcFieldsUpdatable/properties/path",
            "Local path within the workload to which the PVC bucket will be mapped. (mandatory)",
        ),
    ),
    mandatory(
        "storage/host-path-path-required",
        _HOST_PATH,
        "path",
        said(
            "HostPath/properties/path",
            "Local path within the controller to which the host volume will be mapped. (mandatory)",
        ),
    ),
    mandatory(
        "storage/host-path-mount-path-required",
        _HOST_PATH,
        "mountPath",
        said(
            "HostPath/properties/mountPath",
            "The path that the host volume will be mounted to when in use. (mandatory)",
        ),
    ),
    mandatory(
        "storage/nfs-path-required",
        _NFS,
        "path",
        said("Nfs/properties/path", "Path that is exported by the NFS server (mandatory)."),
    ),
    mandatory(
        "storage/nfs-server-required",
        _NFS,
        "server",
        said("Nfs/properties/server", "The hostname or IP address of the NFS server. (mandatory)"),
    ),
    mandatory(
        "storage/nfs-mount-path-required",
        _NFS,
        "mountPath",
        said("Nfs/properties/mountPath", "The path that the NFS volume will be mounted to when in use. (mandatory)"),
    ),
    mandatory(
        "storage/git-repository-required",
        _GIT,
        "repository",
        said(
            "GitCommon/properties/repository",
            "The content of this repository will be mapped to the container running the workload. (mandatory)",
        ),
    ),
    mandatory(
        "storage/git-path-required",
        _GIT,
        "path",
        said(
            "GitCommon/properties/path",
            "Local path within the workload to which the Git repository will be mapped (mandatory).",
        ),
    ),
    mandatory(
        "storage/config-map-name-required",
        _CONFIG_MAP,
        "configMap",
        said("ConfigMap/properties/configMap", "The name of the ConfigMap resource. (mandatory)"),
    ),
    mandatory(
        "storage/config-map-mount-path-required",
        _CONFIG_MAP,
        "mountPath",
        said(
            "ConfigMap/properties/mountPath",
            "Local path within the workload to which the ConfigMap will be mapped to. (mandatory)",
        ),
    ),
    mandatory(
        "storage/secret-name-required",
        _SECRET,
        "secret",
        said("SecretFieldsNonUpdatable/properties/secret", "The name of the Secret resource. (mandatory)"),
    ),
    mandatory(
        "storage/secret-mount-path-required",
        _SECRET,
        "mountPath",
        said(
            "SecretFieldsUpdatable/properties/mountPath",
            "Local path within the workload to which the Secret will be mapped to. (mandatory)",
        ),
    ),
    mandatory(
        "storage/empty-dir-path-required",
        _EMPTY_DIR,
        "path",
        said(
            "EmptyDir/properties/path",
            "Local path within the workload to which the EmptyDir volume will be mapped. (mandatory)",
        ),
    ),
    unique_names(
        "storage/instance-names-unique",
        "StorageInstanceName/properties/name",
        "unique",
        _PVC,
        _HOST_PATH,
        _NFS,
        _GIT,
        _CONFIG_MAP,
        _SECRET,
        _EMPTY_DIR,
    ),
    Rule(
        id="storage/host-path-propagation-alike",
        quotes=(
            said(
                "HostPathMountPropagation",
                "In case of multiple hostPath entries, this field should have the same value for all of them.",
            ),
        ),
        judge=_propagation,
        accepts=(
            Case("one entry", _host("HostToContainer")),
            Case("two alike", _host("HostToContainer", "HostToContainer")),
            Case("two alike, None", _host("None", "None")),
            Case("two that state none", _host(None, None)),
        ),
        rejects=(
            Case("two that differ", _host("None", "HostToContainer")),
            Case("two that differ, other order", _host("HostToContainer", "None")),
            Case("the third differs", _host("None", "None", "HostToContainer")),
            Case("two that differ around one that is silent", _host("None", None, "HostToContainer")),
        ),
        applies=CREATE,
        strength=Strength.SHOULD,
        needs="storage",
    ),
    Rule(
        id="storage/empty-dir-medium-known",
        quotes=(
            said(
                "EmptyDir/properties/medium",
                'Use "Memory" for memory-backed storage, or leave empty for disk-backed storage.',
            ),
        ),
        judge=_medium,
        accepts=(
            Case("Memory", empty_dir(medium="Memory")),
            Case("absent", empty_dir()),
            Case("null", empty_dir(medium=None)),
        ),
        rejects=(
            Case("Disk", empty_dir(medium="Disk")),
            Case("lower case", empty_dir(medium="memory")),
            Case("HugePages", empty_dir(medium="HugePages")),
            Case("second entry only", _EMPTY_DIR.holding({"path": "/one"}, {"path": "/two", "medium": "Disk"})),
        ),
        applies=CREATE,
        strength=Strength.SHOULD,
        needs="storage",
    ),
    Rule(
        id="storage/empty-dir-size-limit-is-quantity",
        quotes=(
            said("EmptyDir/properties/sizeLimit", "Specify using Kubernetes quantity format (e.g., 1G, 500Mi)."),
        ),
        judge=_size_limit,
        accepts=(
            Case("decimal unit", empty_dir(sizeLimit="1G")),
            Case("binary unit", empty_dir(sizeLimit="500Mi")),
            Case("bytes", empty_dir(sizeLimit="1048576")),
            Case("exponent", empty_dir(sizeLimit="1e9")),
            Case("fraction", empty_dir(sizeLimit="1.5Gi")),
            Case("absent", empty_dir()),
            Case("null", empty_dir(sizeLimit=None)),
        ),
        rejects=(
            Case("points only", empty_dir(sizeLimit="..")),
            Case("two points", empty_dir(sizeLimit="1.5.0Gi")),
            Case("exponent without digits", empty_dir(sizeLimit="1e")),
            Case("two units", empty_dir(sizeLimit="1MM")),
            Case("digits behind the unit", empty_dir(sizeLimit="1Gi5")),
            Case("lower-case binary unit", empty_dir(sizeLimit="1ki")),
            Case(
                "second entry only",
                _EMPTY_DIR.holding({"path": "/one", "sizeLimit": "1G"}, {"path": "/two", "sizeLimit": "1MM"}),
            ),
        ),
        applies=CREATE,
        # The pattern, which is the expression that Kubernetes itself names for the format, lets all of these through:
        # a server that validates by it is not in the wrong.
        strength=Strength.SHOULD,
        needs="storage",
    ),
)

CONTRADICTIONS: Final = (
    Contradiction(
        id="storage/host-path-read-only-default",
        quotes=(
            said("HostPath/properties/readOnly", "Defaults to false."),
            states("HostPath/properties/readOnly/default", "true"),
        ),
        summary="hostPath.readOnly defaults to false by the prose and to true by the schema",
        judge=never,
        applies=CREATE,
    ),
    Contradiction(
        id="storage/empty-dir-medium-empty",
        quotes=(
            said("EmptyDir/properties/medium", "leave empty for disk-backed storage"),
            states("EmptyDir/properties/medium/minLength", "1"),
        ),
        summary="emptyDir.medium is left empty for disk by the prose, and an empty string is too short by the schema",
        judge=_empty_medium,
        opens=(Case("empty medium", empty_dir(medium="")),),
        applies=CREATE,
    ),
)
