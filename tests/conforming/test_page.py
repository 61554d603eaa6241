"""docs/conforming.md names every variant, and none that does not exist."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

from assay.reference.variants import VARIANTS

PAGE = (Path(__file__).parents[2] / "docs" / "conforming.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")]
NAMED = [name for row in ROWS for name in re.findall(r"`([a-z*-]+)`", row.rsplit("|", 2)[1])]


def test_every_variant_is_named() -> None:
    assert [name for name in VARIANTS if not any(fnmatch.fnmatch(name, pattern) for pattern in NAMED)] == []


def test_every_name_is_a_variant() -> None:
    assert len(NAMED) > 40
    assert [pattern for pattern in NAMED if not fnmatch.filter(VARIANTS, pattern)] == []
