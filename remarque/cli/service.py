"""Commands that the service contributes where it is installed; the library never imports it.

They stand in the entry-point group ``remarque.commands`` and are loaded only when they run, so that no other command
waits for them. Their options, ``--help`` among them, are their own.
"""

from importlib.metadata import entry_points

import typer

from remarque.errors import RemarqueError

GROUP = "remarque.commands"
_HOW = (
    "the service is not installed here; it runs from the source tree, with pip install -e '.[server]' or make run there"
)


def run(name: str, called: str, arguments: list[str]) -> None:
    """Run the command of that entry point, which was ``called`` so. Raises RemarqueError where it is not there."""
    found = list(entry_points(group=GROUP, name=name))
    try:
        command = found[0].load() if found else None
    except (ImportError, AttributeError) as error:
        raise RemarqueError(f"{_HOW} ({error})") from None
    if command is None:
        raise RemarqueError(_HOW)
    service = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    service.command()(command)
    service(args=arguments, prog_name=called)
