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

from assay.load.call import Answered, PreparedCall, Skip
from assay.load.context import ScenarioContext, Workload
from assay.load.inputs import PAYLOAD, specs
from assay.load.scenario import Base, Option, options

STEP: Final = 8
"""Creations for which the number of workloads left alive stays the same."""


class Scenario(Base):
    operation = "create"
    options = options(
        payload=PAYLOAD, keep=Option(1, "let the number of workloads left alive go up and down below this", least=1)
    )

    def __init__(self, context: ScenarioContext, parameters: Mapping[str, Any]) -> None:
        super().__init__(context, parameters)
        self._specs = specs(context.contract, self.parameters["payload"], context.seed)
        self._kept: deque[Workload] = deque()
        self._left = 0

    def call(self, number: int) -> PreparedCall | Skip:
        self._left = _up_and_down(number // STEP, self.parameters["keep"] - 1)
        made = self.context.creation(self._specs[number % len(self._specs)])
        if isinstance(made, Skip):
            self._let_go(len(self._kept) - 1)  # one makes room; all at once would hide what the others cost
            return made
        name, request = made
        # Those on their way out may cost something still, or no longer: both numbers are fitted.
        levels = (("live", self.context.living), ("present", self.context.budget.live))
        return self.context.call(request, holds=b'"workloadId"', note=name, levels=levels)

    def after(self, call: PreparedCall, answer: Answered | None) -> None:
        workload = self.context.created(call.note, answer)
        if workload is not None:
            self._kept.append(workload)
        self._let_go(self._left)

    def end(self) -> None:
        self._let_go(0)

    def _let_go(self, left: int) -> None:
        """Have the oldest deleted until so many are left."""
        while self._kept and len(self._kept) > left:
            self.context.discard(self._kept.popleft())


def _up_and_down(step: int, most: int) -> int:
    """0, 1, ... most, most - 1, ... 1, 0, 1, ...: ``most`` 0 stays at 0."""
    if not most:
        return 0
    within = step % (2 * most)
    return min(within, 2 * most - within)
