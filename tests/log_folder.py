"""A log written into a directory: what a registry publishes, for audits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from remarque.log.checkpoint import Checkpoint, sign_checkpoint
from remarque.log.entries import Entry
from remarque.log.keys import PinnedKeys, receipts_name
from remarque.log.merkle import Tree, leaf_hash
from remarque.log.tiles import ENTRIES, HASH_SIZE, Tile, append_batch, edge_tiles, encode_bundle, tiles_at
from remarque.log.vkeys import KeyType, SigningKey

ORIGIN = "registry.example/log1"
LOG = SigningKey(ORIGIN, KeyType.NOTE, bytes(range(32)))
RECEIPTS = SigningKey(receipts_name(ORIGIN), KeyType.NOTE, bytes(range(1, 33)))
WITNESS = SigningKey("witness.example/w", KeyType.COSIGNATURE, bytes(range(2, 34)))
KEYS = PinnedKeys(ORIGIN, LOG.verifier, RECEIPTS.verifier, (WITNESS.verifier,))


def entry(index: int) -> bytes:
    """An entry in order, another one for each index."""
    return Entry("key", 1_795_464_000 + index, {"digest": f"{index:064x}"}).encode()


class LogFolder:
    """A log that publishes into a directory after every batch."""

    def __init__(self, folder: Path, make: Callable[[int], bytes] = entry) -> None:
        self.folder = folder
        self.entries: list[bytes] = []
        self.tree = Tree()
        self._make = make
        self._edge: dict[int, bytes] = {}

    def grow(self, to: int) -> None:
        """Append entries up to that size and publish tiles, bundles and checkpoint."""
        start = len(self.entries)
        new = [self._make(index) for index in range(start, to)]
        self.entries += new
        self.tree, dirty = append_batch(self.tree, self._edge, map(leaf_hash, new))
        for tile, data in dirty.items():
            self.write(tile.path(), data)
        self._edge |= {tile.level: data for tile, data in dirty.items()}
        self._edge = {tile.level: self._edge[tile.level] for tile in edge_tiles(to)}
        for tile in tiles_at(ENTRIES, to):
            if tile.n >= start // 256:
                self.write(tile.path(), encode_bundle(self.entries[256 * tile.n : 256 * tile.n + tile.width]))
        self.write("checkpoint", self.checkpoint())

    def checkpoint(self) -> bytes:
        return sign_checkpoint(Checkpoint(ORIGIN, self.tree.size, self.tree.root()), LOG).to_bytes()

    def write(self, path: str, data: bytes) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def read_tile(self, tile: Tile) -> bytes:
        """A tile at any width, cut from the widest that there is."""
        widths = range(tile.width, 257)
        paths = (self.folder / tile._replace(width=width).path() for width in widths)
        return next(path for path in paths if path.exists()).read_bytes()[: tile.width * HASH_SIZE]


def flip(data: bytes, bit: int) -> bytes:
    """The data with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def all_broken(data: bytes, every: int = 1) -> Sequence[bytes]:
    """Every truncation, and the data with each (or each so-many-th) bit flipped."""
    return [*(data[:end] for end in range(len(data))), *(flip(data, bit) for bit in range(0, 8 * len(data), every))]
