"""Options that several commands share, and how their text is read. What cannot be read is wrong use: exit code 2."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from remarque.codec import read_time
from remarque.errors import InvalidInput
from remarque.preferences import Category, Preference, parse_category, parse_preference
from remarque.transport import service_address, usable_key

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...", exists=True, help="Pictures and folders; folders are searched, hidden files skipped."
    ),
]


def read_address(text: str | None) -> str | None:
    """The address of a registry. Raises typer.BadParameter."""
    try:
        return None if text is None else service_address(text)
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from None


def _key(text: str | None) -> str | None:
    try:
        return usable_key(text)
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from None


REGISTRY: Any = typer.Option(
    envvar="REMARQUE_REGISTRY", help="Address of the registry.", show_default=False, callback=read_address
)
KEY: Any = typer.Option(
    envvar="REMARQUE_KEY",
    help="Your key. The variable keeps it out of the list of processes.",
    show_default=False,
    callback=_key,
)
Registry = Annotated[str, REGISTRY]
OptionalRegistry = Annotated[str | None, REGISTRY]
Key = Annotated[str, KEY]
OptionalKey = Annotated[str | None, KEY]
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
