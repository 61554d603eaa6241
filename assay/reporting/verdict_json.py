"""verdict.json: the stable interface for scripts, checked against its JSON Schema before it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from assay.errors import ReportError
from assay.files import write_text
from assay.findings import clean
from assay.findings.verdict import Verdict

SCHEMA_FILE: Final = Path(__file__).with_name("verdict.schema.json")


def write(verdict: Verdict, file: Path) -> None:
    """Write verdict.json; ReportError when it would not match its schema or the disk refuses."""
    document = clean.value(verdict.to_json())
    validate(document)
    write_text(file, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def validate(document: Mapping[str, Any]) -> None:
    """Raise ReportError naming the first place where a document is not an assay/verdict/1."""
    for error in _validator().iter_errors(document):
        place = "/".join(str(part) for part in error.instance_path) or "the top"
        raise ReportError(
            f"verdict.json does not match its schema at {place}: {clean.line(error.message, 300)}",
            hint="this is a defect of assay: please report it with the run's journal",
        )


@cache
def _validator() -> jsonschema_rs.Validator:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return jsonschema_rs.validator_for(schema, validate_formats=True)
