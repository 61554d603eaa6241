"""`assay`: registers the commands and turns every error into one clear message and the documented exit code."""

from __future__ import annotations

import sys
from typing import Final, NoReturn

import typer

from assay import __version__
from assay.cli.lazy import UsageError, command_path, is_help, lazy_command, message_of
from assay.cli.streams import refusal, refuse_undecodable
from assay.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS, EXIT_USAGE, AssayError
from assay.legible import visible

_HELP: Final = """\
Contract and load testing for the NVIDIA Run:ai Inferences API.

Without --base-url every command uses the embedded control plane: a complete reference implementation that runs on a
free loopback port until the command ends. With --base-url it uses a real control plane: it creates at most 10 small
workloads at a time, requests no GPU, and always removes what it created.

\b
  assay gate                       Can this build be merged? (2 minutes)
  assay gate --base-url URL --project ID --cluster UUID
  assay doctor --base-url URL      Can this target be tested?

Credentials come from the environment: ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET, or ASSAY_TOKEN, ASSAY_TOKEN_FILE or
ASSAY_TOKEN_COMMAND. ASSAY_TOKEN_URL names the token endpoint of an identity provider.

Exit codes: 0 pass, 1 fail, 2 usage or configuration, 3 inconclusive, 130 interrupted (after cleaning up).
"""

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 118},
)

# Name, what is loaded when it is called, line in --help; in the order of --help.
_COMMANDS: Final = (
    ("gate", "assay.cli.conducting:gate", "CI quality gate: contract tests and a short load test."),
    (
        "certify",
        "assay.cli.conducting:certify",
        "Pre-release certification: ten times the examples, and a certificate.",
    ),
    ("verify", "assay.cli.verify:verify", "Check that the files of a certification are unchanged."),
    ("benchmark", "assay.cli.benchmark:benchmark", "Measure latency under load; compare with a baseline."),
    ("compare", "assay.cli.compare:compare", "Compare two stored benchmark runs."),
    ("manifest", "assay.cli.manifest:manifest", "Print a benchmark for the Kubernetes operator of Locust."),
    ("serve", "assay.cli.serve:serve", "Serve the embedded control plane until SIGTERM."),
    ("init", "assay.cli.init:init", "Write assay.toml for a control plane, after a look at it."),
    ("doctor", "assay.cli.doctor:doctor", "Check whether a target can be tested, and what is missing."),
    ("replay", "assay.cli.replay:replay", "Run the test behind one finding again."),
    ("cleanup", "assay.cli.cleanup:cleanup", "Remove what earlier runs left behind."),
    ("rules", "assay.cli.rules:rules", "Show the rules that the contract states only in prose."),
    ("waive", "assay.cli.waive:waive", "Accept a finding, with a reason, until a date."),
    ("prove", "assay.cli.prove:prove", "Measure which seeded defects the suite detects."),
    ("contract", "assay.cli.contract:app", "Merge the published documents, or show the contract in force."),
)

_PRINTING: Final = frozenset({"rules", "manifest", "contract"})

for _command in _COMMANDS:
    lazy_command(app, *_command)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"assay {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Show the version.", callback=_version, is_eager=True),
) -> None:
    del version


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process. Whatever goes wrong is a sentence and a documented exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        refuse_undecodable(given)
        code = app(given, prog_name="assay", standalone_mode=False)
        _end(code if isinstance(code, int) else EXIT_PASS, prints=_prints(given))
    except AssayError as error:
        _fail(error)
    except UsageError as error:
        if is_help(error):
            typer.echo(error.format_message())
        else:
            _complain(message_of(error), f"see: {command_path(error, given)} --help")
        sys.exit(EXIT_USAGE)
    except typer.Abort:
        if sys.stderr.isatty():
            typer.echo(err=True)  # the question stands on this line
        _complain("stopped", None)
        sys.exit(EXIT_INTERRUPTED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output (head, less) went away: nothing to tell it, and nothing of ours failed.
        sys.stderr.close()
        sys.exit(EXIT_PASS)
    except Exception as error:  # noqa: BLE001 - the net below everything
        from assay.cli.crash import as_error, was_interrupt

        if was_interrupt(error):
            sys.exit(EXIT_INTERRUPTED)
        _fail(as_error(error, given))


def _prints(arguments: list[str]) -> bool:
    """Whether what a command prints is all that it does; the others answer by their exit code and their files."""
    return not {"-h", "--help", "--version"}.isdisjoint(arguments) or arguments[0] in _PRINTING


def _end(code: int, *, prints: bool) -> NoReturn:
    """End with ``code``, which holds although its words could not be written, unless these are all there is."""
    refused = refusal()
    if refused is None:
        sys.exit(code)
    lost = prints and code == EXIT_PASS
    kept = "what it prints is lost: send it elsewhere" if lost else "the exit code and the files it wrote hold"
    _complain(f"standard output could not be written: {refused.strerror}", kept)
    sys.exit(EXIT_INCONCLUSIVE if lost else code)


def _fail(error: AssayError) -> NoReturn:
    _complain(error.message, error.hint)
    sys.exit(error.exit_code)


def _complain(message: str, hint: str | None) -> None:
    typer.echo(f"assay: {visible(message)}", err=True)
    if hint:
        typer.echo(f"       {visible(hint)}", err=True)


if __name__ == "__main__":
    main()
