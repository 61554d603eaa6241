"""What a load scenario is: it prepares requests one by one and looks at each answer.

A scenario is a file of ``load_tests/scenarios`` with one class called ``Scenario``, derived from ``Base``. It never
waits and never sends: the dispatcher does, so that arrivals keep their schedule whatever a scenario does.
"""

from __future__ import annotations

import difflib
import importlib.util
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

from assay import folders
from assay.errors import SettingsError
from assay.load.call import Answered, PreparedCall, Skip
from assay.load.context import ScenarioContext
from assay.toml_file import parse_duration


@dataclass(frozen=True, slots=True)
class Option:
    """A parameter of a scenario. Its kind follows the default: a whole number, a duration in seconds, or a choice."""

    default: int | float | str
    about: str
    allowed: tuple[str, ...] = ()
    least: int = 0
    most: int = 1_000_000

    def read(self, name: str, value: Any) -> int | float | str:
        """The value, checked; ValueError says what is allowed."""
        if self.allowed:
            if value not in self.allowed:
                raise ValueError(f"{name} = {value!r}; allowed: {', '.join(self.allowed)}")
            return str(value)
        if isinstance(self.default, float):
            try:
                return parse_duration(value)
            except ValueError as error:
                raise ValueError(f"{name} = {value!r}; allowed: {error}") from error
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            raise ValueError(f"{name} = {value!r}; allowed: a whole number from {self.least} to {self.most}")
        return value


def options(**named: Option) -> Mapping[str, Option]:
    """The parameters of a scenario, by name; read-only, because a class holds them."""
    return MappingProxyType(named)


class Base(ABC):
    """A scenario. ``operation`` is the name of the one that it exercises, ``options`` its parameters."""

    operation: ClassVar[str]
    options: ClassVar[Mapping[str, Option]] = MappingProxyType({})

    def __init__(self, context: ScenarioContext, parameters: Mapping[str, Any]) -> None:
        self.context = context
        self.parameters = read_parameters(type(self), parameters)

    @classmethod
    def population(cls, parameters: Mapping[str, Any]) -> int:
        """How many running workloads it needs before it starts."""
        return int(read_parameters(cls, parameters).get("population", 0))

    @abstractmethod
    def call(self, number: int) -> PreparedCall | Skip:
        """Prepare request ``number`` (0, 1, 2 ...) of this process."""

    def after(self, call: PreparedCall, answer: Answered | None) -> None:  # noqa: B027 - most scenarios have nothing to do
        """Look at the answer, after it was measured; None when no answer came."""

    def end(self) -> None:  # noqa: B027 - most scenarios have nothing to do
        """The run is over: discard what is still held."""


def read_parameters(scenario: type[Base], given: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults with ``given`` over them; ValueError names the parameter, its value and what is allowed."""
    values: dict[str, Any] = {name: option.default for name, option in scenario.options.items()}
    for name, value in given.items():
        option = scenario.options.get(name)
        if option is None:
            near = difflib.get_close_matches(name, scenario.options, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            known = ", ".join(sorted(("rate", "burst", *scenario.options)))
            raise ValueError(f"unknown parameter {name!r}{meant} (allowed: {known})")
        values[name] = option.read(name, value)
    return values


_MODULES: Final = "assay_scenarios."


def load_scenario(name: str, folder: Path | None = None) -> type[Base]:
    """Load the scenario of that name from ``load_tests/scenarios``; SettingsError when there is none."""
    folder = folder or folders.top("load_tests") / "scenarios"
    file = folder / f"{name}.py"
    names = sorted(other.stem for other in folder.glob("*.py") if not other.stem.startswith("_"))
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise SettingsError(f"there is no scenario {name!r}{meant}", hint=f"scenarios: {', '.join(names)}")
    module_name = _MODULES + name
    module = sys.modules.get(module_name)
    if module is None:
        spec = importlib.util.spec_from_file_location(module_name, file)
        if spec is None or spec.loader is None:
            raise SettingsError(f"{file} cannot be loaded")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        spec.loader.exec_module(module)
    found = getattr(module, "Scenario", None)
    if not (isinstance(found, type) and issubclass(found, Base)):
        raise SettingsError(f"{file} holds no class Scenario derived from assay.load.scenario.Base")
    return found
