"""Options that several commands share, and how their text is read. What cannot be read is wrong use: exit code 2."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from remarque.codec import read_time
from remarque.errors import InvalidInput
from remarque.preferences import Category, Preference, parse_category, parse_preference

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...", exists=True, help="Pictures and folders; folders are searched, hidden files skipped."
    ),
]
Registry = Annotated[str, typer.Option(envvar="REMARQUE_REGISTRY", help="Address of the registry.", show_default=False)]
OptionalRegistry = Annotated[
    str | None, typer.Option(envvar="REMARQUE_REGISTRY", help="Address of the registry.", show_default=False)
]
Key = Annotated[
    str,
    typer.Option(
        envvar="REMARQUE_KEY", help="Your key. The variable keeps it out of the list of processes.", show_default=False
    ),
]
OptionalKey = Annotated[
    str | None,
    typer.Option(
        envvar="REMARQUE_KEY", help="Your key. The variable keeps it out of the list of processes.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def read_preferences(items: Sequence[str]) -> dict[Category, Preference]:
    """``ai_training=allowed`` items as preferences. Raises typer.BadParameter."""
    read: dict[Category, Preference] = {}
    for item in items:
        category, equals, value = item.partition("=")
        if not equals:
            raise typer.BadParameter(f"{item!r} is not of the form category=value", param_hint="--preference")
        try:
            parsed = parse_category(category)
            if parsed in read:
                raise typer.BadParameter(f"{category} is named twice", param_hint="--preference")
            read[parsed] = parse_preference(value)
        except InvalidInput as error:
            raise typer.BadParameter(str(error), param_hint="--preference") from None
    return read


def read_moment(text: str | None) -> datetime | None:
    """An RFC 3339 time. Raises typer.BadParameter."""
    try:
        return None if text is None else read_time(text)
    except InvalidInput as error:
        raise typer.BadParameter(str(error), param_hint="--valid-until") from None
