"""Fixtures of the target layer's tests: a clean environment, a state folder of their own, settings and targets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from assay.client import cleanup
from assay.client.credentials import Credentials
from assay.client.events import NOWHERE, EventLog
from assay.client.evidence import Mask
from assay.client.identities import Identities
from assay.client.layers import load_settings
from assay.client.network import TransportConfig
from assay.client.opening import open_session
from assay.client.patience import Patience
from assay.client.session import Session
from assay.client.settings import Settings
from assay.client.transport import HttpTransport
from assay.clock import SYSTEM, Clock, VirtualClock
from assay.contract.documents import Contract, load
from tests.client.plane import CLUSTER, OUTSIDER_SECRET, PROJECT, SECRET, Plane
from tests.client.servers import Server, serving
from tests.client.transports import OPENED


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No ASSAY_* variable or proxy of the machine reaches a test, and no ledger of a test the machine."""
    for name in list(os.environ):
        if name.startswith("ASSAY_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ASSAY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    # The plane of these tests has stored a creation before it loses the answer.
    monkeypatch.setattr(cleanup, "_SETTLE", 0.2)


@pytest.fixture(autouse=True)
def close_transports() -> Iterator[None]:
    """What a test opened by ``tests.client.transports`` is closed after it."""
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load()


@pytest.fixture
def plane() -> Plane:
    return Plane()


@pytest.fixture
def server(plane: Plane) -> Iterator[Server]:
    with serving(plane) as running:
        yield running


Configure = Callable[..., Settings]


@pytest.fixture
def configure(server: Server) -> Configure:
    """Settings for the plane, with the researcher's and the outsider's credentials."""

    def make(**flags: Any) -> Settings:
        env = {
            "ASSAY_CLIENT_ID": "researcher",
            "ASSAY_CLIENT_SECRET": SECRET,
            "ASSAY_OUTSIDER_CLIENT_ID": "outsider",
            "ASSAY_OUTSIDER_CLIENT_SECRET": OUTSIDER_SECRET,
        }
        place = {"base_url": server.base_url, "project": PROJECT, "cluster": CLUSTER}
        return load_settings({**place, "request_timeout": 3.0, **flags}, env=env)

    return make


Open = Callable[..., Session]


@pytest.fixture
def reach(configure: Configure, contract: Contract) -> Iterator[Open]:
    """Opens targets on the plane and closes them."""
    opened: list[Session] = []

    def make(run_id: str = "run-1", clock: Clock = SYSTEM, events: EventLog = NOWHERE, **flags: Any) -> Session:
        opened.append(open_session(configure(**flags), contract, run_id=run_id, clock=clock, events=events))
        return opened[-1]

    yield make
    for target in opened:
        target.close()


Connect = Callable[..., Session]


@pytest.fixture
def connect(contract: Contract) -> Iterator[Connect]:
    """Sessions with a fixed token, no limits and a clock that nobody waits on."""
    made: list[Session] = []

    def make(base_url: str, *, timeout: float = 3.0, **options: Any) -> Session:
        transport = HttpTransport(TransportConfig(base_url, timeout=timeout))
        mask = Mask()
        options.setdefault("clock", VirtualClock())
        settings = load_settings({"base_url": base_url})
        identities = Identities(settings, transport, mask, Patience(), options["clock"])
        main = identities.make(Credentials(token=SecretStr("token-of-the-tests")))
        made.append(Session(settings, contract, transport, main=main, mask=mask, mark="run", **options))
        return made[-1]

    yield make
    for session in made:
        session.close()
