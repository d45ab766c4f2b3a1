"""``remarque log export``: the files of a log in a directory, to be served by anything or audited offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from remarque.cli.output import tell
from remarque.durable import write_whole
from remarque.errors import InvalidInput, LogError, NotFound
from remarque.log import sources
from remarque.log.checkpoint import Checkpoint
from remarque.log.merkle import Tree, leaf_hash
from remarque.log.note import Note
from remarque.log.tiles import (
    ENTRIES,
    FULL,
    Tile,
    append_batch,
    checked,
    decode_bundle,
    edge_tiles,
    hash_reader,
    tiles_at,
)
from remarque.transport import service_address

CHECKPOINT = "checkpoint"


def export(
    source: Annotated[str, typer.Argument(metavar="URL", help="A registry, or the address of a log's files.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False, help="Where the files are kept.")],
) -> None:
    """Keep a log's checkpoint, tiles and entries in a directory, and bring them up to date the next time.

    Tiles are computed from the entries and compared with the checkpoint, which is written last: what DIR holds fits
    together, and continues what it held before. Signatures are verified by `remarque log audit DIR`.
    """
    try:
        address = service_address(source)
    except InvalidInput as error:
        raise typer.BadParameter(str(error), param_hint="URL") from None
    prefix = address if urlsplit(address).path else f"{address}/log"
    with sources.log_client() as client:
        before, now = mirror(sources.read_address(client, prefix), folder)
    tell(f"{folder}: {now.origin} at tree size {now.size}, {now.size - before} entries more than before")


def mirror(read: sources.Read, folder: Path) -> tuple[int, Checkpoint]:
    """Bring a directory up to date: the size that it had, and the checkpoint that it has now.

    Raises NotFound where there is no log, LogError where it does not continue what the directory holds.
    """
    kept = sources.read_directory(folder)
    note = read(CHECKPOINT)
    if note is None:
        raise NotFound("there is no log there: the file checkpoint is missing")
    new, old = _parsed(note), _parsed(kept(CHECKPOINT))
    if old.size and (new.origin != old.origin or new.size < old.size):
        raise LogError(f"{new.origin} at {new.size} does not continue {old.origin} at {old.size}")
    tree, edge = _end_of(kept, old.size)
    for bundle in tiles_at(ENTRIES, new.size):
        end = bundle.n * FULL + bundle.width
        if end <= old.size:
            continue
        data = (kept(bundle.path()) if bundle.width == FULL else None) or read(bundle.path())
        if data is None:
            raise LogError(f"{bundle.path()} is missing")
        entries = decode_bundle(data, bundle.width)
        leaves = [leaf_hash(entry) for entry in entries[tree.size - bundle.n * FULL :]]
        tree, grown = append_batch(tree, edge, leaves)
        edge = {tile.level: grown.get(tile) or edge[tile.level] for tile in edge_tiles(tree.size)}
        _write(folder / bundle.path(), data)
        for tile, hashes in grown.items():
            _write(folder / tile.path(), hashes)
    if tree.root() != new.root:
        for bundle in tiles_at(ENTRIES, new.size):
            if (bundle.n + 1) * FULL > old.size:  # one of them is not of this log: all are fetched again
                (folder / bundle.path()).unlink(missing_ok=True)
        raise LogError(f"the entries have the root {tree.root().hex()}, the checkpoint {new.root.hex()}")
    _write(folder / CHECKPOINT, note)
    return old.size, new


def _parsed(note: bytes | None) -> Checkpoint:
    return Checkpoint("", 0, b"") if note is None else Checkpoint.parse(Note.parse(note).text)


def _end_of(kept: sources.Read, size: int) -> tuple[Tree, dict[int, bytes]]:
    """The tree that a directory holds, and its partial tiles by level. Raises LogError where they are missing."""

    def tile_of(tile: Tile) -> bytes:
        data = kept(tile.path())
        if data is None:
            raise LogError(f"{tile.path()} is missing in the directory; remove its checkpoint to fetch it again")
        return checked(tile, data)

    hash_at, peaks, begin = hash_reader(tile_of, size), b"", 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            peaks += hash_at(level, begin >> level)
            begin += 1 << level
    return Tree.from_bytes(size, peaks), {tile.level: tile_of(tile) for tile in edge_tiles(size)}


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
