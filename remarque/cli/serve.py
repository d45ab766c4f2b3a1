"""``remarque serve``: run the service, where it is installed."""

import typer

from remarque.cli import service


def serve(context: typer.Context) -> None:
    """Serve the pages and the API. Options: remarque serve --help."""
    service.run("serve", "remarque serve", context.args)
