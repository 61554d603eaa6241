"""One oracle over the shipped contract for all tests of this folder."""

from __future__ import annotations

import pytest

from assay.contract.documents import load
from assay.contract.oracle import Oracle


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    return Oracle(load())
