"""One control plane: its parts, what it chose where the contract leaves a choice, and the steps operations share."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from inspect import iscoroutinefunction
from typing import Final

from assay.contract.documents import Contract, Operation
from assay.contract.operations import Kind
from assay.contract.request import Json
from assay.contract.rules.base import prune
from assay.contract.schema import Node
from assay.reference import patching, tenant
from assay.reference.http import JSON, Headers, IncomingRequest, Refusal, Reply, encode
from assay.reference.identity import IdentityProvider
from assay.reference.lifecycle import Lifecycle
from assay.reference.metrics import Metrics
from assay.reference.store import Store, StoredWorkload
from assay.reference.tenant import Caller
from assay.reference.times import SECOND, Now, Sleep, microseconds, text
from assay.reference.validation import Validation

Before = Callable[["Plane", IncomingRequest], Awaitable[Reply | None]]
"""Runs before a call is handled, and may answer in its place, wait, or raise."""

Proceed = Callable[[IncomingRequest], Reply]
"""The usual way to answer a call of one operation."""

Around = Callable[["Plane", IncomingRequest, Proceed], Reply | Awaitable[Reply]]
"""Answers the calls of one operation: may look, change or wait before and after the usual way, or go another."""

After = Callable[["Plane", IncomingRequest, Reply], Reply]
"""Sees every reply on its way out, refusals included, and may change it."""

Wire = Callable[[Headers], Headers]
"""Sees the header fields of every reply as they are about to leave, and may change them."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the contract leaves open, and how the reference decides it.

    Statuses: ``foreign`` for another project's workload; ``duplicate`` for a name in use (None: accepted).
    ``patch``: "merge" (RFC 7396) or "section". ``nulls``: "keep" or "drop" the nulls of a sent spec.
    ``unknown``: "keep" or "drop" properties that the contract does not know. ``defaults``: echo declared defaults.
    ``delete``: "async" (a while in Deleting, Terminating), "at-once" or "kept" (readable as Deleted for good).
    ``early_metrics``: status of metrics before anything was measured. ``partial``: 207 or 200 for a range that
    begins before the first measurement. ``optional``: whether optional fields of an answer are sent.
    ``zone``: how a timestamp says UTC. ``details``: whether an error has them. ``keep_alive``: seconds that an idle
    connection stays open; generators keep theirs for longer than uvicorn's 5 s, and would meet a reset when they use
    them again. ``tokens``: the versions of the token endpoint; control planes from 2.24 on have both.
    """

    foreign: int = 403
    duplicate: int | None = 400
    patch: str = "merge"
    nulls: str = "keep"
    unknown: str = "keep"
    defaults: bool = False
    delete: str = "async"
    early_metrics: int = 207
    partial: int = 207
    optional: bool = True
    zone: str = "Z"
    details: bool = True
    keep_alive: int = 75
    tokens: tuple[str, ...] = ("v1", "v2")


@dataclass(frozen=True, slots=True)
class Hooks:
    """What happens to calls and replies beside their operations. ``around`` holds (operation, what is done)."""

    before: tuple[Before, ...] = ()
    around: tuple[tuple[str, Around], ...] = ()
    after: tuple[After, ...] = ()
    wire: tuple[Wire, ...] = ()

    @property
    def wait(self) -> bool:
        """Whether a call may be suspended before it is answered. Operations themselves never wait."""
        return bool(self.before) or any(iscoroutinefunction(around) for _, around in self.around)


_SUFFIX: Final = "bcdfghjklmnpqrstvwxz2456789"  # as Kubernetes' generateName: no vowels, so no words
_SUFFIX_LENGTH: Final = 6
_FOR_GOOD: Final = 100 * 365 * 24 * 3600 * SECOND


@dataclass(eq=False)
class Plane:
    """The parts of a running control plane. Built by a ``Behaviour``; a subclass may replace any of the steps."""

    contract: Contract
    clock: Now
    sleep: Sleep
    choices: Choices
    hooks: Hooks
    validation: Validation
    identity: IdentityProvider
    store: Store
    lifecycle: Lifecycle
    metrics: Metrics
    random: random.Random = field(repr=False)

    def now(self) -> int:
        """The present moment in microseconds since 1970."""
        return microseconds(self.clock)

    @cached_property
    def spec_schema(self) -> Node:
        """The schema tree of a creation's spec, as it is enforced."""
        return self.validation.body_node(self.contract.creation.name).properties["spec"]

    @cached_property
    def answers_with_workload(self) -> frozenset[str]:
        """The names of the operations that are answered with a workload, as the creation is."""
        schema = _success_schema(self.contract.creation)
        return frozenset(name for name, item in self.contract.operations.items() if _success_schema(item) == schema)

    def measures(self, call: IncomingRequest) -> bool:
        """Whether a call asks for measurements."""
        operation = self.contract.operations.get(call.operation or "")
        return operation is not None and operation.kind is Kind.MEASURE

    # What a call names

    def permitted_project(self, caller: Caller, project_id: str) -> tenant.Project:
        """The project, if the caller may work in it; 403 also for one that does not exist, to reveal nothing."""
        project = tenant.PROJECTS.get(project_id)
        if project is None or not self.identity.may(caller, project_id):
            raise Refusal(403, f"no permission in project '{project_id[:60]}'")
        return project

    def permitted_workload(
        self,
        operation: Operation,  # noqa: ARG002 - there are control planes in which it matters what is wanted of it
        workload_id: str,
        caller: Caller,
    ) -> StoredWorkload:
        """The workload that an operation's path names, if it exists and the caller has rights in its project."""
        workload = self.store.find(workload_id.lower(), self.now())
        if workload is None:
            raise Refusal(404, f"there is no workload {workload_id[:60]}")
        if not self.identity.may(caller, workload.project.id):
            what = "no permission for" if self.choices.foreign == 403 else "there is no"
            raise Refusal(self.choices.foreign, f"{what} workload {workload.id}")
        return workload

    # What is stored of what was sent

    def new_id(self) -> str:
        """A random UUID; repeatable with a seed."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def final_name(self, body: Json) -> str:
        """The name as sent, or with random characters behind it when it was sent as a prefix."""
        name = str(body["name"])
        if not body.get("useGivenNameAsPrefix"):
            return name
        return name + "-" + "".join(self.random.choices(_SUFFIX, k=_SUFFIX_LENGTH))

    def stored_spec(self, spec: Json) -> Json:
        """What is kept of a sent spec."""
        if self.choices.unknown == "drop":
            spec = patching.known(spec, self.spec_schema)
        if self.choices.nulls == "drop":
            spec = prune(spec)
        return patching.with_defaults(spec, self.spec_schema) if self.choices.defaults else spec

    def patched(self, before: Json, patch: dict[str, Json]) -> Json:
        """The spec that results from a patch; None stays None when nothing is named."""
        if not patch:
            return before
        how = patching.merged if self.choices.patch == "merge" else patching.overwritten
        return how(before, patch)

    def gone_from(self, now: int) -> int:
        """When a workload deleted now answers 404."""
        how = self.choices.delete
        if how == "kept":
            return now + _FOR_GOOD
        return now if how == "at-once" else self.lifecycle.gone_from(now)

    # What a reply says of a workload

    def describe(self, status: int, workload: StoredWorkload, now: int) -> Reply:
        """The workload as Inference1; ready-made bytes unless somebody wants to change the answer."""
        if self.hooks.after:
            return Reply(status, self.document(workload, now))
        state = (self.lifecycle.phase(workload, now), workload.deleted, workload.updated)
        if workload.rendered is None or workload.rendered[0] != state:
            workload.rendered = (
                state,
                encode(self.metadata(workload, now))[:-1] + b',"spec":' + workload.spec + b"}",
            )
        return Reply(status, workload.rendered[1], JSON)

    def document(self, workload: StoredWorkload, now: int) -> dict[str, Json]:
        """Inference1 as a JSON value."""
        return {**self.metadata(workload, now), "spec": json.loads(workload.spec)}

    def metadata(self, workload: StoredWorkload, now: int) -> dict[str, Json]:
        """Everything of Inference1 but the spec."""
        zone = self.choices.zone
        described: dict[str, Json] = {
            "name": workload.name,
            "requestedName": workload.requested_name,
            "workloadId": workload.id,
            "projectId": workload.project.id,
            "clusterId": workload.cluster_id,
            "createdBy": workload.created_by,
            "createdAt": text(workload.created, zone=zone),
            "desiredPhase": self.lifecycle.desired_phase(workload),
        }
        if self.choices.optional:
            described["departmentId"] = workload.project.department_id
            described["deletedAt"] = None if workload.deleted is None else text(workload.deleted, zone=zone)
            described["actualPhase"] = self.lifecycle.phase(workload, now)
        elif workload.deleted is not None:
            described["deletedAt"] = text(workload.deleted, zone=zone)
        return described


def success(operation: Operation) -> int:
    """The status of an operation's ordinary success: the lowest that it documents."""
    return min(operation.responses)


def _success_schema(operation: Operation) -> object:
    return operation.responses[success(operation)].content.get("application/json")
