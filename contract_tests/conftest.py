"""Takes the hooks and fixtures of a contract run from the engine."""

from assay.checks.pytest_plugin import pytest_addoption, pytest_configure, pytest_generate_tests, target, test

__all__ = ["pytest_addoption", "pytest_configure", "pytest_generate_tests", "target", "test"]
