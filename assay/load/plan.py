"""What a load run is asked to do, in a form that travels: the run file, and the messages to load processes.

Nothing here is secret: credentials stay in the environment of each process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Self

from assay.errors import SettingsError
from assay.load.comparison import TOLERANCE
from assay.load.profiles import Load, Profile, Step

Json = dict[str, Any]

LOOPBACK: Final = "127.0.0.1"
MASTER_PORT: Final = 5557
UI_PORT: Final = 8089
"""Locust's own defaults for these two ports."""

JOIN_SECONDS: Final = 60.0
"""How long worker processes may take to start and connect: 2 s on idle cores, measured; CI machines are not idle."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """The file with which ``assay gate`` and ``assay benchmark`` start ``python -m assay.load --run-file FILE``.

    ``run`` is the run's id (its ledger is shared by all processes of the run), ``stem`` begins the name of every
    workload. ``journal`` receives the events; ``save``, if given, the measurement that ``assay compare`` needs.
    ``baseline`` is an earlier measurement to compare with, or, with ``update_baseline``, to replace. With ``master``
    the load comes from ``expect_workers`` processes that join at ``master_bind_host``:``master_port`` within
    ``join_seconds``. With ``ui`` Locust's web UI is at ``ui_host``:``ui_port``. Settings and credentials come from
    the environment (``Settings.to_env``).
    """

    run: str
    stem: str
    journal: Path
    profile: str
    profiles: Path | None = None
    slo: Path | None = None
    scenario: str | None = None
    rate: float | None = None
    duration: float | None = None
    seed: int = 0
    processes: int = 1
    save: Path | None = None
    baseline: Path | None = None
    update_baseline: bool = False
    tolerance: float = TOLERANCE
    master: bool = False
    master_bind_host: str = LOOPBACK
    master_port: int = MASTER_PORT
    expect_workers: int = 1
    join_seconds: float = JOIN_SECONDS
    ui: bool = False
    ui_host: str = LOOPBACK
    ui_port: int = UI_PORT
    otel: bool = False
    cleanup_seconds: float = 30.0

    def write(self, file: Path) -> None:
        """Write it as JSON."""
        data = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}
        file.write_text(json.dumps(data, indent=1), encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> Self:
        """The inverse of ``write``; SettingsError names what is wrong."""
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            known = {field.name for field in fields(cls)}
            if unknown := set(data) - known:
                raise SettingsError(f"{file}: unknown key {', '.join(sorted(unknown))}")
            for key in ("journal", "profiles", "slo", "save", "baseline"):
                if data.get(key) is not None:
                    data[key] = Path(data[key])
            return cls(**data)
        except OSError as error:
            raise SettingsError(f"{file} cannot be read: {error}") from error
        except (ValueError, TypeError) as error:
            raise SettingsError(f"{file} is no run file: {error}") from error


def profile_to_json(profile: Profile) -> Json:
    """What a load process needs of a profile."""
    return {
        "loads": [[load.scenario, load.rate, dict(load.parameters), load.burst] for load in profile.loads],
        "poisson": profile.poisson,
        "in_flight": profile.in_flight,
        "timeout": profile.timeout,
        "patience": profile.patience,
    }


def profile_from_json(data: Mapping[str, Any], steps: tuple[Step, ...] = ()) -> Profile:
    """The inverse of ``profile_to_json``, with the steps of one leg."""
    return Profile(
        name="",
        about="",
        loads=tuple(Load(*row) for row in data["loads"]),
        steps=steps,
        poisson=data["poisson"],
        in_flight=data["in_flight"],
        timeout=data["timeout"],
        patience=data["patience"],
    )


def steps_to_json(steps: tuple[Step, ...]) -> list[list[Any]]:
    return [[step.name, step.start, step.end, step.seconds, step.measured] for step in steps]


def steps_from_json(data: list[list[Any]]) -> tuple[Step, ...]:
    return tuple(Step(*row) for row in data)
