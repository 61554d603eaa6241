"""Takes the hooks and fixtures of a contract run from the engine."""

from assay.checks.pytest_plugin import probe, pytest_addoption, pytest_configure, pytest_generate_tests, test

__all__ = ["probe", "pytest_addoption", "pytest_configure", "pytest_generate_tests", "test"]
