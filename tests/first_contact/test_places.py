"""Projects, clusters and second identities that are wrong, and settings that have no target."""

from __future__ import annotations

from tests.first_contact.conftest import Play
from tests.first_contact.environment import Command, Environment, mistaken, passes, refused, relay

FRONT = {"front": relay()}
OUTSIDER: dict[str, str | None] = {
    "ASSAY_OUTSIDER_CLIENT_ID": "{outsider_id}",
    "ASSAY_OUTSIDER_CLIENT_SECRET": "{outsider_secret}",
}
STRANGER = "00000000-0000-4000-8000-000000000000"

ROWS = [
    Environment(
        "wrong-project",
        refused("project 999 may not be used with these credentials (403"),
        servers=FRONT,
        project="999",
        leaves=5,
    ),
    Environment(
        "wrong-cluster", refused(f"cluster {STRANGER} is not known"), servers=FRONT, cluster=STRANGER, leaves=5
    ),
    Environment(
        "project-without-rights",
        refused("project {others_project} may not be used with these credentials (403"),
        servers=FRONT,
        project="{others_project}",
        leaves=5,
    ),
    Environment(
        "project-by-name", refused("project vision may not be used"), servers=FRONT, project="vision", leaves=5
    ),
    Environment(
        "cluster-by-name", mistaken("a cluster is named by its UUID"), servers=FRONT, cluster="main", leaves=0
    ),
    Environment("project-not-given", mistaken("--project"), servers=FRONT, project=None, leaves=0),
    Environment("cluster-not-given", mistaken("--cluster"), servers=FRONT, cluster=None, leaves=0),
    Environment("project-alone", mistaken("--base-url"), base_url=None, cluster=None, project="77"),
    Environment("empty-base-url", mistaken("--base-url"), base_url=None, env={"ASSAY_BASE_URL": ""}),
    Environment(
        "empty-base-url-and-variables",
        mistaken("--base-url"),
        base_url=None,
        project=None,
        cluster=None,
        env={"ASSAY_BASE_URL": "", "ASSAY_PROJECT": "{project}", "ASSAY_CLUSTER": "{cluster}"},
    ),
    Environment(
        "credentials-alone",
        mistaken("--base-url"),
        base_url=None,
        project=None,
        cluster=None,
        env={"ASSAY_BASE_URL": ""},
    ),
    Environment(
        "base-url-without-scheme", mistaken("perhaps https://runai.example.com"), base_url="runai.example.com"
    ),
    Environment("base-url-without-host", mistaken("a base URL"), base_url="//runai.example.com"),
    Environment(
        "second-identity-is-the-first",
        refused("the second identity is the first one again"),
        servers=FRONT,
        env={"ASSAY_OUTSIDER_CLIENT_ID": "{client_id}", "ASSAY_OUTSIDER_CLIENT_SECRET": "{client_secret}"},
        leaves=20,
        benchmark=passes(),
    ),
    Environment(
        "second-identity-unknown",
        refused("refused the credentials"),
        servers=FRONT,
        env={**OUTSIDER, "ASSAY_OUTSIDER_CLIENT_SECRET": "wrong"},
        leaves=20,
        benchmark=passes(),
    ),
]


def test_places(row: Environment, command: Command, run: Play) -> None:
    run(row, command)
