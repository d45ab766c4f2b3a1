"""``remarque serve``: run the service, where it is installed.

The service is no part of the library: it registers itself in the entry-point group ``remarque.commands``. It is loaded
only when this command runs, so that no other command waits for it.
"""

from importlib.metadata import entry_points

import typer

from remarque.errors import RemarqueError

_GROUP = "remarque.commands"


def serve(context: typer.Context) -> None:
    """Serve the pages and the API. Options: remarque serve --help."""
    found = list(entry_points(group=_GROUP, name="serve"))
    try:
        command = found[0].load() if found else None
    except (ImportError, AttributeError) as error:
        raise RemarqueError(f"{_HOW} ({error})") from None
    if command is None:
        raise RemarqueError(_HOW)
    service = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    service.command()(command)
    service(args=context.args, prog_name="remarque serve")


_HOW = (
    "the service is not installed here; it runs from the source tree, with pip install -e '.[server]' or make run there"
)
