"""The committed manifests are what the command makes, and hold only fields that the operators' CRDs know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from assay.load.manifest import Wanted, manifest
from tests.cli.conftest import Assay
from tests.cli.conftest import assay as assay
from tests.cli.conftest import clean_environment as clean_environment

DOCS: Final = Path(__file__).parents[2] / "docs" / "kubernetes"
EXAMPLE: Final = (
    *("--base-url", "https://runai.example.com", "--project", "4501101"),
    *("--cluster", "71f69d83-ba66-4822-adf5-55ce55efd210"),
)
WANTED: Final = Wanted(EXAMPLE[1], EXAMPLE[3], EXAMPLE[5], "registry.example.com/assay:1", claim="ledgers")

# Names and types of fields below `spec`, noted down from the CRDs; "!" is a required one, "{}" an object that is
# Kubernetes' own. locust.io/v2: AbdelrhmanHamouda/locust-k8s-operator (Apache-2.0), commit 623c518,
# config/crd/bases/locust.io_locusttests.yaml. locust.io/v1: locustio/k8s-operator (MIT), commit 6b50cad,
# charts/locust-operator/crds/locusttest.yaml.
FIELDS: Final[dict[str, dict[str, str]]] = {
    "v2": {
        "env": "object",
        "env.configMapRefs": "array",
        "env.secretMounts": "array",
        "env.secretMounts[].mountPath": "string!",
        "env.secretMounts[].name": "string!",
        "env.secretRefs": "array",
        "env.secretRefs[].name": "string!",
        "env.secretRefs[].prefix": "string",
        "env.variables": "array",
        "env.variables[].name": "string!",
        "env.variables[].value": "string",
        "env.variables[].valueFrom": "{}",
        "image": "string!",
        "imagePullPolicy": "string",
        "imagePullSecrets": "array",
        "imagePullSecrets[].name": "string",
        "master": "object!",
        "master.annotations": "{}",
        "master.autoquit": "object",
        "master.autoquit.enabled": "boolean!",
        "master.autoquit.timeout": "integer",
        "master.autostart": "boolean",
        "master.command": "string!",
        "master.extraArgs": "array",
        "master.labels": "{}",
        "master.resources": "{}",
        "observability": "{}",
        "scheduling": "{}",
        "security": "{}",
        "testFiles": "object",
        "testFiles.configMapRef": "string",
        "testFiles.libConfigMapRef": "string",
        "testFiles.libMountPath": "string",
        "testFiles.srcMountPath": "string",
        "volumeMounts": "array",
        "volumeMounts[].mountPath": "string!",
        "volumeMounts[].name": "string!",
        "volumeMounts[].readOnly": "boolean",
        "volumeMounts[].target": "string",
        "volumes": "array",
        "volumes[].name": "string!",
        "volumes[].persistentVolumeClaim": "{}",
        "worker": "object!",
        "worker.annotations": "{}",
        "worker.command": "string!",
        "worker.extraArgs": "array",
        "worker.labels": "{}",
        "worker.replicas": "integer!",
        "worker.resources": "{}",
    },
    "v1": {
        "annotations": "{}",
        "labels": "{}",
        "image": "string",
        "imagePullPolicy": "string",
        "imagePullSecrets": "array",
        "imagePullSecrets[].name": "string!",
        "workers": "integer!",
        "args": "string",
        "env": "array",
        "env[].name": "string!",
        "env[].value": "string",
        "master": "{}",
        "worker": "{}",
        "locustfile": "object",
        "locustfile.content": "string",
        "locustfile.configMap": "{}",
        "metrics": "{}",
    },
}
TYPES: Final[dict[str, type]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "{}": dict,
}


def faults(version: str, spec: dict[str, Any]) -> list[str]:
    """What the CRD has against ``spec``: unknown fields, wrong types, required ones that are missing."""
    return list(_faults(FIELDS[version], "", spec))


def _faults(fields: dict[str, str], at: str, value: dict[str, Any]) -> Iterator[str]:
    for name, kind in fields.items():
        above, _, last = name.rpartition(".")
        if (f"{above}." if above else "") == at and kind.endswith("!") and last not in value:
            yield f"{name} is missing"
    for key, inner in value.items():
        kind = fields.get(f"{at}{key}", "unknown").rstrip("!")
        fits = type(inner) is TYPES.get(kind)
        if kind not in TYPES:
            yield f"{at}{key} is unknown"
        elif not fits:
            yield f"{at}{key} is no {kind}"
        elif kind == "object":
            yield from _faults(fields, f"{at}{key}.", inner)
        elif kind == "array":
            for entry in inner:
                if isinstance(entry, dict):
                    yield from _faults(fields, f"{at}{key}[].", entry)


def locust_test(text: str) -> dict[str, Any]:
    (found,) = [each for each in yaml.safe_load_all(text) if each["kind"] == "LocustTest"]
    return dict(found)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_committed_manifest_is_what_the_command_makes(version: str, assay: Assay) -> None:
    said = assay("manifest", "--operator", version, *EXAMPLE)
    assert said.code == 0
    assert said.out == (DOCS / f"locusttest-{version}.yaml").read_text()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_crd_knows_every_field(version: str) -> None:
    made = locust_test(manifest(version, WANTED))
    assert (made["apiVersion"], made["metadata"]["name"]) == (f"locust.io/{version}", "assay-load")
    assert faults(version, made["spec"]) == []


def test_what_the_crd_does_not_know_is_found() -> None:
    spec = locust_test(manifest("v2", WANTED))["spec"]
    spec["worker"] = {"replica": 2, "command": 7}
    spec["env"]["variables"][0]["values"] = "x"
    assert faults("v2", spec) == [
        "worker.replicas is missing",
        "worker.replica is unknown",
        "worker.command is no string",
        "env.variables[].values is unknown",
    ]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_credentials_come_by_reference(version: str) -> None:
    text = manifest(version, WANTED)
    spec = locust_test(text)["spec"]
    if version == "v2":
        assert spec["env"]["secretRefs"] == [{"name": "assay-credentials"}]
        plain = {each["name"] for each in spec["env"]["variables"]}
    else:
        plain = {each["name"] for each in spec["env"]}
        assert {"ASSAY_CLIENT_ID_FILE", "ASSAY_CLIENT_SECRET_FILE"} <= plain
    assert not plain & {"ASSAY_CLIENT_ID", "ASSAY_CLIENT_SECRET", "ASSAY_TOKEN"}


def test_the_locustfile_travels_as_it_is() -> None:
    shipped = (Path(__file__).parents[2] / "load_tests" / "locustfile.py").read_text()
    files, _ = yaml.safe_load_all(manifest("v2", WANTED))
    assert files["data"] == {"locustfile.py": shipped}
    assert locust_test(manifest("v1", WANTED))["spec"]["locustfile"] == {"content": shipped}


def test_mistakes(assay: Assay) -> None:
    for arguments, message in (
        (("--operator", "v3", *EXAMPLE), "--operator v3 is none of: v2, v1"),
        (("--operator", "v1", "--claim", "ledgers", *EXAMPLE), "--claim has no effect with --operator v1"),
        (("--run-time", "soon", *EXAMPLE), "--run-time soon is not a duration"),
        (EXAMPLE[:4], "a manifest needs the control plane, a project and a cluster"),
    ):
        said = assay("manifest", *arguments)
        assert said.code == 2
        assert message in said.err
