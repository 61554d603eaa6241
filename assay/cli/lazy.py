"""Everything that assay takes from inside Typer, and the command that loads its module only when it is called.

Typer carries its own copy of Click, and exports neither the command class nor the base of its usage errors.
``tests/cli/test_start.py`` names what is used here, so an upgrade of Typer that moves it fails there first.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand
from typer.main import get_command

UsageError: Final[Any] = typer.BadParameter.__bases__[0]
"""The base of every mistake on the command line: an unknown command or option, a value of the wrong type."""

_NO_ARGUMENTS: Final = "NoArgsIsHelpError"


def _interrupts_from_here() -> None:
    """From here on Ctrl-C is an exception, so that what a command has begun can be ended in good order."""
    before = signal.getsignal(signal.SIGINT)
    if callable(before) and before is not signal.default_int_handler:  # not where a shell has us ignore it
        signal.signal(signal.SIGINT, signal.default_int_handler)


def is_help(error: Exception) -> bool:
    """Whether the error is the help text of a group of commands that was called without a command."""
    return type(error).__name__ == _NO_ARGUMENTS


def command_path(error: Any, arguments: Sequence[str] = ()) -> str:
    """The command at which a usage error arose, such as ``assay contract``."""
    context = getattr(error, "ctx", None)
    if context is not None:
        return str(context.command_path)
    return " ".join(("assay", *(name for name in arguments[:1] if name.isalpha())))


def message_of(error: Any) -> str:
    """What a usage error says: the value that was given, what is expected, and the one option that may be meant."""
    faults = getattr(error.__cause__, "errors", None)
    if callable(faults):
        from assay.wording import said

        error.message = f"{said(faults(include_url=False)[0])}."
    possible = getattr(error, "possibilities", None)
    if possible:
        from assay.wording import nearest

        # Typer lists whatever is remotely alike, --insecure for --base-ulr, in alphabetical order.
        error.possibilities = ()
        meant = nearest(error.option_name.lstrip("-"), [name.lstrip("-") for name in possible])
        error.message += f"; did you mean {' or '.join(f'--{name}' for name in meant)}?" if meant else ""
    return str(error.format_message())


class LazyCommand(TyperCommand):
    """A command of which only name and short help are known until it is called.

    ``assay --help`` lists the commands without importing one of them: importing all takes 0.9 s.
    """

    source: str
    """``module:name`` of a function with typed parameters, or of a ``typer.Typer`` with commands of its own."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Load the command and let it parse its arguments; the context returned is that of the loaded command."""
        module, _, attribute = self.source.partition(":")
        found = getattr(import_module(module), attribute)
        _interrupts_from_here()
        loaded = get_command(found if isinstance(found, typer.Typer) else _alone(self.name, found))
        context = loaded.make_context(info_name, args, parent=parent, **extra)
        _refuse_no_numbers(context)
        return context


def _refuse_no_numbers(context: Any) -> None:
    """typer.BadParameter for nan and inf: they pass every check of a range, since no comparison with nan is true."""
    for parameter in context.command.params:
        value = context.params.get(parameter.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise typer.BadParameter(f"{value} is not a finite number.", ctx=context, param=parameter)


def lazy_command(app: typer.Typer, name: str, source: str, line: str) -> None:
    """Add the command ``name`` to ``app``; ``line`` is what the list of commands says about it."""
    command = type("LazyCommand", (LazyCommand,), {"source": source})
    app.command(name, cls=command, short_help=line)(_never_called)


def _alone(name: str | None, function: Any) -> typer.Typer:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(function)
    return app


def _never_called() -> None:
    """Stands in for the function of a command that is not loaded; the loaded command is called instead."""
