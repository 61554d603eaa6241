"""Manifests for the Kubernetes operators that run Locust: the load tests as a ``LocustTest``.

Two operators share group and kind. ``locust.io/v2`` (AbdelrhmanHamouda/locust-k8s-operator) lets pods take their
environment from a Secret. ``locust.io/v1`` (locustio/k8s-operator, Locust's own) passes plain values on and nothing
else, so credentials must lie in files that something else puts into the pods. No manifest ever holds a credential.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import yaml

from assay import folders

VERSIONS: Final = ("v2", "v1")

_MOUNT_V2: Final = "/lotest/src"
"""Where the operator mounts ``testFiles.configMapRef`` unless told otherwise."""

_STATE: Final = "/var/lib/assay"
_SECRETS: Final = "/var/run/secrets/assay"
_QUIT_SECONDS: Final = 10
"""The web UI stays so long after the end: the operators read the state there."""

_CREDENTIALS: Final = ("ASSAY_CLIENT_ID", "ASSAY_CLIENT_SECRET")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a manifest is for. ``secret`` names the Secret with ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET as its keys.

    ``claim`` names a volume claim (ReadWriteMany) for the ledgers, so that a killed pod takes no record along.
    """

    base_url: str
    project: str
    cluster: str
    image: str
    name: str = "assay-load"
    workers: int = 2
    users: int = 50
    spawn_rate: float = 5.0
    run_time: str = "5m"
    secret: str = "assay-credentials"  # noqa: S105 - the name of a Secret, not a secret
    claim: str | None = None


def manifest(version: str, wanted: Wanted) -> str:
    """The manifest as YAML, for the operator that serves ``locust.io/<version>``."""
    documents = _v2(wanted) if version == "v2" else _v1(wanted)
    told = _HEAD.format(version=version, **_told(version, wanted))
    return told + yaml.dump_all(documents, Dumper=_Readable, sort_keys=False, width=1000, explicit_start=True)


_HEAD: Final = """\
# Made by `assay manifest --operator {version}`; do not edit, make it anew. See docs/load.md.
# {credentials}
"""


def _told(version: str, wanted: Wanted) -> dict[str, str]:
    if version == "v2":
        text = f"Credentials: kubectl create secret generic {wanted.secret} --from-env-file=FILE, with the lines"
        return {"credentials": f"{text} {' and '.join(f'{name}=...' for name in _CREDENTIALS)}."}
    return {"credentials": f"Credentials: files in {_SECRETS}, which this operator cannot mount: an injector must."}


def _v2(wanted: Wanted) -> list[dict[str, Any]]:
    locustfile = f"--locustfile {_MOUNT_V2}/locustfile.py"
    spec: dict[str, Any] = {
        "image": wanted.image,
        "master": {
            "command": f"{locustfile} {_load(wanted)}",
            "autostart": True,
            "autoquit": {"enabled": True, "timeout": _QUIT_SECONDS},
        },
        "worker": {"command": locustfile, "replicas": wanted.workers},
        "testFiles": {"configMapRef": wanted.name},
        "env": {
            "secretRefs": [{"name": wanted.secret}],
            "variables": _variables({"ASSAY_PROJECT": wanted.project, "ASSAY_CLUSTER": wanted.cluster, **_state()}),
        },
    }
    if wanted.claim is not None:
        spec["volumes"] = [{"name": "state", "persistentVolumeClaim": {"claimName": wanted.claim}}]
        spec["volumeMounts"] = [{"name": "state", "mountPath": _STATE, "target": "worker"}]
    files = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": wanted.name},
        "data": {"locustfile.py": _locustfile()},
    }
    return [files, _locust_test("v2", wanted, spec)]


def _v1(wanted: Wanted) -> list[dict[str, Any]]:
    variables = {
        "ASSAY_PROJECT": wanted.project,
        "ASSAY_CLUSTER": wanted.cluster,
        **_state(),
        **{f"{name}_FILE": f"{_SECRETS}/{name.lower()}" for name in _CREDENTIALS},
    }
    start = f"--expect-workers {wanted.workers} --autostart --autoquit {_QUIT_SECONDS}"
    spec = {
        "image": wanted.image,
        "workers": wanted.workers,
        # Master and workers get the same arguments; Locust's workers pass over those that are the master's.
        "args": f"{_load(wanted)} {start}",
        "env": _variables(variables),
        "locustfile": {"content": _locustfile()},
    }
    return [_locust_test("v1", wanted, spec)]


def _locust_test(version: str, wanted: Wanted, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": f"locust.io/{version}",
        "kind": "LocustTest",
        "metadata": {"name": wanted.name},
        "spec": spec,
    }


def _load(wanted: Wanted) -> str:
    return (
        f"--host {wanted.base_url} --users {wanted.users} --spawn-rate {wanted.spawn_rate:g} "
        f"--run-time {wanted.run_time}"
    )


def _state() -> dict[str, str]:
    return {"ASSAY_STATE_DIR": _STATE}


def _variables(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _locustfile() -> str:
    return (folders.top("load_tests") / "locustfile.py").read_text(encoding="utf-8")


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _text)
