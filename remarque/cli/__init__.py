"""The ``remarque`` command: the only part of the library that prints or exits.

Exit codes: 0 done; 1 a finding (check: something is restricted; verify: an invalid label or a conflict); 2 wrong use;
3 it could not be done, or some item failed. Where both 1 and 3 hold, 1 is told: a finding is certain, and the failed
items stand in the output beside it.
"""

import sys
from typing import Annotated

import typer

from remarque import __version__
from remarque.cli import check, declare, label, log, receipt, selftest, serve, snapshot, verify
from remarque.cli.output import FAILED, say
from remarque.errors import RemarqueError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown"
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"remarque {__version__}")
        raise typer.Exit


@app.callback()
def _remarque(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Say how pictures may be used by AI, check them, label generated ones, verify all three."""


app.command()(declare.declare)
app.command()(check.check)
app.command()(label.label)
app.command()(verify.verify)
app.add_typer(snapshot.app, name="snapshot")
app.add_typer(receipt.app, name="receipt")
app.add_typer(log.app, name="log")
app.command()(selftest.selftest)
# What follows `serve` is read by the service's own command, its --help too.
app.command(add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(
    serve.serve
)


def main() -> None:
    """Run the command. An error of ours is one line on stderr and exit code 3, never a traceback."""
    try:
        app()
    except RemarqueError as error:
        say(f"remarque: {error}")
    except OSError as error:
        say(f"remarque: {error.filename or 'the system'}: {error.strerror or error}")
    sys.exit(FAILED)
