"""The preflight turns no target away for what a run must find: conforming variants and defective planes pass it."""

from __future__ import annotations

import pytest

from assay.client.preflight import diagnose
from assay.client.preflight.steps import Step, StepState
from assay.contract.documents import Contract, load
from assay.prove.bench import Bench
from assay.prove.trial import oracle
from assay.reference.behaviour import Behaviour
from assay.reference.defects import catalogue
from assay.reference.variants import VARIANTS

pytestmark = pytest.mark.slow

# Every family is met, and whole those that change what a plain workload or a caller is answered.
_WHOLE = ("response-status/", "identity/", "response-field/create/workloadId", "error-body/")
_ONE_IN = 160


@pytest.fixture(autouse=True)
def without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnose, "check_network", lambda _: iter(()))


def asked(contract: Contract, behaviour: Behaviour) -> list[Step]:
    return list(diagnose.preflight(Bench(contract, behaviour, oracle(contract)).target.session))


def test_conforming_variants_pass() -> None:
    contract = load()
    turned_away = [
        (name, step.text)
        for name, variant in VARIANTS.items()
        for step in asked(contract, variant.change(Behaviour()))
        if step.state is StepState.FAIL
    ]
    assert turned_away == []


def test_defects_are_left_to_the_run() -> None:
    contract = load()
    defects = catalogue(contract)
    chosen = [name for name in defects if name.startswith(_WHOLE)] + list(defects)[::_ONE_IN]
    turned_away = {
        name: step.text
        for name in dict.fromkeys(chosen)
        for step in asked(contract, defects[name].change(Behaviour()))
        if step.state is StepState.FAIL
    }
    assert turned_away == {}
    assert len(chosen) > 150
