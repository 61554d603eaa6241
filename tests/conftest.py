"""What holds for all of assay's own tests."""

from hypothesis import settings

# Drawn the same way every time: a run in CI says something about the change, not about luck. Searching with fresh
# random numbers is what `assay certify` and a developer's own runs are for.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.load_profile("repeatable")
