"""What all rows of a worker share: one control plane, one event loop, one set of certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from assay.reference import embedded
from assay.reference.embedded import Embedded
from tests.first_contact.certificates import Certificates
from tests.first_contact.environment import COMMANDS, Command, Environment
from tests.first_contact.listening import Stage
from tests.first_contact.running import play
from tests.here import Here


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="both commands for every row, each in a process of its own")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes a row and a command gets each of the module's ``ROWS`` with each command that is its turn."""
    if "row" in metafunc.fixturenames:
        rows: Sequence[Environment] = metafunc.module.ROWS
        whole = metafunc.config.getoption("--whole", default=False)
        chosen = [
            (row, each) for number, row in enumerate(rows) for each in COMMANDS if whole or _turn(row, number, each)
        ]
        metafunc.parametrize(("row", "command"), [_parameter(*pair) for pair in chosen])


# A run that passes takes 1 s of a core; these rows are near another one: only `make first-contact` plays them.
TWINS = {
    "http-proxy-in-lower-case",
    "http-proxy-without-scheme",
    "proxy-by-file",
    "setting-before-variable",
    "socks-for-all",
    "private-authority",
    "any-certificate",
    "access-proxy-by-variable",
    "ipv6-literal",
    "opaque-with-life",
    "claims-without-times",
    "clock-a-minute-behind",
    "token-once-reset",
    "token-with-line-break",
    "token-file",
    "command",
    "one-percent-502-though-done",
    "cloudflare-520-now-and-then",
    "resets-at-random",
    "resets-though-done",
    "each-50th-update-500",
    "each-50th-deletion-500",
    "each-50th-pod-metrics-500",
    "limit-of-targets",
    "limit-of-heads",
    "502-after-a-while",
    "502-for-the-last-two-seconds",
    "file-from-windows",
    "package-assay-in-folder",
}


def _turn(row: Environment, number: int, command: Command) -> bool:
    """Both commands where a run ends before it begins; else, for it takes seconds, one command and then the other.

    A target that is wrong is a gate's.
    """
    if row.id in TWINS:
        return False
    if row.end.code == 1:
        return command == "gate"
    return row.end.code == 2 or row.leaves is not None or command == COMMANDS[number % 2]


def _parameter(row: Environment, command: Command) -> object:
    """Slow is what gets past the preflight, and takes a run."""
    code = row.ends(command).code
    marks = [pytest.mark.slow] if code < 2 or (code == 3 and row.leaves is None) else []
    return pytest.param(row, command, id=f"{row.id}-{command}", marks=marks)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.fixture(scope="session")
def plane() -> Iterator[Embedded]:
    with embedded.start() as plane:
        yield plane


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


Play = Callable[[Environment, Command], None]


@pytest.fixture
def run(
    stage: Stage,
    plane: Embedded,
    certificates: Certificates,
    here: Here,
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> Play:
    """Plays a row with a command."""
    chosen = None if pytestconfig.getoption("--whole", default=False) else here
    return partial(play, stage=stage, plane=plane, certificates=certificates, folder=tmp_path, here=chosen)
