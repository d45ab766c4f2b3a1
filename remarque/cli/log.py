"""``remarque log audit``: does the log hold what it signed? And the other commands about a log."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.progress import Progress

from remarque.cli.log_export import export
from remarque.cli.options import Json
from remarque.cli.output import DONE, FINDING, say, tell, tell_json
from remarque.cli.pinned import Keys, Quorum, load_keys
from remarque.cli.witness import witness
from remarque.errors import InvalidInput, LogError
from remarque.log import audit as auditing
from remarque.log import sources
from remarque.log.note import MAX_NOTE_SIZE
from remarque.transport import service_address

app = typer.Typer(no_args_is_help=True, help="The log itself.")


@app.command()
def audit(
    source: Annotated[
        str,
        typer.Argument(
            metavar="URL|DIR",
            envvar="REMARQUE_REGISTRY",
            help="A registry, the address of a log's files, or a directory that holds them.",
            show_default=False,
        ),
    ],
    keys: Keys,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(exists=True, help="Checkpoints kept elsewhere: files, or folders of them.", show_default=False),
    ] = None,
    quorum: Quorum = 0,
    json: Json = False,
) -> None:
    """Read a whole log and compute everything in it again.

    Exit code 0 where all of it fits, 1 where something does not, 3 where it could not be read. Without checkpoints that
    somebody else kept, a log that was rewritten as a whole fits too.
    """
    pinned = load_keys(keys)
    kept = _kept(checkpoints or [], pinned.origin)
    with _reader(source) as read, _progress() as progress:
        try:
            result = _found(auditing.audit(read, pinned, kept, quorum, progress))
        except LogError as error:
            result = {"verifies": False, "problem": str(error)}
    if json:
        tell_json({"source": source} | result)
    else:
        _tell(result)
    raise typer.Exit(DONE if result["verifies"] else FINDING)


@contextmanager
def _reader(source: str) -> Iterator[sources.Read]:
    """Where the files are. Raises typer.BadParameter."""
    if "://" not in source:
        if not Path(source).is_dir():
            raise typer.BadParameter(f"there is no directory {source}", param_hint="URL|DIR")
        yield sources.read_directory(Path(source))
        return
    try:
        address = service_address(source)
    except InvalidInput as error:
        raise typer.BadParameter(str(error), param_hint="URL|DIR") from None
    # An address without a path is a registry's; its log is under /log. Any other is taken as the log's own.
    prefix = address if urlsplit(address).path else f"{address}/log"
    with sources.log_client() as client:
        yield sources.read_address(client, prefix)


@contextmanager
def _progress() -> Iterator[Any]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, size: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("auditing", total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)


def _kept(paths: list[Path], origin: str) -> list[auditing.Kept]:
    """The checkpoints of this log among the files, in the order of their names. Hidden files are left out, and those
    whose first line names another log or nothing, with a note."""
    kept: list[auditing.Kept] = []
    for path in paths:
        inside = path.rglob("*") if path.is_dir() else [path]
        files = sorted(file for file in inside if file.is_file() and not _is_hidden(file, path))
        for file in files:
            with file.open("rb") as opened:
                data = opened.read(MAX_NOTE_SIZE + 1)
            if data.partition(b"\n")[0] == origin.encode():
                kept.append(auditing.Kept(str(file), data))
            else:
                say(f"{file} is no checkpoint of {origin}: left out")
    if paths and not kept:
        raise typer.BadParameter(f"no checkpoint of {origin} in there", param_hint="--checkpoints")
    return kept


def _is_hidden(file: Path, folder: Path) -> bool:
    return file != folder and any(part.startswith(".") for part in file.relative_to(folder).parts)


def _found(audited: auditing.Audited) -> dict[str, Any]:
    return {
        "verifies": True,
        "origin": audited.checkpoint.origin,
        "tree_size": audited.checkpoint.size,
        "root": audited.checkpoint.root.hex(),
        "entries": dict(sorted(audited.types.items())),
        "tiles": audited.tiles,
        "bundles": audited.bundles,
        "checkpoints": audited.kept,
    }


def _tell(result: dict[str, Any]) -> None:
    if not result["verifies"]:
        tell(f"does not verify: {result['problem']}")
        return
    tell(f"verifies: {result['origin']} at tree size {result['tree_size']}, root {result['root']}")
    entries = ", ".join(f"{count} {name}" for name, count in result["entries"].items()) or "no entries"
    tell(f"{entries}; {result['tiles']} tiles and {result['bundles']} bundles computed again")
    tell(f"{result['checkpoints']} checkpoints kept elsewhere agree" if result["checkpoints"] else _NOBODY_KEPT)


_NOBODY_KEPT = "no checkpoint kept elsewhere was compared (--checkpoints)"

app.command()(export)
app.command()(witness)
