"""One control plane, put together: the parts that the operations share."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass
from functools import reduce

from assay.contract.documents import Contract
from assay.contract.rules.base import Rule
from assay.reference.behaviour import Behaviour
from assay.reference.times import Clock, microseconds


@dataclass(frozen=True, slots=True)
class PlaneSetup:
    """What a plane is given from outside: the contract, the rules, the time, and the seed of its ids."""

    contract: Contract
    rules: tuple[Rule, ...]
    clock: Clock
    token_seconds: float = 3600.0
    seed: int | None = None


class Plane:
    """The parts of a running control plane, built as its behaviour says."""

    def __init__(self, setup: PlaneSetup, behaviour: Behaviour) -> None:
        self.contract = setup.contract
        self.clock = setup.clock
        self.behaviour = behaviour
        self.choices = behaviour.choices
        # Ids are random, not secret; a seed makes them repeatable.
        self.random = random.Random(secrets.randbits(64) if setup.seed is None else setup.seed)
        rules = reduce(lambda sofar, change: tuple(change(sofar)), behaviour.rules, setup.rules)
        self.validation = behaviour.validation(setup.contract, rules, behaviour.reshape)
        self.identity = behaviour.identity(setup.clock, setup.token_seconds)
        self.store = behaviour.store()
        self.lifecycle = behaviour.lifecycle(behaviour.pace)
        self.metrics = behaviour.metrics(self.lifecycle)
        self.operations = behaviour.operations(self)

    def now(self) -> int:
        """The present moment in microseconds since 1970."""
        return microseconds(self.clock)
