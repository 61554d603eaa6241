"""One step of a diagnosis, and how steps follow each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from assay.client.budget import LimitReached
from assay.errors import (
    EXIT_INCONCLUSIVE,
    EXIT_PASS,
    EXIT_USAGE,
    AssayError,
    InconclusiveError,
    ReportError,
    UsageError,
)


class StepState(StrEnum):
    """How a step ended."""

    OK = "ok"
    WARN = "warn"  # testing is possible, with a loss that the text names
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """``text`` says what was found, ``todo`` what to do about it; ``code`` is the exit code of a failure."""

    name: str
    state: StepState
    text: str
    todo: str | None = None
    code: int = EXIT_PASS

    def insist(self) -> None:
        """Raise UsageError or InconclusiveError when it failed."""
        if self.code:
            raise (UsageError if self.code == EXIT_USAGE else InconclusiveError)(self.text, hint=self.todo)


def ok(name: str, text: str) -> Step:
    """Found as it should be."""
    return Step(name, StepState.OK, text)


def warn(name: str, text: str, todo: str | None = None) -> Step:
    """Testing is possible; the text names what is lost."""
    return Step(name, StepState.WARN, text, todo)


def usage(name: str, text: str, todo: str) -> Step:
    """What the user gave is wrong or missing (exit 2)."""
    return Step(name, StepState.FAIL, text, todo, EXIT_USAGE)


def unusable(name: str, text: str, todo: str) -> Step:
    """The target cannot be tested (exit 3)."""
    return Step(name, StepState.FAIL, text, todo, EXIT_INCONCLUSIVE)


Check = Callable[[], Iterator[Step]]


def follow(checks: list[tuple[str, Check]]) -> Iterator[Step]:
    """Take the checks in order; after one that failed, the others are skipped, for they would only repeat it."""
    failed: str | None = None
    told = set[str]()
    for name, check in checks:
        if failed is not None:
            if name not in told:  # a step may be asked about in two places
                told.add(name)
                yield Step(name, StepState.SKIPPED, f"not looked at, because {failed} failed")
            continue
        for step in _answers(name, check):
            yield step
            told.add(step.name)
            if step.state is StepState.FAIL:
                failed = step.name
                break


def _answers(name: str, check: Check) -> Iterator[Step]:
    """The steps of a check; what it raises becomes one, since a question that cannot be asked is answered with no."""
    try:
        yield from check()
    except ReportError:
        raise
    except LimitReached as error:
        yield warn(name, f"not looked at: {error.message}", error.hint)
    except AssayError as error:
        make = usage if isinstance(error, UsageError) else unusable
        yield make(name, error.message, error.hint or "run `assay doctor` again")
