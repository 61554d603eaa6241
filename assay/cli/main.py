"""`assay`: registers the commands and turns every error into one clear message and the documented exit code."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import Any, Final

import typer
from rich.console import Console

from assay import __version__
from assay.errors import EXIT_INTERRUPTED, EXIT_USAGE, AssayError

_HELP: Final = """\
Contract and load testing for the NVIDIA Run:ai Inferences API.

Without --base-url every command works on the embedded control plane: a complete reference implementation, started on
a free loopback port and stopped afterwards. With --base-url it works on a real one: it creates at most 10 small
workloads at a time, asks for no GPU, and removes what it created whatever happens.

\b
  assay gate                       may this build be merged? (2 minutes)
  assay gate --base-url URL --project ID --cluster UUID
  assay doctor --base-url URL      can this target be tested at all?

Credentials come from the environment: ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET, or ASSAY_TOKEN.

Exit codes: 0 pass, 1 fail, 2 usage or configuration, 3 inconclusive, 130 interrupted (after cleaning up).
"""

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 118},
)

# Command, module, function, line in --help; in the order of --help. Modules are small: what is heavy is imported when
# a command runs.
_COMMANDS: Final = (
    ("gate", "assay.cli.gate", "gate", "May this build be merged? The contract and a short load."),
    (
        "certify",
        "assay.cli.certify",
        "certify",
        "May this release go out? Ten times the examples, and a certificate.",
    ),
    ("verify", "assay.cli.verify", "verify", "Is a certification still what was written?"),
    ("benchmark", "assay.cli.benchmark", "benchmark", "How fast is it, and slower than the baseline?"),
    ("compare", "assay.cli.compare", "compare", "Two stored benchmark runs: better, same, worse?"),
    ("manifest", "assay.cli.manifest", "manifest", "A benchmark for Locust's Kubernetes operator."),
    ("serve", "assay.cli.serve", "serve", "Serve the embedded control plane until SIGTERM."),
    ("doctor", "assay.cli.doctor", "doctor", "Can this target be tested at all? What is missing?"),
    ("replay", "assay.cli.replay", "replay", "One finding again: still failing?"),
    ("cleanup", "assay.cli.cleanup", "cleanup", "Remove what an earlier run left behind."),
    ("rules", "assay.cli.rules", "rules", "What only the prose demands, with quote and place."),
    ("waive", "assay.cli.waive", "waive", "Accept a finding, with a reason, until a date."),
    ("prove", "assay.cli.prove", "prove", "Seeded defects: what does the suite catch?"),
)


# Typer carries its own copy of Click and exports of its errors only the leaves.
_UsageError: Any = typer.BadParameter.__bases__[0]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"assay {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Show the version.", callback=_version, is_eager=True),
) -> None:
    del version


@cache
def _register() -> None:
    for name, module, function, line in _COMMANDS:
        app.command(name, short_help=line)(getattr(import_module(module), function))
    contract = import_module("assay.cli.contract").app
    app.add_typer(contract, name="contract", short_help="Merge the published documents, show what is in force.")


def main(arguments: list[str] | None = None) -> Any:
    """The entry point. Never shows a traceback for what a user can mend."""
    _register()
    try:
        code = app(arguments, prog_name="assay", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except AssayError as error:
        _complain(error.message, error.hint)
        sys.exit(error.exit_code)
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(error.format_message())
            sys.exit(EXIT_USAGE)
        _complain(error.format_message(), _where_to_look(error))
        sys.exit(EXIT_USAGE)
    except typer.Abort:
        _complain("stopped", None)
        sys.exit(EXIT_INTERRUPTED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output (head, less) went away: nothing to tell it, and nothing of ours failed.
        sys.stderr.close()
        sys.exit(0)


def _where_to_look(error: Any) -> str:
    context = getattr(error, "ctx", None)
    return f"see: {context.command_path if context else 'assay'} --help"


def _complain(message: str, hint: str | None) -> None:
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    console.print(f"assay: {message}")
    if hint:
        console.print(f"       {hint}")


if __name__ == "__main__":
    main()
