"""What a load run is asked to do: its options, and the run file in which they travel to the load process.

One field of ``LoadOptions`` is one option everywhere: ``assay benchmark`` makes its flag from it, the run file holds
it, the code that needs it reads it. Nothing here is secret: credentials stay in the environment of each process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self

from assay.errors import SettingsError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

LOOPBACK: Final = "127.0.0.1"
MASTER_PORT: Final = 5557
UI_PORT: Final = 8089
"""Locust's own defaults for these two ports."""

JOIN_SECONDS: Final = 60.0
"""How long worker processes may take to start and connect: 2 s on idle cores, measured; CI machines are not idle."""

TOLERANCE: Final = 0.10
"""Relative difference that counts as the same: two runs of one build on a busy machine differ by up to 5 %."""


_STRICT: Final = {"extra": "forbid"}
"""A run file (or a set of waits) with a key that nobody knows is refused."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the processes of a load run wait for each other and for the target, in seconds.

    ``absent``: Locust forgets a worker for an instant when its users are stopped (in the web UI); one that stays away
    for so long is lost. ``silence``: a worker that hears nothing from its master for so long stops its load, for
    nobody watches it any more (the master answers every second, and counts a worker as lost after 6 to 7 s).
    ``last_cleanup``: how long a worker whose master is gone takes to delete what it has created; the ledger has what
    stays. ``target_lost``: a target is lost when there was no answer for so long and many failures in a row: a
    restart behind a load balancer is shorter. ``lost_cleanup``: how long the clean-up tries at such a target.
    """

    __pydantic_config__: ClassVar = _STRICT

    absent: float = 2.0
    silence: float = 15.0
    last_cleanup: float = 10.0
    target_lost: float = 5.0
    lost_cleanup: float = 3.0

    @classmethod
    def at_hand(cls, env: Mapping[str, str] = os.environ) -> Waits:
        """Those that the variable ASSAY__WAITS names (JSON), which tests set and child processes inherit."""
        try:
            made: Waits = _form(cls).validate_json(env.get("ASSAY__WAITS", "{}"))
        except ValueError as error:
            raise SettingsError(f"ASSAY__WAITS: {error}") from error
        return made


WAITS: Final = Waits()


@dataclass(frozen=True, slots=True)
class Flag:
    """How the command line offers an option.

    ``least`` and ``most`` bound its number. ``duration``: it is written as 30s, 2m or 1h. ``name`` is the flag's name
    where it is not the field's. ``unsaid``: the help does not show the default, and its absence can be told.
    """

    panel: str
    help: str
    metavar: str | None = None
    least: float | None = None
    most: float | None = None
    duration: bool = False
    name: str | None = None
    unsaid: bool = False


_LOAD: Final = "Load"
_SCALE_OUT: Final = "Scale-out"
_WATCHING: Final = "Watching"
_COMPARISON: Final = "Comparison"


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options of a load run.

    ``profile`` is narrowed to ``scenario`` at ``rate`` (per second) for ``duration`` (seconds). ``save``, if given,
    receives the measurement that ``assay compare`` needs. ``baseline`` is an earlier measurement to compare with, or,
    with ``update_baseline``, to replace. With ``master`` the load comes from ``expect_workers`` processes that join
    at ``master_bind_host``:``master_port`` within ``join_seconds``. With ``ui`` Locust's web UI is at
    ``ui_host``:``ui_port``.
    """

    __pydantic_config__: ClassVar = _STRICT

    profile: Annotated[str, Flag(_LOAD, "Load profile from load_tests/profiles.toml.", "NAME")] = "baseline"
    profiles: Annotated[
        Path | None, Flag(_LOAD, "Your own profiles, instead of load_tests/profiles.toml.", "FILE")
    ] = None
    slo: Annotated[Path | None, Flag(_LOAD, "Your own limits, instead of load_tests/slo.toml.", "FILE")] = None
    scenario: Annotated[str | None, Flag(_LOAD, "Run only this scenario of the profile.", "NAME")] = None
    rate: Annotated[float | None, Flag(_LOAD, "Requests per second of that scenario.", "N", least=0.01)] = None
    duration: Annotated[float | None, Flag(_LOAD, "Measured duration: 30s, 2m, 1h.", "TIME", duration=True)] = None
    processes: Annotated[
        int, Flag(_SCALE_OUT, "Load processes (default: 1).", "N", least=1, most=64, unsaid=True)
    ] = 1
    master: Annotated[bool, Flag(_SCALE_OUT, "Coordinate load workers on other machines.")] = False
    master_bind_host: Annotated[
        str, Flag(_SCALE_OUT, "Address the master listens on (default: 127.0.0.1).", "ADDRESS", unsaid=True)
    ] = LOOPBACK
    master_port: Annotated[int, Flag(_SCALE_OUT, "Port of the master.", "PORT", least=1, most=65535)] = MASTER_PORT
    expect_workers: Annotated[
        int,
        Flag(
            _SCALE_OUT,
            "With --master: number of load processes to wait for (default: 1).",
            "N",
            least=1,
            most=500,
            unsaid=True,
        ),
    ] = 1
    join_seconds: Annotated[
        float,
        Flag(
            _SCALE_OUT,
            "Longest wait of master and workers for each other.",
            "TIME",
            duration=True,
            name="join_deadline",
        ),
    ] = JOIN_SECONDS
    ui: Annotated[bool, Flag(_WATCHING, "Show the run live in the web UI of Locust.")] = False
    ui_host: Annotated[
        str,
        Flag(_WATCHING, "Address of the web UI (default: 127.0.0.1); it has no login.", "ADDRESS", unsaid=True),
    ] = LOOPBACK
    ui_port: Annotated[int, Flag(_WATCHING, "Port of the web UI.", "PORT", least=1, most=65535)] = UI_PORT
    otel: Annotated[
        bool, Flag(_WATCHING, "Export the OpenTelemetry metrics of Locust; the usual OTEL_* variables apply.")
    ] = False
    baseline: Annotated[Path | None, Flag(_COMPARISON, "Measurement to compare with.", "FILE")] = None
    update_baseline: Annotated[bool, Flag(_COMPARISON, "Save this run as the new baseline.")] = False
    tolerance: Annotated[
        float, Flag(_COMPARISON, "Relative difference that counts as no change.", "RATIO", least=0.01, most=10.0)
    ] = TOLERANCE
    save: Annotated[Path | None, Flag(_COMPARISON, "Save the measurement for `assay compare`.", "FILE")] = None

    def as_asked(self) -> dict[str, Any]:
        """``load_options`` of verdict.json: what a replay needs to measure the same; files by their whole path."""
        values = {name: getattr(self, name) for name in _MEASURED}
        return {name: str(value.resolve()) if isinstance(value, Path) else value for name, value in values.items()}


_MEASURED: Final = (
    "profile",
    "profiles",
    "slo",
    "scenario",
    "rate",
    "duration",
    "processes",
    "baseline",
    "tolerance",
)
"""Options that decide what is measured, and how it is judged."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """The file with which ``assay gate`` and ``assay benchmark`` start ``python -m assay.load --run-file FILE``.

    ``run`` is the run's id (its ledger is shared by all processes of the run), ``stem`` begins the name of every
    workload. ``journal`` receives the events. Settings and credentials come from the environment
    (``hand_over``).
    """

    __pydantic_config__: ClassVar = _STRICT

    run: str
    stem: str
    journal: Path
    options: LoadOptions
    seed: int = 0
    cleanup_seconds: float = 30.0

    def write(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_bytes(_form(type(self)).dump_json(self, indent=1))

    @classmethod
    def read(cls, file: Path) -> Self:
        """The inverse of ``write``; SettingsError names what is wrong."""
        try:
            made: Self = _form(cls).validate_json(file.read_bytes())
        except OSError as error:
            raise SettingsError(f"{file} cannot be read: {error}") from error
        except ValueError as error:
            raise SettingsError(f"{file} is no run file: {error}") from error
        return made


def _form(kind: Any) -> TypeAdapter[Any]:
    # Imported late: the command line makes its flags from these options and needs no pydantic for --help.
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
