"""One measured figure and what it has to reach; a remark between figures."""

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
        digits = 1 if self.unit else 2  # a figure without a unit is a ratio or a count
        return f"{mark} {self.name:<58} {self.value:>10,.{digits}f} {self.unit:<5}{goal}"


@dataclass(frozen=True, slots=True)
class Note:
    """A line that is no figure: what was left out, and how to have it."""

    text: str
    reached: bool = True

    def line(self) -> str:
        return f"     {self.text}"
