"""What holds for all of assay's own tests."""

import gc
from functools import partial

import pytest
from hypothesis import settings

from assay.contract.documents import load
from assay.contract.oracle import Oracle
from assay.run import child
from tests.here import Here, run_here
from tests.warm import warm

# Drawn the same way every time: a run in CI says something about the change, not about luck. Searching with fresh
# random numbers is what `assay certify` and a developer's own runs are for.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    """One oracle over the shipped contract."""
    return Oracle(load())


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """Runs a command in this process."""
    monkeypatch.setattr(child, "start_python", warm().start)
    return partial(run_here, capture=capfd)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files first: begun last, one would keep a single worker busy while the others have nothing left to do."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Thousands of items are here for good, and looking at them in each collection took an eighth of all."""
    gc.collect()
    gc.freeze()
