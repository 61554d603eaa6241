"""The exception tree. Everything a user can meet derives from AssayError and carries its exit code.

AssayError
├── UsageError            exit 2: what the user gave us is wrong, and the message says what to change
│   ├── ContractError     the OpenAPI document or its corrections
│   ├── SettingsError     flags, ASSAY_* variables, assay.toml, profiles, waivers, baselines
│   ├── CredentialsError  missing or refused credentials
│   └── ProxyError        the proxy between us and the target refuses
└── InconclusiveError     exit 3: the run could not decide
    ├── TargetLostError   the target stopped answering
    ├── AnswerLostError   one answer was lost on the way, and nobody can tell what became of its request
    ├── BudgetExhausted   a hard limit of the run was reached
    └── ReportError       a report could not be written
"""

from __future__ import annotations

EXIT_PASS = 0
EXIT_FAIL = 1
EXIT_USAGE = 2
EXIT_INCONCLUSIVE = 3
EXIT_INTERRUPTED = 130


class AssayError(Exception):
    """Root of every error that assay raises on purpose; ``hint`` says what to do next."""

    exit_code = EXIT_INCONCLUSIVE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AssayError):
    """The command line, a setting or an input file is wrong."""

    exit_code = EXIT_USAGE


class ContractError(UsageError):
    """An OpenAPI document or overlay cannot be used; the message names file, place and cause."""


class SettingsError(UsageError):
    """A setting is misspelt, has the wrong type or contradicts another one."""


class CredentialsError(UsageError):
    """Credentials are missing or were refused by the target."""


class ProxyError(UsageError):
    """The proxy between us and the target refuses, or cannot be reached; the target has no part in it.

    ``again``: the next try may succeed. ``beyond``: the proxy says that it cannot reach the target, which may then be
    the one at fault.
    """

    def __init__(self, message: str, *, hint: str | None = None, again: bool = False, beyond: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.again = again
        self.beyond = beyond


class InconclusiveError(AssayError):
    """The run ended without an answer."""


class TargetLostError(InconclusiveError):
    """The target stopped answering (refused, reset or timed out too often in a row)."""


class AnswerLostError(InconclusiveError):
    """The answer to one request was lost on the way to us, or is not the API's: what asked for it is not tested."""


class BudgetExhausted(InconclusiveError):  # noqa: N818 - the field's term, and the signal is not a fault
    """A hard limit of the run (requests, creates, live workloads, GPUs, time) was reached."""


class ReportError(InconclusiveError):
    """A report could not be written."""


ENDS_THE_RUN = (TargetLostError, UsageError)
"""What makes every further request pointless once it is raised in mid-run: the target is gone, or our way to it."""
