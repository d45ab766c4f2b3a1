"""Does a log hold what it signed? Everything is computed again from its entries.

The log is read from front to back, one bundle at a time: memory does not grow with it. Nothing is believed but the
signature of the checkpoint; every tile, every entry and every earlier checkpoint has to agree with it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from remarque.errors import LogError, NotFound
from remarque.log.checkpoint import Checkpoint, open_checkpoint
from remarque.log.entries import Entry
from remarque.log.keys import PinnedKeys
from remarque.log.merkle import EMPTY_ROOT, HASH_SIZE, Tree, leaf_hash
from remarque.log.sources import Read
from remarque.log.tiles import (
    ENTRIES,
    FULL,
    Tile,
    append_batch,
    checked,
    decode_bundle,
    edge_tiles,
    encode_bundle,
    tiles_at,
)

CHECKPOINT = "checkpoint"


class Kept(NamedTuple):
    """A checkpoint that somebody kept: where it was found, and the signed note."""

    where: str
    note: bytes


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit found in order: the state, how many entries of each type, how many files and kept checkpoints."""

    checkpoint: Checkpoint
    types: Mapping[str, int]
    tiles: int
    bundles: int
    kept: int


def audit(
    read: Read,
    keys: PinnedKeys,
    kept: Sequence[Kept] = (),
    quorum: int = 0,
    progress: Callable[[int, int], object] = lambda done, size: None,
) -> Audited:
    """Audit the log that ``read`` reads. ``progress`` is called with the entries done and the size.

    Raises LogError on the first thing that does not fit, NotFound where there is no log at all, and what ``read``
    raises where it cannot read.
    """
    # (1) The checkpoint is signed by the log, and by enough witnesses.
    note = read(CHECKPOINT)
    if note is None:
        raise NotFound("there is no log here: the file checkpoint is missing")
    head = open_checkpoint(note, keys.log_key, keys.witnesses, quorum)
    # (2) So is every checkpoint that was kept. The log may show an earlier one, which witnesses have signed; it has the
    # entries of each all the same.
    earlier = _earlier(kept, keys, head, read)
    size = max(head.size, *earlier, 0)
    if size > head.size:
        earlier.setdefault(head.size, []).append((CHECKPOINT, head.root))
        _compare(earlier.pop(0, []), 0, EMPTY_ROOT)
    # (3) Every entry, every tile, and the root at the size of every kept checkpoint.
    state = _Auditor(read, size, earlier)
    for bundle in tiles_at(ENTRIES, size):
        state.take(bundle)
        progress(state.tree.size, size)
    # (4) The root at the end.
    if size == head.size and state.tree.root() != head.root:
        raise LogError(f"the entries have the root {state.tree.root().hex()}, the log signed {head.root.hex()}")
    return Audited(head, state.types, state.tiles, state.bundles, len(kept))


def _earlier(
    kept: Sequence[Kept], keys: PinnedKeys, head: Checkpoint, read: Read
) -> dict[int, list[tuple[str, bytes]]]:
    """Where and which root, by size. Raises LogError on a kept checkpoint that is not signed, or beyond what the log
    has, and what ``read`` raises."""
    earlier: dict[int, list[tuple[str, bytes]]] = {}
    for where, note in kept:
        try:
            found = open_checkpoint(note, keys.log_key)
        except LogError as error:
            raise LogError(f"{where} is no checkpoint of this log: {error}") from error
        if found.size > head.size and not _reaches(read, found.size):
            raise LogError(f"{where} was signed at size {found.size}, and the log now shows {head.size}")
        earlier.setdefault(found.size, []).append((where, found.root))
    _compare(earlier.pop(0, []), 0, EMPTY_ROOT)
    return earlier


def _reaches(read: Read, size: int) -> bool:
    """Whether the log has a file for the last of so many entries."""
    n = (size - 1) // FULL
    last = Tile(ENTRIES, n, size - n * FULL)
    return any(read(tile.path()) is not None for tile in (last, last._replace(width=FULL)))


@dataclass
class _Auditor:
    """What was computed so far: the tree, and the partial tile at the edge of each level."""

    read: Read
    size: int
    earlier: Mapping[int, Sequence[tuple[str, bytes]]]
    tree: Tree = field(default_factory=Tree)
    edge: dict[int, bytes] = field(default_factory=dict)
    types: Counter[str] = field(default_factory=Counter)
    tiles: int = 0
    bundles: int = 0

    def __post_init__(self) -> None:
        self._stops = deque(sorted(self.earlier))

    def take(self, bundle: Tile) -> None:
        """Read the next bundle and compare everything that can be computed with it."""
        start, end = self.tree.size, self.tree.size + bundle.width
        entries = self._read_bundle(bundle)
        self.types.update(_check_entry(index, body) for index, body in enumerate(entries, start))
        while self._stops and self._stops[0] <= end:
            stop = self._stops.popleft()
            self._grow(entries[self.tree.size - start : stop - start])
            _compare(self.earlier[stop], stop, self.tree.root())
            self._compare_earlier(Tile(ENTRIES, bundle.n, stop - start), entries)
        self._grow(entries[self.tree.size - start :])
        if self.tree.size == self.size:
            for tile in edge_tiles(self.size):
                self._compare_tile(tile, self.edge[tile.level])

    def _grow(self, entries: Sequence[bytes]) -> None:
        """Append entries of one bundle; a tile that is full now is compared and forgotten."""
        self.tree, dirty = append_batch(self.tree, self.edge, map(leaf_hash, entries))
        for tile, data in dirty.items():
            if tile.width == FULL:
                self._compare_tile(tile, data)
                self.edge.pop(tile.level, None)
            else:
                self.edge[tile.level] = data

    def _compare_tile(self, tile: Tile, data: bytes) -> None:
        self.tiles += 1
        if self._fetch(tile) != data:
            raise LogError(f"{tile.path()} is not what the entries below it give")

    def _compare_earlier(self, bundle: Tile, entries: Sequence[bytes]) -> None:
        """Compare the partial files of an earlier state, where the log still has them, with what they grew into."""
        expected = {tile: self.edge[tile.level] for tile in edge_tiles(self.tree.size)}
        if bundle.width < FULL:
            expected[bundle] = encode_bundle(entries[: bundle.width])
        for tile, data in expected.items():
            published = self.read(tile.path())
            if published not in (None, data):  # a partial file may be dropped once it is full
                raise LogError(f"{tile.path()} is no prefix of what it grew into")

    def _read_bundle(self, bundle: Tile) -> list[bytes]:
        self.bundles += 1
        try:
            return decode_bundle(self._fetch(bundle), bundle.width)
        except LogError as error:
            raise LogError(f"{bundle.path()}: {error}") from error

    def _fetch(self, tile: Tile) -> bytes:
        """The file of a tile, or the beginning of the full one, where the log has grown since and dropped it."""
        whole = tile._replace(width=FULL)
        data = self.read(tile.path())
        if data is not None:
            return data
        full = self.read(whole.path())
        if full is None:
            raise LogError(f"{tile.path()} is missing")
        if tile.level == ENTRIES:
            return encode_bundle(decode_bundle(full, FULL)[: tile.width])
        return checked(whole, full)[: tile.width * HASH_SIZE]


def _check_entry(index: int, body: bytes) -> str:
    """The type of an entry, if it is in order. Raises LogError."""
    try:
        entry = Entry.decode(body)
    except LogError as error:
        raise LogError(f"entry {index}: {error}") from error
    ref = entry.fields.get("ref")
    if isinstance(ref, int) and ref >= index:
        raise LogError(f"entry {index} is about entry {ref}, which comes later")
    return entry.type


def _compare(kept: Sequence[tuple[str, bytes]], size: int, root: bytes) -> None:
    """Raise LogError, naming the first kept checkpoint of that size which has another root."""
    for where, told in kept:
        if told != root:
            raise LogError(f"{where} was signed at size {size} with root {told.hex()}; the entries have {root.hex()}")
