"""Who are we to the target: credentials, project and cluster, the second identity. Creates nothing that stays."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Final

from assay.client.delivery import MAIN, OUTSIDER
from assay.client.exchange import Answer, NoAnswer
from assay.client.identity import Credentials, read_claims
from assay.client.preflight.recognise import error_message, unknown_workload, what_answers
from assay.client.preflight.steps import Step, ok, unusable, usage, warn
from assay.client.session import Session
from assay.errors import AssayError, UsageError

# Two creations that must be refused. The first lacks the spec. A target that looks at the body before it looks at
# rights says nothing about them; the second then gets past its schema and breaks two rules: no image, min over max.
_REFUSED: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"spec": {"autoscaling": {"minReplicas": 2, "maxReplicas": 1}}},
)
_NOT_TESTED: Final = "whether others can read, change or delete our workloads is then not tested"


class Access:
    """Checks on an opened target."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.contrast: Answer | NoAnswer | None = None  # what a project that cannot exist was answered
        self.body: dict[str, Any] = _REFUSED[0]

    def check_credentials(self) -> Iterator[Step]:
        """The step ``credentials``: a token can be had, and the target takes it."""
        yield self._try_token(MAIN, "credentials", "ASSAY_")

    def check_place(self) -> Iterator[Step]:
        """The step ``project``: rights in the project, and whether the cluster is known."""
        for extra in _REFUSED:
            self.body = extra
            given = self._probe(extra)
            self.contrast = self._probe(extra, project=f"assay-{uuid.uuid4().hex[:12]}")
            if _status(given) != 400 or _status(self.contrast) != 400:
                break
        if not isinstance(given, Answer):
            yield unusable("project", f"the probe got no answer: {given.detail}", "run `assay doctor` again")
            return
        yield self._judge_place(given)

    def _judge_place(self, given: Answer) -> Step:
        session = self.session
        says = f"{given.status}: {session.mask.text(error_message(given))}"
        if given.status in {401, 403, 404}:
            return usage(
                "project",
                f"project {session.project} may not be used with these credentials ({says})",
                "check --project (its id, not its name) and --cluster, and have the application granted a role there "
                "that may create inference workloads",
            )
        if given.status < 300:
            return warn(
                "project",
                "the target took a creation without an image, which its contract refuses; it was deleted again",
                "a gate will report it",
            )
        if given.status >= 500:
            return unusable("project", f"the probe was answered {says}", "look at the control plane's own health")
        if self._cluster_unknown(given):
            return usage(
                "project", f"cluster {session.cluster} is not known ({says})", "check --cluster: it takes the UUID"
            )
        if _status(self.contrast) in {403, 404}:
            return ok(
                "project",
                f"project {session.project} may be used (probed with a creation that had to be refused: nothing was "
                "created)",
            )
        return ok(
            "project",
            f"no objection to project {session.project} (probed with a creation that had to be refused; this target "
            "looks at the body first, so only a real creation will tell)",
        )

    def _cluster_unknown(self, given: Answer) -> bool:
        """True when the refusal is about the cluster: it names it, and a cluster that cannot exist gets the same."""
        if "cluster" not in error_message(given).lower():
            return False
        stranger = str(uuid.uuid4())
        other = self._probe(self.body, cluster=stranger)
        if not isinstance(other, Answer):
            return False
        return error_message(given).replace(self.session.cluster, "") == error_message(other).replace(stranger, "")

    def check_outsider(self) -> Iterator[Step]:
        """The step ``outsider``: a second identity without rights in the project."""
        if not self.session.has_outsider:
            yield warn(
                "outsider",
                f"no second identity is set: {_NOT_TESTED}",
                "set ASSAY_OUTSIDER_CLIENT_ID and ASSAY_OUTSIDER_CLIENT_SECRET (or ASSAY_OUTSIDER_TOKEN) of an "
                "application without a role in the project",
            )
            return
        step = self._try_token(OUTSIDER, "outsider", "ASSAY_OUTSIDER_")
        if step.code == 0 and self._same_subject():
            step = usage(
                "outsider",
                f"the second identity is the first one again: {_NOT_TESTED}",
                "set ASSAY_OUTSIDER_* to another application, one without a role in the project",
            )
        elif step.code == 0:
            step = self._judge_outsider()
        yield step

    def _judge_outsider(self) -> Step:
        status = _status(self._probe(self.body, auth=OUTSIDER))
        if status == 403:
            return ok("outsider", "the second identity has no rights in the project, as it should be")
        if status == 400 and _status(self.contrast) == 403:
            return usage(
                "outsider",
                f"the second identity may create in project {self.session.project}: access checks would be misjudged",
                "take its role in the project away, or set another application",
            )
        return ok("outsider", "the second identity is accepted; its rights in the project could not be told")

    def _same_subject(self) -> bool:
        tokens = [self.session.token(auth) for auth in (MAIN, OUTSIDER)]
        subjects = [read_claims(token).subject for token in tokens]
        return tokens[0] == tokens[1] or (subjects[0] is not None and subjects[0] == subjects[1])

    def _try_token(self, auth: str, name: str, prefix: str) -> Step:
        try:
            outcome = self.session.send(unknown_workload(), auth=auth)
        except AssayError as error:
            make = usage if isinstance(error, UsageError) else unusable
            return make(name, error.message, error.hint or "run `assay doctor` again")
        if isinstance(outcome, NoAnswer):
            return unusable(
                name, f"no answer to a request with a token: {outcome.detail}", "run `assay doctor` again"
            )
        says = self.session.mask.text(error_message(outcome))
        if outcome.status == 401:
            todo = (
                f"check {prefix}TOKEN, or {prefix}CLIENT_ID and {prefix}CLIENT_SECRET: is this their control plane?"
            )
            return usage(name, f"the target refuses the token (401: {says})", todo)
        if outcome.status >= 500:
            return unusable(name, what_answers(outcome), "look at the control plane's own health")
        return ok(name, f"the token is accepted (an unknown workload is answered {outcome.status})")

    def _probe(
        self, extra: dict[str, Any], *, project: str | None = None, cluster: str | None = None, auth: str = MAIN
    ) -> Answer | NoAnswer:
        body = {
            "name": self.session.name("doctor"),
            "projectId": project or self.session.project,
            "clusterId": cluster or self.session.cluster,
            **extra,
        }
        return self.session.send(self.session.contract.creation.request(body=body), auth=auth)


def missing_credentials(credentials: Credentials) -> Step | None:
    """The failure when credentials are missing or half given, else None."""
    try:
        credentials.check()
    except UsageError as error:
        return usage("credentials", error.message, error.hint or "set them")
    return None


def _status(outcome: Answer | NoAnswer | None) -> int | None:
    return outcome.status if isinstance(outcome, Answer) else None
