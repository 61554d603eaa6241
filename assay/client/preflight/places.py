"""Where an identity may work: the projects and clusters that a target lists. Documented, but a target may lack both.

``GET /api/v1/org-unit/projects`` and ``GET /api/v1/clusters`` stand in the vendor's document of the whole API.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from assay.client.exchange import Answer
from assay.client.session import Session
from assay.contract.request import Json

PROJECTS: Final = "/api/v1/org-unit/projects?limit=500"
CLUSTERS: Final = "/api/v1/clusters"


@dataclass(frozen=True, slots=True)
class ListedPlace:
    """A project or a cluster. ``cluster`` is the UUID of a project's cluster, ``gpus`` the devices of its quota."""

    id: str
    name: str
    cluster: str | None = None
    gpus: float | None = None

    def __str__(self) -> str:
        return f"{self.id} ({self.name})" if self.name else self.id


def projects(session: Session) -> list[ListedPlace] | None:
    """The projects that the main identity sees; None when the target does not list them. Raises AssayError."""
    body = _listed(session, PROJECTS)
    entries = body.get("projects") if isinstance(body, dict) else None
    return _places(entries, "id") if isinstance(entries, list) else None


def clusters(session: Session) -> list[ListedPlace] | None:
    """The clusters that the main identity sees; None when the target does not list them. Raises AssayError."""
    body = _listed(session, CLUSTERS)
    return _places(body, "uuid") if isinstance(body, list) else None


def _listed(session: Session, path: str) -> object:
    answer = session.get(path)
    return answer.json() if isinstance(answer, Answer) and answer.status == 200 else None


def _places(entries: Iterable[Json], key: str) -> list[ListedPlace]:
    found = []
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get(key), str | int) and not entry.get("deletedAt"):
            cluster = entry.get("clusterId")
            found.append(
                ListedPlace(
                    str(entry[key]),
                    " ".join(str(entry.get("name") or "").split()),
                    cluster if isinstance(cluster, str) else None,
                    _quota(entry),
                )
            )
    return found


def _quota(project: dict[str, Json]) -> float | None:
    whole = project.get("totalResources")
    quota = whole.get("gpuQuota") if isinstance(whole, dict) else None
    return float(quota) if isinstance(quota, int | float) and not isinstance(quota, bool) else None
