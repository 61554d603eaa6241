"""What ends the run ends the search for examples too."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.checks.generation_lock import generating, has_turn, sending
from assay.errors import AssayError, CredentialsError, TargetLostError


@pytest.mark.parametrize("end", [CredentialsError("it ended"), TargetLostError("gone")])
def test_no_case_is_drawn_after_what_ends_the_run(end: AssayError) -> None:
    drawn: list[int] = []

    @settings(database=None)
    @given(st.integers(1))
    def attempt(number: int) -> None:
        drawn.append(number)
        with sending():
            raise end

    with pytest.raises(type(end)) as caught, generating():
        attempt()
    assert caught.value is end
    assert len(drawn) == 1
    assert not has_turn()
