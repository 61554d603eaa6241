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
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from assay import folders
from assay.errors import SettingsError
from assay.toml_file import parse_duration

if TYPE_CHECKING:
    from assay.load.world import World


class Answered(Protocol):
    """The answer as a scenario sees it; ``body`` is raw."""

    status: int
    body: bytes

    @property
    def content_type(self) -> str: ...


Level = tuple[str, int]
"""A variable of a law (see ``laws.UNITS``) and its value."""


@dataclass(frozen=True, slots=True)
class Call:
    """One prepared request.

    ``line`` is the request line, ``rest`` the headers of this request alone, the blank line and the body: raw HTTP,
    between which the client puts the headers that all requests share. ``expect`` are the documented success codes,
    ``holds`` bytes that a right body contains. ``note`` is the scenario's own and comes back in ``after``. ``levels``
    names variables that the latency may depend on, with their values for this request: ("samples", 100).
    """

    operation: str
    method: str
    line: bytes
    rest: bytes
    expect: frozenset[int]
    holds: bytes = b""
    note: Any = None
    levels: tuple[Level, ...] = ()

    def wrong_with(self, answer: Answered) -> str | None:
        """What is wrong with the answer, in a word or a status code; None when it is right.

        Light on purpose: the contract checks judge bodies in full, here each microsecond is measured.
        """
        if answer.status not in self.expect:
            return str(answer.status)
        if answer.content_type != "application/json":
            return "content type"
        body = answer.body
        if body[:1] != b"{" or body.rstrip()[-1:] != b"}" or self.holds not in body:
            return "body"
        return None


@dataclass(frozen=True, slots=True)
class Skip:
    """A request that is due and cannot be prepared; counted under ``reason``, never dropped silently."""

    operation: str
    reason: str


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
    """A scenario. ``role`` is the operation it is named after, ``options`` its parameters."""

    operation: ClassVar[str]
    options: ClassVar[Mapping[str, Option]] = MappingProxyType({})

    def __init__(self, world: World, parameters: Mapping[str, Any]) -> None:
        self.world = world
        self.parameters = read_parameters(type(self), parameters)

    @classmethod
    def population(cls, parameters: Mapping[str, Any]) -> int:
        """How many running workloads it needs before it starts."""
        return int(read_parameters(cls, parameters).get("population", 0))

    @abstractmethod
    def call(self, number: int) -> Call | Skip:
        """Prepare request ``number`` (0, 1, 2 ...) of this process."""

    def after(self, call: Call, answer: Answered | None) -> None:  # noqa: B027 - most scenarios have nothing to do
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
