"""The keys that a verifier saved, as the commands take them. What cannot be read is wrong use: exit code 2."""

from pathlib import Path
from typing import Annotated

import typer

from remarque.errors import LogError
from remarque.log.keys import PinnedKeys

Keys = Annotated[
    Path,
    typer.Option(
        exists=True, dir_okay=False, help="A saved /.well-known/remarque.json: the keys to trust.", show_default=False
    ),
]
Quorum = Annotated[int, typer.Option(min=0, help="How many of the witnesses in the key file have to have signed.")]


def load_keys(path: Path) -> PinnedKeys:
    """Read the file of keys. Raises typer.BadParameter."""
    try:
        return PinnedKeys.load(path)
    except LogError as error:
        raise typer.BadParameter(str(error), param_hint="--keys") from None
