"""The simulated organisation: one cluster, three projects, and who may work where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

TENANT_ID: Final = 1001
CLUSTER_ID: Final = "8f1c2b7e-52d4-4a53-9c0e-6d2f3b9a4e10"
CLUSTER_NAME: Final = "simulated"
FOUNDED: Final = "2025-01-01T00:00:00Z"
GPU_QUOTA: Final = 1000.0
"""Devices of a project. Nothing checks it: the simulated cluster has whatever is asked for."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project as the workload list shows it."""

    id: str
    name: str
    department_id: str
    department_name: str

    @property
    def namespace(self) -> str:
        return f"runai-{self.name}"


@dataclass(frozen=True, slots=True)
class Caller:
    """An application with its secret and the ids of the projects it may work in."""

    id: str
    secret: str = field(repr=False)
    projects: tuple[str, ...]


# Numeric strings, as the examples of the published document have them.
PROJECTS: Final = {
    project.id: project
    for project in (
        Project("4501101", "vision", "2201", "research"),
        Project("4501102", "speech", "2201", "research"),
        Project("4501103", "billing", "2202", "finance"),
    )
}

# The first client owns the main project; the second one, the outsider, has no right on it.
CLIENT_PROJECTS: Final = {
    "assay-researcher": ("4501101", "4501102"),
    "assay-outsider": ("4501103",),
}
