"""What the commands print. Results go to stdout; notes, errors and progress to stderr.

Names of files and words of a service are shown as plain text: no markup, no control characters.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from remarque.errors import RemarqueError, ServiceRefused

DONE = 0
FINDING = 1
FAILED = 3

#: A progress bar is worth its line from this many items on.
PROGRESS_FROM = 4

T = TypeVar("T")
R = TypeVar("R")


def plain(text: str) -> str:
    """Text with whatever a terminal would act on, or could not show, replaced."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def say(text: str) -> None:
    """A note or an error, on stderr."""
    print(plain(text), file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """One line of a result, on stdout."""
    print(plain(text), flush=True)


def tell_json(document: object) -> None:
    """The one JSON document of a run, on stdout; ASCII, so that any name of a file survives any locale."""
    print(json.dumps(document, indent=2), flush=True)


def tell_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on stdout; to a pipe or a file it is as wide as its text, so that no line is broken."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    wide = 0
    for row in rows:
        cells = [Text(plain(cell), style=_STYLES.get(cell, "")) for cell in row]
        wide = max(wide, sum(len(cell) + 2 for cell in cells))
        table.add_row(*cells)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 2 * wide)
    console.print(table)


@contextmanager
def progress(items: Sequence[T], doing: str) -> Iterator[Iterable[T]]:
    """The items, with a progress bar on stderr while they are walked, where that is a terminal and they are many."""
    console = Console(stderr=True)
    if len(items) < PROGRESS_FROM or not console.is_terminal:
        yield items
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Lines on the same terminal go above the bar; lines into a file or a pipe are none of its business.
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as bar:
        yield bar.track(items, description=doing)


def walk(
    items: Sequence[T], doing: str, do: Callable[[T], R], show: Callable[[R], object] | None = None
) -> tuple[list[R], RemarqueError | None]:
    """Do something with every item and return what came out, with the error that stopped it before the end, if any.

    ``do`` returns what is wrong with one item and raises only what would meet the next one too. What was done before
    is done: it is told, whatever came after.
    """
    results: list[R] = []
    try:
        with progress(items, doing) as steps:
            for item in steps:
                results.append(do(item))
                if show is not None:
                    show(results[-1])
    except RemarqueError as error:
        return results, error
    return results, None


def end(code: int, stopped: RemarqueError | None) -> NoReturn:
    """End the command. A run that was stopped says why, and is never done; a finding stays a finding."""
    if stopped is not None:
        say(f"remarque: {stopped}")
        code = code or FAILED
    raise typer.Exit(code)


def problem(error: RemarqueError | OSError) -> dict[str, str]:
    """An error as the JSON documents tell it: a short code that is stable, and a sentence."""
    if isinstance(error, ServiceRefused):
        return {"code": error.slug.replace("-", "_"), "detail": str(error)}
    if isinstance(error, OSError):
        return {"code": "unreadable", "detail": error.strerror or str(error)}
    name = type(error).__name__
    code = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")
    return {"code": code, "detail": str(error)}


_STYLES = {
    "allowed": "green",
    "disallowed": "red",
    "constrained": "yellow",
    "unknown": "dim",
    "trusted_label": "green",
    "untrusted_label": "yellow",
    "invalid_label": "red",
    "conflict": "red",
    "ok": "green",
    "failed": "red",
}
