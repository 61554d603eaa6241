"""Who are we to the target: credentials, project and cluster, the second identity."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from assay.client.creation import created_id
from assay.client.delivery import MAIN, OUTSIDER
from assay.client.exchange import Answer, NoAnswer, error_message
from assay.client.gateway import gateway_of, is_of_the_way
from assay.client.identities import credentials_of
from assay.client.network import TransportConfig
from assay.client.preflight.gpus import check_gpus
from assay.client.preflight.recognise import is_full, is_html, unknown_workload, what_answers
from assay.client.preflight.steps import Step, ok, unusable, usage, warn
from assay.client.preflight.stranger import in_place_of_the_api
from assay.client.session import Session
from assay.client.tokens import read_claims
from assay.contract.operations import Kind
from assay.contract.request import Json
from assay.errors import EXIT_USAGE, AssayError, UsageError

_IMAGE: Final = "registry.example/echo:1.0"  # as in the contract part; nothing needs to run
_PLACES: Final = re.compile(r"\b(cluster|project)", re.IGNORECASE)
_AGAIN: Final = "run `assay doctor` again"
_NOT_PERMITTED: Final = frozenset({401, 403, 404})
_REPORTED: Final = "a run will report it"
_HEALTH: Final = "look at the control plane's own health"
_NOT_TESTED: Final = "whether others can read, change or delete our workloads is then not tested"
_PERMIT: Final = (
    "check --project (its id, not its name) and --cluster, and have the application granted a role there that may "
    "create and delete inference workloads"
)


class Access:
    """Checks on an opened target. ``dry``: creates nothing, and probes rights with a creation that lacks its spec."""

    def __init__(self, session: Session, *, dry: bool = False) -> None:
        self.session = session
        self._dry = dry
        self.workload: str | None = None  # id of the plain workload, until ``check_deletion``

    def check_credentials(self) -> Iterator[Step]:
        """The step ``credentials``: a token can be had, and the target takes it."""
        yield self._try_token(MAIN, "credentials", "ASSAY_")

    def check_identities(self) -> Iterator[Step]:
        """The step ``outsider`` when it can be told without a request that it is nobody else."""
        main, outsider = credentials_of(self.session.settings)
        ways = ("token", "client_id", "token_file", "token_command")
        pairs = ((getattr(main, way), getattr(outsider, way)) for way in ways)
        if any(one is not None and one == other for one, other in pairs):
            yield same_identity()

    def check_place(self) -> Iterator[Step]:
        """The step ``project``: one plain workload can be created in the project, on the cluster."""
        outcome = self._create(self._spec())
        if is_of_the_way(outcome):  # one lost answer is not yet the target's doing
            outcome = self._create(self._spec())
        self.workload = created_id(outcome)
        yield self._judge_place(outcome)

    def check_own(self, workload: str) -> Iterator[Step]:
        """The step ``project`` when ``workload``, which a run left behind, may only be hidden from these credentials.

        A target may answer 404 to whoever has no rights: a clean-up would take for gone what stands.
        """
        contract = self.session.contract
        if _is_success(self.session.send(contract.reading.request({contract.main_resource: workload}))):
            return
        outcome = self._create({})
        if not isinstance(outcome, Answer) or is_full(outcome) or gateway_of(outcome) is not None:
            return
        if outcome.status in _NOT_PERMITTED and self._cluster_first(outcome) is None:
            yield self._not_permitted(outcome)

    def check_rights(self) -> Iterator[Step]:
        """The step ``rights``: what was created may be read and changed. Only a 403 matters: a run judges."""
        if self.workload is None:
            return
        contract, ids = self.session.contract, {self.session.contract.main_resource: self.workload}
        asked = [("read", contract.reading.request(ids))]
        asked += [("change", each.request(ids, body=self._spec())) for each in contract.of_kind(Kind.UPDATE)]
        answers = [(what, self.session.send(request)) for what, request in asked]
        refused = [(what, answer) for what, answer in answers if isinstance(answer, Answer) and answer.status == 403]
        if refused:
            named = " or ".join(what for what, _ in refused)
            if stranger := self._stranger("rights", refused[0][1]):
                yield stranger
                return
            text = f"these credentials may create workloads in project {self.session.project}, but not {named} them"
            yield usage("rights", f"{text} ({self._says(refused[0][1])})", _PERMIT)
        else:
            yield ok("rights", "the plain workload may be read and changed")

    def check_gpus(self) -> Iterator[Step]:
        """The step ``gpus``, where a plain workload can be created and the budget lets a run ask for a GPU."""
        if self.workload is not None:
            yield from check_gpus(self.session, self._image)

    def check_deletion(self) -> Iterator[Step]:
        """The step ``deletion``: what was created can be removed again. Whether it is gone is for the clean-up."""
        if self.workload is None:
            return
        contract = self.session.contract
        outcome = self.session.send(contract.deletion.request({contract.main_resource: self.workload}))
        if not isinstance(outcome, Answer):
            yield warn("deletion", f"the deletion of the plain workload got no answer: {outcome.detail}")
        elif outcome.status in {401, 403}:
            text = f"a workload in project {self.session.project} may be created with these credentials, not deleted"
            refused = usage("deletion", f"{text} ({self._says(outcome)})", _PERMIT)
            yield self._stranger("deletion", outcome) or refused
        elif outcome.status >= 300:
            yield warn("deletion", f"the plain workload was not deleted at once ({self._says(outcome)})")
        else:
            yield ok("deletion", "the plain workload was deleted again")

    def _judge_place(self, outcome: Answer | NoAnswer) -> Step:
        session = self.session
        if not isinstance(outcome, Answer):
            return warn("project", f"the creation of a plain workload got no answer: {outcome.detail}", _REPORTED)
        stranger = self._stranger("project", outcome)
        if stranger is not None and (self._dry or outcome.status < 500):
            return stranger
        says = self._says(outcome)
        if outcome.status < 300:
            if self.workload is None:
                return warn("project", f"a plain creation was answered {outcome.status} without the workload's id")
            if self._dry:
                text = "the target took a creation without a spec, which its contract refuses; it is deleted again"
                return warn("project", text, _REPORTED)
            return ok("project", f"project {session.project} may be used: a plain workload was created there")
        if is_full(outcome):
            text = f"project {session.project} is full: a plain workload without a GPU was refused ({says})"
            return unusable("project", text, "wait until workloads there have ended, or have its quota raised")
        if outcome.status in _NOT_PERMITTED:
            return self._not_permitted(outcome)
        if outcome.status < 500:
            return self._judge_refusal(outcome, says)
        if self._dry:
            return unusable("project", f"the probe was answered {says}", _HEALTH)
        return warn("project", f"the creation of a plain workload was answered {says}", _REPORTED)

    def _not_permitted(self, refusal: Answer) -> Step:
        text = f"project {self.session.project} may not be used with these credentials ({self._says(refusal)})"
        return usage("project", self._cluster_first(refusal) or text, _PERMIT)

    def _judge_refusal(self, refusal: Answer, says: str) -> Step:
        """A plain creation was refused, and not for want of rights: is it about the place?"""
        session = self.session
        named = _PLACES.search(error_message(refusal))
        if named is not None:
            what = named[1].lower()
            given = getattr(session, what)
            if given in error_message(refusal) or self._same_for_a_stranger(refusal, what, given):
                flag = "--cluster: it takes the UUID" if what == "cluster" else "--project: it takes the id"
                return usage("project", f"{what} {given} is not known there ({says})", f"check {flag}")
        if self._dry:
            text = f"no objection to project {session.project} (probed with a creation that had to be refused)"
            return ok("project", f"{text}; only a real creation will tell")
        return warn(
            "project",
            f"the target refuses a plain workload ({says})",
            f"if a policy demands another image, set `image` in assay.toml; else {_REPORTED}",
        )

    def _same_for_a_stranger(self, refusal: Answer, what: str, given: str) -> bool:
        """Whether a project or cluster that cannot exist is refused in the same words: then ours is not known."""
        stranger = str(uuid.uuid4())
        other = self._create(self._spec(), **{what: stranger})
        if not isinstance(other, Answer) or other.status != refusal.status:
            return False
        return self._words(refusal, given) == self._words(other, stranger)

    def _words(self, answer: Answer, place: str) -> str:
        """What a refusal says, without what differs from request to request."""
        return re.sub(rf"{re.escape(self.session.mark)}[\w-]*", "", error_message(answer).replace(place, ""))

    def _cluster_first(self, refusal: Answer) -> str | None:
        """The sentence about the cluster, when a 403 or 404 speaks of it by its id or names it alone."""
        message = error_message(refusal)
        about_cluster = "cluster" in message.lower() and "project" not in message.lower()
        if not about_cluster and (not self.session.cluster or self.session.cluster not in message):
            return None
        return f"cluster {self.session.cluster} is not known there ({self._says(refusal)})"

    # --- the second identity --------------------------------------------------------------------------------

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
            step = same_identity()
        elif step.code == 0:
            step = self._judge_outsider()
        yield step

    def _judge_outsider(self) -> Step:
        """A target may give rights that it should not, which a run will find: who may do all has a role there."""
        status = _status(self._create({}, auth=OUTSIDER))
        if status == 403:
            return ok("outsider", "the second identity has no rights in the project, as it should be")
        if status == 400 and self._reads() and _status(self._create({}, project=_nowhere(), auth=OUTSIDER)) != 400:
            return usage(
                "outsider",
                f"the second identity may create in project {self.session.project}, and read there: access checks "
                "would be misjudged",
                "take its role in the project away, or set another application",
            )
        return ok("outsider", "the second identity is accepted; its rights in the project could not be told")

    def _reads(self) -> bool:
        if self.workload is None:
            return False
        contract = self.session.contract
        request = contract.reading.request({contract.main_resource: self.workload})
        return _status(self.session.send(request, auth=OUTSIDER)) == 200

    def _same_subject(self) -> bool:
        tokens = [self.session.token(auth) for auth in (MAIN, OUTSIDER)]
        subjects = [read_claims(token).subject for token in tokens]
        return tokens[0] == tokens[1] or (subjects[0] is not None and subjects[0] == subjects[1])

    # --- requests -------------------------------------------------------------------------------------------

    def _try_token(self, auth: str, name: str, prefix: str) -> Step:
        try:
            outcome = self.session.send(unknown_workload(self.session.contract), auth=auth)
            if _is_no_help(outcome):
                # One operation may be broken, which is for a run to report.
                other = self.session.send(unknown_workload(self.session.contract, "metrics"), auth=auth)
                outcome = outcome if _is_no_help(other) else other
        except AssayError as error:
            make = usage if isinstance(error, UsageError) else unusable
            return make(name, error.message, error.hint or _AGAIN)
        if isinstance(outcome, NoAnswer):
            return unusable(name, f"no answer to a request with a token: {outcome.detail}", _AGAIN)
        if outcome.status == 401 and not is_html(outcome):
            todo = (
                f"check {prefix}TOKEN, or {prefix}CLIENT_ID and {prefix}CLIENT_SECRET: is this their control plane?"
            )
            says = self.session.mask.text(error_message(outcome))
            return usage(name, f"the target refuses the token (401: {says})", todo)
        stranger = self._stranger(name, outcome)
        if outcome.status >= 500 and not self._lists(auth):
            return stranger or unusable(name, what_answers(outcome), _HEALTH)
        if stranger is not None and stranger.code == EXIT_USAGE and not self._lists(auth):
            return stranger
        told = self.session.describe_token(auth)
        return ok(name, f"{told} is accepted (an unknown workload is answered {outcome.status})")

    def _lists(self, auth: str) -> bool:
        return self.session.find_by_name(self.session.name("preflight"), auth=auth) is not None

    def _spec(self) -> dict[str, Json]:
        return {} if self._dry else {"spec": {"image": self._image}}

    @property
    def _image(self) -> str:
        return self.session.settings.image or _IMAGE

    def _create(
        self,
        extra: Mapping[str, Json],
        *,
        project: str | None = None,
        cluster: str | None = None,
        auth: str = MAIN,
    ) -> Answer | NoAnswer:
        body = {
            "name": self.session.name("preflight"),
            "projectId": project or self.session.project,
            "clusterId": cluster or self.session.cluster or str(uuid.uuid4()),
            **extra,
        }
        return self.session.send(self.session.contract.creation.request(body=body), auth=auth)

    def _says(self, answer: Answer) -> str:
        maker = gateway_of(answer)
        by = f" by {maker}, not by the API" if maker else ""
        return f"{answer.status}{by}: {self.session.mask.text(error_message(answer))}"

    def _stranger(self, name: str, answer: Answer) -> Step | None:
        step = in_place_of_the_api(name, answer, TransportConfig.of(self.session.settings))
        return step and replace(step, text=self.session.mask.text(step.text))


def same_identity() -> Step:
    """The failure when the second identity is the first one."""
    return usage(
        "outsider",
        f"the second identity is the first one again: {_NOT_TESTED}",
        "set ASSAY_OUTSIDER_* to another application, one without a role in the project",
    )


def _is_success(outcome: Answer | NoAnswer) -> bool:
    return isinstance(outcome, Answer) and 200 <= outcome.status < 300


def _nowhere() -> str:
    return f"assay-{uuid.uuid4().hex[:12]}"


def _is_no_help(outcome: Answer | NoAnswer) -> bool:
    return isinstance(outcome, NoAnswer) or outcome.status >= 500


def _status(outcome: Answer | NoAnswer | None) -> int | None:
    return outcome.status if isinstance(outcome, Answer) else None
