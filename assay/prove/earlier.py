"""What an earlier run of the gate's tests has caught, so that a proof of certify need not try it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from assay.errors import SettingsError
from assay.findings.detection import from_json, suite_digest
from assay.prove.trial import Outcome, outcome_from_json


def caught_by_gate(file: Path, seed: int) -> Mapping[str, Outcome]:
    """The caught outcomes in ``file``, which ``assay prove --json`` wrote, by the id of the defect.

    SettingsError when it is none, of another profile, seed or state of the suite.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        record = from_json(data)
        outcomes = [outcome_from_json(item) for item in data["outcomes"]]
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be read: {error.strerror}", hint="`assay prove --json` writes it"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SettingsError(f"{file} is no report of a proof", hint="`assay prove --json` writes one") from None
    if (record.profile, record.seed) != ("gate", seed):
        raise SettingsError(
            f"{file} is of the profile {record.profile} and seed {record.seed}, not of gate and {seed}"
        )
    if set(record.digests.values()) != {suite_digest()}:
        raise SettingsError(
            f"{file} was made with another state of the suite", hint="make it again with `assay prove --json`"
        )
    return {outcome.id: outcome for outcome in outcomes if outcome.caught}
