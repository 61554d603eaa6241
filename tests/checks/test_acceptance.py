"""An ordinary request that is refused is the finding, once, and what deviates from it is not tested."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any

import pytest

from assay.checks import batches
from assay.checks.exchange import ContractBreachError
from assay.checks.planned import run_cases
from assay.contract.documents import load
from assay.findings.causes import join
from assay.findings.model import Finding
from assay.generation.plans import Plan, plans
from assay.prove.bench import Bench
from assay.prove.places import names_place
from assay.prove.trial import oracle
from assay.reference.behaviour import Behaviour
from assay.reference.defects import catalogue
from assay.reference.variants import VARIANTS
from tests.checks.scenes import live

pytestmark = pytest.mark.slow

IN_USE = "request-legal/create/spec.environmentVariables.*.value/in-use"
ALL_IN_USE = [name for name in catalogue(load()) if name.endswith("/in-use")]
NAME = "environment/name-required"


@cache
def plan(name: str) -> Plan:
    whole = plans(load())
    return next(each for each in (*whole.rules, *whole.schema) if each.id == name)


@cache
def about(place: str) -> tuple[str, ...]:
    whole = plans(load())
    return tuple(each.id for each in (*whole.rules, *whole.schema) if place in each.id)


class Scene:
    """A target, what its plans found, and what was said not to be tested."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.stand = Bench(load(), behaviour, oracle(load()))
        self.found: list[Finding] = []
        self.untested: list[dict[str, Any]] = []
        write = self.stand.notebook.write

        def noting(kind: str, /, **event: Any) -> None:
            write(kind, **event)
            if kind == "not_tested":
                self.untested.append(event)

        self.stand.notebook.write = noting  # type: ignore[method-assign]

    def run(self, *names: str) -> Scene:
        for name in names:
            try:
                run_cases(self.stand.target, name, plan(name).cases)
            except ContractBreachError as breach:
                self.found += breach.findings
        batches.end_chains(self.stand.target)
        return self


def defective(name: str) -> Scene:
    return Scene(catalogue(load())[name].change(Behaviour()))


def test_a_test_of_which_every_case_hangs_is_not_said_to_have_passed() -> None:
    scene = defective(IN_USE)
    names = [f"{NAME}[create-{side}]" for side in ("reject", "accept")]
    tested = []
    for name in names:
        with suppress(ContractBreachError):
            tested.append(run_cases(scene.stand.target, name, plan(name).cases))
    assert False in tested
    assert run_cases(Scene(Behaviour()).stand.target, names[0], plan(names[0]).cases)


@pytest.mark.parametrize("side", ["accept", "reject"])
@pytest.mark.parametrize("role", ["create", "update"])
def test_a_sound_target_takes_what_is_ordinary(role: str, side: str) -> None:
    scene = Scene(Behaviour()).run(f"{NAME}[{role}-{side}]")
    assert (scene.found, scene.untested) == ([], [])
    assert live(scene.stand) == []


@pytest.mark.parametrize("side", ["accept", "reject"])
def test_a_refused_one_is_told_and_its_deviations_are_not_tested(side: str) -> None:
    scene = defective(IN_USE).run(f"{NAME}[create-{side}]")
    assert [(one.check, one.location) for one in scene.found] == [
        ("ordinary-accepted", "/body/spec/environmentVariables")
    ]
    assert scene.untested
    assert {each["why"] for each in scene.untested} == {
        "create refuses an ordinary request with environmentVariables, from which it deviates"
    }
    assert live(scene.stand) == []


def test_it_is_told_once_however_many_deviate_from_it() -> None:
    scene = defective(IN_USE).run(*about("create/spec.environmentVariables"))
    assert [one.check for one in scene.found] == ["ordinary-accepted"]
    assert len(scene.untested) > 10


@pytest.mark.parametrize("name", ALL_IN_USE)
def test_every_such_defect_is_one_cause_that_names_its_place(name: str) -> None:
    place = name.split("/")[2].rpartition(".*")[0]
    scene = defective(name).run(*about(f"/{place}"))
    [cause] = join(scene.found)
    assert names_place(load(), catalogue(load())[name], cause)


def test_what_does_not_deviate_from_it_is_tested_all_the_same() -> None:
    scene = defective(IN_USE).run("compute/portion-limit-not-below-request[create-reject]")
    assert (scene.found, scene.untested) == ([], [])


def test_a_lawful_refusal_of_what_must_exist_is_said_once_and_hides_no_breach() -> None:
    """The secrets that a case names need not be there: the refusals prove nothing, an acceptance would still."""
    scene = Scene(VARIANTS["existing-references"].change(Behaviour()))
    scene.run(*about("create/spec.storage.secretVolume"))
    assert scene.found == []
    assert {each["what"] for each in scene.untested} == {
        "whether create refuses for the right reason what is wrong in spec.storage.secretVolume"
    }


def test_only_what_a_case_needs_is_asked() -> None:
    few = Scene(Behaviour()).run("container/image-required[create-reject]")
    assert few.stand.notebook.requests < 12
