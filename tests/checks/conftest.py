"""The markers that contract test modules carry, so that tests of the engine can import them."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "concurrent: tests do not depend on each other and run ahead in threads")
    config.addinivalue_line("markers", "exclusive: runs alone, after all concurrent tests")
