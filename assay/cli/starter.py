"""The files that `assay init` writes: a commented assay.toml and a job for a CI system."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assay.client.headers import variable_of
from assay.client.preflight.places import ListedPlace
from assay.client.proxies import has_password
from assay.client.settings import Settings

# What `docs/ci.md` explains; `make setup` is that of a clone.
_GITHUB: Final = """\
# Written by `assay init`. Secrets of the repository: RUNAI_CLIENT_ID and RUNAI_CLIENT_SECRET.
# In a repository that is no clone of assay, replace `make setup` by the installation of its wheel.
name: assay
on: [workflow_dispatch, pull_request]
jobs:
  assay:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: make setup
      - run: .venv/bin/assay gate --config {config} --out assay-report
        env:
          ASSAY_CLIENT_ID: ${{{{ secrets.RUNAI_CLIENT_ID }}}}
          ASSAY_CLIENT_SECRET: ${{{{ secrets.RUNAI_CLIENT_SECRET }}}}
      - if: always()
        run: cat assay-report/summary.md >> "$GITHUB_STEP_SUMMARY"
      - if: always()
        uses: actions/upload-artifact@v4
        with: {{ name: assay-report, path: assay-report }}
"""
_GITLAB: Final = """\
# Written by `assay init`. Masked variables of the project: ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET.
# In a project that is no clone of assay, replace `make setup` by the installation of its wheel.
assay:
  image: python:3.12
  script:
    - make setup
    - .venv/bin/assay gate --config {config} --out assay-report
  artifacts:
    when: always
    paths: [assay-report]
    reports: {{ junit: assay-report/junit.xml }}
  retry: {{ max: 1, exit_codes: [3] }}
"""
CI: Final = {
    "github": (Path(".github") / "workflows" / "assay.yml", _GITHUB),
    "gitlab": (Path(".gitlab-ci.yml"), _GITLAB),
}
"""By the name of the system: where its file lies, and what it holds."""

_TOML: Final = """\
# Settings of assay for this target, written by `assay init`. ASSAY_* variables win over this file, flags over both.
# Credentials never stand here. Set ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET (or ASSAY_TOKEN) in the environment, or
# let ASSAY_CLIENT_SECRET_FILE name a file that holds the secret.

base_url = {base_url}
project = {project}{project_name}
cluster = {cluster}{cluster_name}
{way}
# What a run may use there; all of it is removed at the end.
max_live = {live}  # small workloads at a time
max_rps = {rps}  # requests a second; {pace}
max_gpu_devices = {gpus}  # {quota}
# max_seconds = 1800  # the longest run

# image = "registry.example.com/echo:1.0"  # an image that the load part may start; without it none needs to exist
"""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What `assay init` found and proposes. ``latency`` is the median of a few answers, in seconds.

    ``way`` are the lines that say how the target is reached.
    """

    base_url: str
    project: ListedPlace
    cluster: ListedPlace
    latency: float
    way: str = ""
    live: int = 10

    @property
    def rps(self) -> int:
        """What a run can use: eight requests in flight on a quick target, else what the load profiles ask for."""
        return 200 if self.latency <= 8 / 200 else 100

    def toml(self) -> str:
        """The text of assay.toml. No GPU is asked for until the user allows it."""
        quota = self.project.gpus
        allow = "1 or more lets assay test which GPU requests are accepted"
        return _TOML.format(
            base_url=json.dumps(self.base_url),
            project=json.dumps(self.project.id),
            project_name=_comment(self.project.name),
            cluster=json.dumps(self.cluster.id),
            cluster_name=_comment(self.cluster.name),
            way=self.way,
            live=self.live,
            rps=self.rps,
            pace=f"answers took {1000 * self.latency:.0f} ms when this was written",
            gpus=0,
            quota=f"the project's quota is {quota:g} devices; {allow}" if quota is not None else allow,
        )


def way_of(settings: Settings) -> str:
    """The lines of assay.toml that say how the target is reached; nothing secret is among them."""
    lines = [
        f"{name} = {json.dumps(str(file.resolve()))}"
        for name in ("ca_file", "client_cert", "client_key")
        if (file := getattr(settings, name)) is not None
    ]
    if settings.insecure:
        lines.append("insecure = true  # certificates are not checked")
    url = settings.proxy.get_secret_value() if settings.proxy is not None else None
    if url is not None:
        secret = has_password(url)
        lines.append(
            "# proxy: set ASSAY_PROXY, for its URL holds a password" if secret else f"proxy = {json.dumps(url)}"
        )
    if settings.token_url is not None:
        lines.append(f"token_url = {json.dumps(settings.token_url)}")
    lines += [f"# header {name}: set {variable_of(name)}" for name in settings.headers]
    return "".join(f"{line}\n" for line in lines)


def _comment(text: str) -> str:
    return f"  # {''.join(character for character in text if character.isprintable())}" if text else ""
