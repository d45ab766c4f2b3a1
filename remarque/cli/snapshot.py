"""``remarque snapshot``: the whole registry as files, to be asked on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from remarque.cli import service
from remarque.cli.options import Json, OptionalKey, read_address
from remarque.cli.output import FINDING, say, tell, tell_json
from remarque.cli.pinned import Keys, load_keys
from remarque.errors import LogError, RemarqueError, SegmentDamaged

if TYPE_CHECKING:  # loading it needs no extra, and takes a moment that other commands need not wait for
    from remarque.snapshots.manifest import Manifest
    from remarque.snapshots.pulling import Report

app = typer.Typer(no_args_is_help=True, help="The whole registry as files, to be asked on this machine.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A folder that was pulled.")]


@app.command()
def pull(
    url: Annotated[
        str,
        typer.Argument(
            envvar="REMARQUE_REGISTRY", help="Address of the registry.", show_default=False, callback=read_address
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", file_okay=False, help="Where it is kept; made where it is not there.")
    ],
    keys: Keys,
    key: OptionalKey = None,
    json: Json = False,
) -> None:
    """Bring DIR to the newest snapshot: fetch what changed, or everything where there is none yet.

    Exit code 0 where DIR holds the newest one, 1 where it does not verify, 3 where it could not be fetched. DIR holds
    the snapshot of before until the new one is whole and verified; what was broken off goes on where it was.
    """
    from remarque.snapshots import pulling

    pinned = load_keys(keys)
    try:
        with _progress() as report:
            done = pulling.pull(url, folder, keys=pinned, key=key, report=report)
    except (LogError, SegmentDamaged) as error:
        _refuse(folder, error, json)
    if json:
        told = {"since": done.since, "received": done.received, "saved": done.saved, "note": done.note}
        tell_json({"directory": str(done.directory), "verifies": True} | told | _document(done.manifest))
        return
    if done.note is not None:
        say(done.note)
    _tell(done.directory, done.manifest)
    how = "" if done.since is None else f" on top of tree size {done.since}"
    tell(f"received {done.received:,} bytes{how}; {done.saved:,} bytes of files needed no fetching")


@app.command()
def verify(folder: Folder, keys: Keys, json: Json = False) -> None:
    """Verify every byte of a snapshot, with the keys of the registry that were saved earlier. Nobody is asked.

    Exit code 0 where it verifies, 1 where it does not.
    """
    from remarque.snapshots import opened

    pinned = load_keys(keys)
    try:
        manifest = opened.verify_snapshot(folder, pinned)
    except (LogError, SegmentDamaged) as error:
        _refuse(folder, error, json)
    directory = opened.require_snapshot(folder)
    if json:
        tell_json({"directory": str(directory), "verifies": True} | _document(manifest))
    else:
        _tell(directory, manifest)
        tell("verified: signed by the registry, and every file is what was signed")


@app.command()
def info(folder: Folder, json: Json = False) -> None:
    """Tell what a snapshot says it is; whether that is true is for 'verify' to say."""
    from remarque.snapshots import opened

    directory = opened.require_snapshot(folder)
    manifest = opened.manifest_of(directory)
    if json:
        tell_json({"directory": str(directory)} | _document(manifest))
    else:
        _tell(directory, manifest)


# What follows is read by the service's own command, its --help too.
@app.command(add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def build(context: typer.Context) -> None:
    """Make and sign a snapshot, where the service runs. Options: remarque snapshot build --help."""
    service.run("snapshot-build", "remarque snapshot build", context.args)


def _refuse(folder: Path, error: RemarqueError, json: bool) -> NoReturn:
    """Say what does not verify, and end."""
    if json:
        tell_json({"directory": str(folder), "verifies": False, "problem": str(error)})
    else:
        say(f"remarque: {error}")
    raise typer.Exit(FINDING)


def _document(manifest: Manifest) -> dict[str, Any]:
    return {
        "tree_size": manifest.tree_size,
        "root": manifest.root,
        "counts": dict(manifest.counts),
        "files": len(manifest.files),
        "bytes": manifest.bytes,
    }


def _tell(directory: Path, manifest: Manifest) -> None:
    tell(f"{directory}: tree size {manifest.tree_size}, root {manifest.root}")
    rest = ", ".join(f"{count:,} {name}" for name, count in manifest.counts.items() if name != "declarations")
    tell(f"{manifest.counts.get('declarations', 0):,} declarations ({rest})")
    tell(f"{len(manifest.files)} files, {manifest.bytes:,} bytes")


@contextmanager
def _progress() -> Iterator[Report]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, whole: None
        return
    columns = (TextColumn("fetching"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("fetching", total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)
