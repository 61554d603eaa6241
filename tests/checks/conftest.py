"""The markers that contract test modules carry, so that tests of the engine can import them."""

import pytest

from assay.checks.pytest_plugin import add_markers


def pytest_configure(config: pytest.Config) -> None:
    add_markers(config)
