"""A control plane of a hundred lines, with switches for what the target layer must survive."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from tests.client.servers import Reply, Seen, error

KEY = "a key of the tests that is long enough for HS256"
PROJECT = "4501101"
CLUSTER = "71f69d83-ba66-4822-adf5-55ce55efd210"
SECRET = "canary-secret-7f3a"
OUTSIDER_SECRET = "canary-outsider-91bc"

_COLLECTION = "/api/v1/workloads/inferences"


def token(subject: str = "researcher", life: float = 3600, **claims: Any) -> str:
    now = time.time()
    return jwt.encode({"sub": subject, "iat": now, "exp": now + life, "n": next(_NUMBER), **claims}, KEY)


_NUMBER = itertools.count()


@dataclass
class Plane:
    """Callable as a server's script. Switches name what goes wrong."""

    spelling: tuple[str, str] = ("clientID", "clientSecret")
    token_key: str = "accessToken"
    life: float = 3600
    lists: bool = True
    pods: bool = True
    lose_create: bool = False  # store it, then hang up
    forget_delete: bool = False  # answer 202 and keep it
    refuse_but_store: bool = False
    delete_status: int | None = None
    project_first: bool = True  # rights before body
    create_anything: bool = False
    terse: bool = False  # names no id in errors
    phase: str | None = "Running"
    claims: dict[str, Any] = field(default_factory=dict)
    workloads: dict[str, dict[str, Any]] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)
    most_live: int = 0

    def __post_init__(self) -> None:
        self.lock = threading.Lock()

    def __call__(self, seen: Seen) -> Reply:
        path = urlsplit(seen.path).path
        if path == "/api/v1/token":
            return self.grant(seen)
        caller = self.caller(seen)
        if caller is None:
            return error(401, "Issuer is not familiar.")
        with self.lock:
            return self.route(seen, path, caller)

    def route(self, seen: Seen, path: str, caller: str) -> Reply:
        if path == _COLLECTION and seen.method == "POST":
            return self.create(seen, caller)
        if path == "/api/v1/workloads" and self.lists:
            return self.list(seen)
        if path.endswith("/pods") and self.pods and not path.startswith(_COLLECTION):
            return self.list_pods(path.split("/")[-2])
        if path.startswith(_COLLECTION + "/"):
            return self.one(seen, path.split("/")[5])
        return error(404, f"nothing at {path}")

    def grant(self, seen: Seen) -> Reply:
        id_key, secret_key = self.spelling
        body = seen.json
        known = {"researcher": SECRET, "outsider": OUTSIDER_SECRET}
        if known.get(body.get(id_key, "")) != body.get(secret_key, ""):
            return error(400, f"bad credentials {body.get(secret_key)}")
        granted = token(body[id_key], self.life, **self.claims)
        self.fresh.add(granted)
        return Reply(200, {self.token_key: granted})

    def caller(self, seen: Seen) -> str | None:
        bearer = seen.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer in self.revoked:
            return None
        try:
            return str(jwt.decode(bearer, KEY, algorithms=["HS256"], options={"verify_iat": False})["sub"])
        except jwt.InvalidTokenError:
            return None

    def create(self, seen: Seen, caller: str) -> Reply:
        body = seen.json
        allowed = caller == "researcher" and body["projectId"] == PROJECT
        if self.project_first and not allowed:
            return error(403, "You do not have sufficient permissions.")
        image = (body.get("spec") or {}).get("image")
        if not image and not self.create_anything:
            if self.refuse_but_store:
                self.store(body)
            return error(400, "Required parameter is missing")
        if not allowed:
            return error(403, "You do not have sufficient permissions.")
        if body["clusterId"] != CLUSTER:
            return error(400, "no such cluster" if self.terse else f"cluster {body['clusterId']} is not known")
        if self.refuse_but_store:
            self.store(body)
            return error(400, "refused, or so it says")
        workload = self.store(body)
        return Reply(hang_up=True) if self.lose_create else Reply(202, workload)

    def store(self, body: dict[str, Any]) -> dict[str, Any]:
        name = body["name"] + ("-x7k2p" if body.get("useGivenNameAsPrefix") else "")
        workload = {"workloadId": str(uuid.uuid4()), "name": name, "requestedName": body["name"], "deletedAt": None}
        workload |= {"actualPhase": self.phase} if self.phase else {}
        self.workloads[workload["workloadId"]] = workload
        self.most_live = max(self.most_live, len(self.workloads))
        return workload

    def list(self, seen: Seen) -> Reply:
        condition = parse_qs(urlsplit(seen.path).query)["filterBy"][0]
        _, operator, name = condition.partition("==") if "==" in condition else condition.partition("=^")
        chosen = [
            {"id": one["workloadId"], "name": one["name"]}
            for one in self.workloads.values()
            if (one["name"] == name if operator == "==" else one["name"].startswith(name))
        ]
        return Reply(200, {"workloads": chosen})

    def list_pods(self, workload_id: str) -> Reply:
        return Reply(200, {"pods": []}) if workload_id in self.workloads else error(404, "no such workload")

    def one(self, seen: Seen, workload_id: str) -> Reply:
        if workload_id not in self.workloads:
            return error(404, "Resource id not found.")
        if seen.method == "DELETE":
            if self.delete_status is not None:
                return error(self.delete_status, "not today")
            if not self.forget_delete:
                del self.workloads[workload_id]
            return Reply(202, {"code": 202, "message": "accepted"})
        return Reply(200, self.workloads[workload_id])
