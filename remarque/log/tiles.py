"""The tree and its entries as files: C2SP tlog-tiles, height 8.

A tile of level L holds up to 256 hashes: the roots of subtrees of 2**(8 L) leaves. A bundle holds the entries below one
tile of level 0. All but the last of each row are full and never change; a partial one is a prefix of the full one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from remarque.errors import LogError
from remarque.log.merkle import HASH_SIZE, Tree, node_hash
from remarque.log.proofs import HashAt

HEIGHT = 8
FULL = 1 << HEIGHT
#: The level of the bundles, one below the hashes of the leaves.
ENTRIES = -1
#: Levels that a tree of 2**64 leaves can have; tlog-tiles allows 0 to 63 in paths.
MAX_LEVEL = 63
MAX_BUNDLED = 0xFFFF

_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?", re.ASCII)


class Tile(NamedTuple):
    """Which tile: its level (ENTRIES for a bundle), its number in the row, and how many hashes or entries it holds."""

    level: int
    n: int
    width: int = FULL

    def path(self) -> str:
        """Return the path of tlog-tiles, for instance ``tile/0/x001/x234/067.p/112``."""
        if not (ENTRIES <= self.level <= MAX_LEVEL and self.n >= 0 and 1 <= self.width <= FULL):
            raise LogError(f"there is no such tile: {self!r}")
        groups = f"{self.n % 1000:03}"
        rest = self.n // 1000
        while rest:
            groups, rest = f"x{rest % 1000:03}/{groups}", rest // 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        return f"tile/{level}/{groups}" + ("" if self.width == FULL else f".p/{self.width}")

    @classmethod
    def parse(cls, path: str) -> Tile:
        """Inverse of ``path``. Raises LogError on any other spelling."""
        found = _PATH.fullmatch(path)
        if found is None:
            raise LogError(f"not the path of a tile: {path[:80]!r}")
        level, groups, width = found.groups()
        number = int(groups.replace("x", "").replace("/", "")) if len(groups) <= 80 else -1
        tile = cls(ENTRIES if level == "entries" else int(level), number, int(width or FULL))
        if tile.path() != path:
            raise LogError(f"not the path of a tile: {path[:80]!r}")
        return tile


def width_at(level: int, n: int, size: int) -> int:
    """How many hashes or entries tile ``n`` of a level holds in a tree of that size: 0 to 256."""
    return max(0, min(FULL, (size >> HEIGHT * max(level, 0)) - FULL * n))


def tiles_at(level: int, size: int) -> Iterator[Tile]:
    """The tiles of a level in a tree of that size, first to last."""
    held = size >> HEIGHT * max(level, 0)
    for n in range((held + FULL - 1) // FULL):
        yield Tile(level, n, width_at(level, n, size))


def edge_tiles(size: int) -> list[Tile]:
    """The partial tiles of hashes at the right edge: what ``append_batch`` has to be given."""
    levels = range((size.bit_length() + HEIGHT - 1) // HEIGHT)
    edge = [Tile(level, size >> HEIGHT * (level + 1), (size >> HEIGHT * level) % FULL) for level in levels]
    return [tile for tile in edge if tile.width]


def append_batch(tree: Tree, edge: Mapping[int, bytes], leaves: Iterable[bytes]) -> tuple[Tree, dict[Tile, bytes]]:
    """Append leaf hashes (32 bytes each): the new tree, and every tile that is new or has grown, as it is now.

    ``edge``: the data of ``edge_tiles(tree.size)`` by level. Nothing is changed in place. Raises LogError where the
    edge does not fit the size.
    """
    if {level: len(data) for level, data in edge.items()} != {
        tile.level: HASH_SIZE * tile.width for tile in edge_tiles(tree.size)
    }:
        raise LogError(f"the tiles at the edge do not fit a tree of size {tree.size}")
    hashes = list(leaves)
    grown = tree.extend(hashes)
    dirty: dict[Tile, bytes] = {}
    level, more = 0, b"".join(hashes)
    while more:
        data, more = edge.get(level, b"") + more, b""
        for n, start in enumerate(range(0, len(data), FULL * HASH_SIZE), tree.size >> HEIGHT * (level + 1)):
            tile = data[start : start + FULL * HASH_SIZE]
            dirty[Tile(level, n, len(tile) // HASH_SIZE)] = tile
            if len(tile) == FULL * HASH_SIZE:  # a full tile is one hash of the next level
                more += fold(tile)
        level += 1
    return grown, dirty


def fold(hashes: bytes) -> bytes:
    """Return the root over 2**k hashes (32 bytes each, concatenated)."""
    row = [hashes[i : i + HASH_SIZE] for i in range(0, len(hashes), HASH_SIZE)]
    if not row or len(row) & (len(row) - 1):
        raise LogError(f"{len(row)} hashes are no perfect subtree")
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def hash_reader(read_tile: Callable[[Tile], bytes], size: int) -> HashAt:
    """Read the nodes of a tree of ``size`` leaves from its tiles, each tile once. Raises LogError on one that is not
    as wide as it says, and what ``read_tile`` raises."""
    seen: dict[Tile, bytes] = {}

    def hash_at(level: int, index: int) -> bytes:
        tile_level, up = divmod(level, HEIGHT)
        n, offset = divmod(index << up, FULL)
        tile = Tile(tile_level, n, width_at(tile_level, n, size))
        if level < 0 or index < 0 or offset + (1 << up) > tile.width:
            raise LogError(f"a tree of size {size} has no node {index} at level {level}")
        if tile not in seen:
            seen[tile] = checked(tile, read_tile(tile))
        return fold(seen[tile][offset * HASH_SIZE : (offset + (1 << up)) * HASH_SIZE])

    return hash_at


def checked(tile: Tile, data: bytes) -> bytes:
    """The data of a tile of hashes, if it has the length of that tile. Raises LogError."""
    if len(data) != tile.width * HASH_SIZE:
        raise LogError(f"{tile.path()} has {len(data)} bytes, not {tile.width * HASH_SIZE}")
    return data


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Return 1 to 256 entries, each behind its length (two bytes, big-endian). Raises LogError on too many or long."""
    bundled = list(entries)
    if not 1 <= len(bundled) <= FULL or any(len(entry) > MAX_BUNDLED for entry in bundled):
        raise LogError(f"a bundle holds 1 to {FULL} entries of at most {MAX_BUNDLED} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in bundled)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """Inverse of ``encode_bundle``. Raises LogError unless there are exactly ``width`` entries and nothing after."""
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < width:
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise LogError("a bundle ends within an entry")
        entries.append(data[at + 2 : end])
        at = end
    if at != len(data) or len(entries) != width or not 1 <= width <= FULL:
        raise LogError(f"a bundle that should hold {width} entries has {len(entries)}, and {len(data) - at} bytes more")
    return entries
