"""Everything in which one control plane may differ from another: the seam of variants and defects.

The default ``Behaviour()`` is the reference. A variant or a defect is a function from one behaviour to another, so
they combine; parts are classes, so that one method can be replaced by a subclass.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from assay.contract.rules.base import Rule
from assay.reference.http import Call, Headers, Reply
from assay.reference.identity import IdentityProvider
from assay.reference.lifecycle import Lifecycle, Pace
from assay.reference.metrics import Metrics
from assay.reference.operations import Operations
from assay.reference.store import Store
from assay.reference.validation import Reshape, Validation

if TYPE_CHECKING:
    from assay.reference.plane import Plane

Before = Callable[["Plane", Call], Awaitable[Reply | None]]
"""Runs before a call is handled, and may answer in its place, wait, or raise."""

After = Callable[["Plane", Call, Reply], Reply]
"""Sees every answer on its way out, refusals included, and may change it."""

Wire = Callable[[Headers], Headers]
"""Sees the header fields of every answer as they are about to leave, and may change them."""

Change = Callable[["Behaviour"], "Behaviour"]
"""What a variant or a defect is."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the contract leaves open, and how the reference decides it.

    Statuses: ``foreign`` for another project's workload; ``duplicate`` for a name in use (None: accepted).
    ``patch``: "merge" (RFC 7396) or "section". ``nulls``: "keep" or "drop" the nulls of a sent spec.
    ``unknown``: "keep" or "drop" properties that the contract does not know. ``defaults``: echo declared defaults.
    ``delete``: "async" (a while in Deleting, Terminating), "at-once" or "kept" (readable as Deleted for good).
    ``early_metrics``: status of metrics before anything was measured. ``partial``: 207 or 200 for a range that
    begins before the first measurement. ``optional``: whether optional fields of an answer are sent.
    ``zone``: how a timestamp says UTC. ``details``: whether an error has them.
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


@dataclass(frozen=True)
class Behaviour:
    """One way for a control plane to be. ``rules`` and ``reshape`` alter what is demanded of requests.

    ``keep_alive`` is how many seconds an idle connection stays open. Generators keep theirs for longer than uvicorn's
    5 s, and would meet a reset when they use them again.
    """

    choices: Choices = field(default_factory=Choices)
    pace: Pace = field(default_factory=Pace)
    rules: tuple[Callable[[Sequence[Rule]], Sequence[Rule]], ...] = ()
    reshape: tuple[Reshape, ...] = ()
    before: tuple[Before, ...] = ()
    after: tuple[After, ...] = ()
    wire: tuple[Wire, ...] = ()
    keep_alive: int = 75
    identity: type[IdentityProvider] = IdentityProvider
    validation: type[Validation] = Validation
    store: type[Store] = Store
    lifecycle: type[Lifecycle] = Lifecycle
    metrics: type[Metrics] = Metrics
    operations: type[Operations] = Operations

    def choosing(self, **choices: Any) -> Behaviour:
        """This behaviour with some choices made otherwise."""
        return replace(self, choices=replace(self.choices, **choices))

    def then(self, after: After) -> Behaviour:
        """This behaviour with one more change to every answer."""
        return replace(self, after=(*self.after, after))

    def first(self, before: Before) -> Behaviour:
        """This behaviour with one more thing that happens before a call is handled."""
        return replace(self, before=(*self.before, before))

    def sending(self, wire: Wire) -> Behaviour:
        """This behaviour with one more change to the header fields of every answer."""
        return replace(self, wire=(*self.wire, wire))

    def mixing(self, part: str, mixin: type[Any]) -> Behaviour:
        """This behaviour with ``mixin`` laid over one of its part classes, so that several can be combined."""
        base = getattr(self, part)
        changes: dict[str, Any] = {part: type(mixin.__name__, (mixin, base), {})}
        return replace(self, **changes)

    def at_pace(self, factor: float) -> Behaviour:
        """This behaviour, every phase ``factor`` times as long."""
        return replace(self, pace=self.pace.scaled(factor))
