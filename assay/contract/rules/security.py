"""User and group ids, seccomp."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from assay.contract.request import Json
from assay.contract.rules.base import (
    CREATE,
    Broken,
    Case,
    Contradiction,
    Judgement,
    Quote,
    Rule,
    Spec,
    Strength,
    Unclear,
    number,
    said,
    section,
    states,
    text,
)

_OVERRIDABLE: Final = "CommonSecurityOverridable/properties"
_ONLY: Final = (
    "Use only when the source uid/gid of the environment asset is not `fromTheImage`, and "
    "`overrideUidGidInWorkspace` is enabled."
)
_FROM_IMAGE: Final = "fromTheImage"
_TOKEN_SPELLINGS: Final = ("idpToken", "fromIdpToken")
_GROUPS: Final = re.compile(r"[0-9]+(,[0-9]+)*", re.ASCII)


def _secure(**fields: Any) -> dict[str, Any]:
    return {"security": fields}


def _with_image_ids(field: str, doubt: Callable[[Json], str | None]) -> Callable[[Spec], Iterator[Judgement]]:
    def judge(spec: Spec) -> Iterator[Judgement]:
        security = section(spec, "security")
        value = security.get(field)
        if value is None:
            return
        why = doubt(value)
        if why is not None:
            yield Unclear(f"/security/{field}", why)
        elif security.get("uidGidSource", _FROM_IMAGE) == _FROM_IMAGE:
            yield Broken(f"/security/{field}")

    return judge


def _doubtful_id(value: Json) -> str | None:
    amount = number(value)
    return "whether an id may be negative is not said" if amount is not None and amount < 0 else None


def _doubtful_groups(value: Json) -> str | None:
    groups = text(value)
    if groups == "":
        return "reverting the groups of the image may be lawful whatever the source is"
    if groups is not None and not _GROUPS.fullmatch(groups):
        return "what a group is (a number, a name, with blanks) is not said"
    return None


def _root(spec: Spec) -> Iterator[Judgement]:
    security = section(spec, "security")
    if security.get("runAsNonRoot") is True and number(security.get("runAsUid")) == 0:
        yield Unclear("/security/runAsUid", "the root user beside runAsNonRoot")


def _ids_rule(
    slug: str,
    field: str,
    value: Json,
    doubt: Callable[[Json], str | None],
    *more: Case,
    quotes: tuple[Quote, ...] = (),
) -> Rule:
    return Rule(
        id=f"security/{slug}-only-with-own-ids",
        quotes=(
            said(f"{_OVERRIDABLE}/{field}", _ONLY),
            said(
                "UidGidSource",
                "The options are a. `fromTheImage` - user and group ids are determined by the docker image that the "
                "container runs. this is the default option.",
            ),
            *quotes,
        ),
        judge=_with_image_ids(field, doubt),
        accepts=(
            Case("custom", _secure(uidGidSource="custom", **{field: value})),
            Case("null with the image's ids", _secure(uidGidSource=_FROM_IMAGE, **{field: None})),
            Case("absent with the image's ids", _secure(uidGidSource=_FROM_IMAGE)),
            *more,
        ),
        rejects=(
            Case("fromTheImage", _secure(uidGidSource=_FROM_IMAGE, **{field: value})),
            Case("fromTheImage by default", _secure(**{field: value})),
            Case("source null is the default", _secure(uidGidSource=None, **{field: value})),
        ),
        applies=CREATE,
        strength=Strength.SHOULD,
        needs="security",
    )


def _token_source(spec: Spec) -> Iterator[Unclear]:
    if section(spec, "security").get("uidGidSource") in _TOKEN_SPELLINGS:
        yield Unclear("/security/uidGidSource", "the prose and the list of values spell this source differently")


def _localhost(spec: Spec) -> Iterator[Unclear]:
    if section(spec, "security").get("seccompProfileType") == "Localhost":
        yield Unclear("/security/seccompProfileType", "listed as a value, and called not yet supported")


RULES: Final = (
    _ids_rule("run-as-uid", "runAsUid", 1000, _doubtful_id),
    _ids_rule("run-as-gid", "runAsGid", 1000, _doubtful_id),
    _ids_rule(
        "supplemental-groups",
        "supplementalGroups",
        "1000,2000",
        _doubtful_groups,
        Case("one group", _secure(uidGidSource="custom", supplementalGroups="1000")),
        quotes=(
            said(
                f"{_OVERRIDABLE}/supplementalGroups",
                "Comma separated list of groups that the user running the container belongs to, in addition to the "
                "group indicated by runAsGid.",
            ),
            said(
                f"{_OVERRIDABLE}/supplementalGroups",
                "Using an empty string implies reverting the supplementary groups of the image.",
            ),
        ),
    ),
    Rule(
        id="security/custom-ids",
        quotes=(
            said(
                "UidGidSource",
                "`custom` - user and group ids can be specified in the environment asset and/or the workload "
                "creation request.",
            ),
        ),
        judge=_root,
        accepts=(
            Case("both ids", _secure(uidGidSource="custom", runAsUid=1000, runAsGid=1000)),
            Case("no ids", _secure(uidGidSource="custom")),
            Case("as non-root", _secure(uidGidSource="custom", runAsUid=1000, runAsNonRoot=True)),
        ),
        rejects=(),
        applies=CREATE,
        needs="security",
    ),
)

CONTRADICTIONS: Final = (
    Contradiction(
        id="security/idp-token-spelling",
        quotes=(
            said(
                "UidGidSource",
                "`idpToken` - user and group ids are determined according to the identity provider (idp) access "
                "token.",
            ),
            states("UidGidSource/enum/1", "fromIdpToken"),
        ),
        summary="the source of ids is `idpToken` in the prose and `fromIdpToken` in the list of values",
        judge=_token_source,
        opens=tuple(Case(name, _secure(uidGidSource=name)) for name in _TOKEN_SPELLINGS),
        applies=CREATE,
    ),
    Contradiction(
        id="security/seccomp-localhost",
        quotes=(
            said("SeccompProfileType", "c. `Localhost` is not yet supported by Run:ai."),
            states("SeccompProfileType/enum/2", "Localhost"),
        ),
        summary="seccompProfileType lists Localhost, which the prose calls not yet supported",
        judge=_localhost,
        opens=(Case("Localhost", _secure(seccompProfileType="Localhost")),),
        applies=CREATE,
    ),
)
