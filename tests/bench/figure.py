"""One measured figure and what it has to reach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """``goal`` None: for information only. ``at_least`` tells which side of the goal is good."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    at_least: bool = True

    @property
    def reached(self) -> bool:
        if self.goal is None:
            return True
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def line(self) -> str:
        side = ">=" if self.at_least else "<="
        goal = "" if self.goal is None else f"   goal {side} {self.goal:g} {self.unit}"
        mark = "ok  " if self.reached else "MISS"
        return f"{mark} {self.name:<58} {self.value:>10,.1f} {self.unit:<5}{goal}"
