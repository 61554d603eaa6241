"""The load that a finding of the load part is measured with again: that of its run, within bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from assay.findings.stored import StoredFinding, StoredLoadOptions
from assay.load.options import LoadOptions
from assay.load.profiles import load_profile

LONGEST: Final = 120.0
"""Measured seconds of a replay: what the profile of comparisons takes, enough for any percentile it judges."""


def stage(default: LoadOptions, asked: StoredLoadOptions | None, found: StoredFinding) -> LoadOptions:
    """The options to measure ``found`` with; ``asked`` is None in verdicts that do not say what their run was asked.

    All scenarios of the run come again, for one operation may be slow because of another. What is about time itself,
    or was held against a baseline, is measured as long as it was then. SettingsError when a file of the run is gone.
    """
    options = default if asked is None else replace(default, **asked.model_dump())
    if found.kind != "regression":
        options = replace(options, baseline=None)
    profile = load_profile(options.profile, options.profiles).limited(
        options.scenario, options.rate, options.duration
    )
    measured = sum(each.seconds for each in profile.stages if each.measured)
    as_long = found.rule == "time" or found.kind == "regression" or profile.search is not None
    return options if as_long or measured <= LONGEST else replace(options, duration=LONGEST)
