"""Everything in which one control plane may differ from another: the seam of variants and defects.

The default ``Behaviour()`` is the reference. A variant or a defect is a function from one behaviour to another, so
they combine; parts are classes, so that one method can be replaced by a subclass.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Final

from assay.contract.documents import Contract
from assay.contract.rules.base import Rule
from assay.reference.identity import IdentityProvider
from assay.reference.lifecycle import Lifecycle, Pace
from assay.reference.metrics import Metrics
from assay.reference.plane import After, Around, Before, Choices, Hooks, Plane, Wire
from assay.reference.store import Store
from assay.reference.times import Now, Sleep
from assay.reference.validation import Reshape, Validation

Change = Callable[["Behaviour"], "Behaviour"]
"""What a variant or a defect is."""

_PARTS: Final[Mapping[str, type[Any]]] = {
    "identity": IdentityProvider,
    "validation": Validation,
    "store": Store,
    "lifecycle": Lifecycle,
    "metrics": Metrics,
    "plane": Plane,
}


@dataclass(frozen=True)
class Behaviour:
    """One way for a control plane to be. ``rules`` and ``reshape`` alter what is demanded of requests."""

    choices: Choices = field(default_factory=Choices)
    pace: Pace = field(default_factory=Pace)
    hooks: Hooks = field(default_factory=Hooks)
    rules: tuple[Callable[[Sequence[Rule]], Sequence[Rule]], ...] = ()
    reshape: tuple[Reshape, ...] = ()
    identity: type[IdentityProvider] = IdentityProvider
    validation: type[Validation] = Validation
    store: type[Store] = Store
    lifecycle: type[Lifecycle] = Lifecycle
    metrics: type[Metrics] = Metrics
    plane: type[Plane] = Plane

    def build(
        self,
        contract: Contract,
        clock: Now,
        *,
        sleep: Sleep = asyncio.sleep,
        token_seconds: float = 3600.0,
        seed: int | None = None,
    ) -> Plane:
        """A control plane that behaves so. Its ids are random, not secret; a ``seed`` makes them repeatable."""
        held = reduce(lambda sofar, change: tuple(change(sofar)), self.rules, tuple(contract.rules))
        lifecycle = self.lifecycle(self.pace)
        return self.plane(
            contract=contract,
            clock=clock,
            sleep=sleep,
            choices=self.choices,
            hooks=self.hooks,
            validation=self.validation(contract, held, self.reshape),
            identity=self.identity(clock, token_seconds),
            store=self.store(),
            lifecycle=lifecycle,
            metrics=self.metrics(lifecycle),
            random=random.Random(secrets.randbits(64) if seed is None else seed),
        )

    def choosing(self, **choices: Any) -> Behaviour:
        """This behaviour with some choices made otherwise."""
        return replace(self, choices=replace(self.choices, **choices))

    def first(self, before: Before) -> Behaviour:
        """This behaviour with one more thing that happens before a call is handled."""
        return replace(self, hooks=replace(self.hooks, before=(*self.hooks.before, before)))

    def around(self, operation: str, around: Around) -> Behaviour:
        """This behaviour with the calls of one operation answered in another way."""
        return replace(self, hooks=replace(self.hooks, around=(*self.hooks.around, (operation, around))))

    def then(self, after: After) -> Behaviour:
        """This behaviour with one more change to every reply."""
        return replace(self, hooks=replace(self.hooks, after=(*self.hooks.after, after)))

    def sending(self, wire: Wire) -> Behaviour:
        """This behaviour with one more change to the header fields of every reply."""
        return replace(self, hooks=replace(self.hooks, wire=(*self.hooks.wire, wire)))

    def mixing(self, mixin: type[Any]) -> Behaviour:
        """This behaviour with ``mixin``, a subclass of one of its parts, laid over that part: several combine."""
        part = next(name for name, base in _PARTS.items() if issubclass(mixin, base))
        changes: dict[str, Any] = {part: type(mixin.__name__, (mixin, getattr(self, part)), {})}
        return replace(self, **changes)

    def at_pace(self, factor: float) -> Behaviour:
        """This behaviour, every phase ``factor`` times as long."""
        return replace(self, pace=self.pace.scaled(factor))
