"""Creates inferences, and has them deleted outside what is measured: at once, or after a while.

The budget of live workloads bounds the rate: with L free slots and d seconds until a deleted workload is gone, L/d
creations a second can start at most; what is due beyond that is counted as not started (budget). With ``keep`` the
number left alive goes up and down between 0 and keep - 1, which shows whether creations get slower the more there
are. It changes slowly, a step every eight creations: those on their way out are about as many at every step, so it
makes no difference whether they still cost something.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from assay.load.inputs import PAYLOAD, specs
from assay.load.scenario import Answered, Base, Call, Option, Skip, options
from assay.load.world import Workload, World

STEP: Final = 8
"""Creations for which the number of workloads left alive stays the same."""


class Scenario(Base):
    operation = "create"
    options = options(
        payload=PAYLOAD, keep=Option(1, "let the number of workloads left alive go up and down below this", least=1)
    )

    def __init__(self, world: World, parameters: Mapping[str, Any]) -> None:
        super().__init__(world, parameters)
        self._specs = specs(world.contract, self.parameters["payload"], world.seed)
        self._kept: deque[Workload] = deque()
        self._left = 0

    def call(self, number: int) -> Call | Skip:
        self._left = _up_and_down(number // STEP, self.parameters["keep"] - 1)
        made = self.world.creation(self._specs[number % len(self._specs)])
        if isinstance(made, Skip):
            self._let_go(len(self._kept) - 1)  # one makes room; all at once would hide what the others cost
            return made
        name, request = made
        # Those on their way out may cost something still, or no longer: both numbers are fitted.
        levels = (("live", self.world.living), ("present", self.world.budget.live))
        return self.world.call(request, holds=b'"workloadId"', note=name, levels=levels)

    def after(self, call: Call, answer: Answered | None) -> None:
        workload = self.world.created(call.note, answer)
        if workload is not None:
            self._kept.append(workload)
        self._let_go(self._left)

    def end(self) -> None:
        self._let_go(0)

    def _let_go(self, left: int) -> None:
        """Have the oldest deleted until so many are left."""
        while self._kept and len(self._kept) > left:
            self.world.discard(self._kept.popleft())


def _up_and_down(step: int, most: int) -> int:
    """0, 1, ... most, most - 1, ... 1, 0, 1, ...: ``most`` 0 stays at 0."""
    if not most:
        return 0
    within = step % (2 * most)
    return min(within, 2 * most - within)
