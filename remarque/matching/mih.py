"""Exact search by multi-index hashing: the fast index. What it answers is what LinearIndex answers.

A hash of b bits is cut into m blocks, and every block has an index of its own: which rows have this key? To find all
rows within radius r of a query, block i is asked for every key within t_i bits of the query's own, where

    t_1 + ... + t_m = r - m + 1,   each t_i >= -1 (-1: the block is not asked).

Nothing is missed: a row of which every block is further than its t_i differs in at least the sum of (t_i + 1), which is
r + 1 bits. So a row within r is near in at least one block, and comparing all that is found there with the whole query
makes the answer exact, whatever the content and the radius. A row that is near in several blocks is reported by the
first of them. (Norouzi, Punjani, Fleet: Fast Exact Search in Hamming Space with Multi-Index Hashing, 2014; uneven radii
as in Qin et al., GPH, 2018.)

Neighbouring bits of a perceptual hash depend on each other, and keys cut from them are shared by more rows than they
need be. So the index keeps the bits in another order (see STEP), which changes no distance.

The cut depends on how many rows there are and on the usual radius, the radii t_i on the radius that is asked: one index
answers every radius, and falls back to comparing everything where that costs less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations
from math import comb, inf
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from remarque.errors import InvalidFingerprint, MissingExtra
from remarque.matching.index import Hits, Words

#: Nanoseconds, fitted to what 10, 11 and 12 blocks cost at 1M and 10M PDQ (bench/index.py): to test one key, to test
#: the keys of a line together, to fetch and compare a row that was found, to compare one word where all are compared.
BIT_NS, LINE_NS, NEAR_NS, SCAN_NS = 4.0, 20.0, 30.0, 0.4

#: Real hashes share keys a little more often than random ones: times the expected number of rows that are found.
SKEW = 1.1

#: The index has bit ``i * STEP % bits`` of a hash as its bit i: an odd number, so that every bit has its place. Any
#: order that scatters neighbours will do; on 1M PDQ of photographs it saves 14 % of the time.
STEP = 93

#: Keys of a block for each row, at most: bounds the bitmaps to 4 bytes a row and block.
KEYS_A_ROW = 32

#: Keys in one line of a bitmap: 2**9 bits are the 64 bytes of a cache line. A key has at least so many bits.
LINE_BITS = 9

#: Bits of a key, at most: where bitmaps of 32 keys a row end for the most rows there can be is beyond any memory.
MAX_WIDTH = 32

#: A slot below this is a row; from there on, a place in ``more``. So it is the number of rows, at most.
MANY = 1 << 31


@dataclass(frozen=True, slots=True)
class Block:
    """Bits ``start`` to ``start + width`` of every hash."""

    start: int
    width: int


def layout(n: int, radius: int, bits: int = 256) -> tuple[Block, ...]:
    """The cheapest cut of ``n`` hashes for searches of ``radius``; no block where comparing all is cheaper still."""
    widest = min(MAX_WIDTH, max(LINE_BITS, (KEYS_A_ROW * max(n, 1)).bit_length() - 1))
    best: tuple[Block, ...] = ()
    cheapest = _scan_cost(n, bits)
    for m in range(-(-bits // widest), bits // LINE_BITS + 1):
        widths = [bits // m + (i < bits % m) for i in range(m)]
        _, cost = radii(widths, n, radius)
        if cost < cheapest:
            starts = np.cumsum([0, *widths]).tolist()
            best, cheapest = tuple(map(Block, starts, widths)), cost
    return best


def radii(widths: Sequence[int], n: int, radius: int) -> tuple[list[int], float]:
    """The cheapest t_i for a radius, at least 0, and the expected nanoseconds of a query.

    One bit more at a time goes to the block where it costs least: costs are convex, so that is the cheapest of all.
    """
    chosen, costs = [-1] * len(widths), [0.0] * len(widths)
    following = [_cost(width, 0, n) for width in widths]
    for _ in range(radius + 1):
        i = min(range(len(widths)), key=lambda i: following[i] - costs[i], default=None)
        if i is None or following[i] == inf:
            return chosen, inf
        chosen[i] += 1
        costs[i], following[i] = following[i], _cost(widths[i], chosen[i] + 1, n)
    return chosen, sum(costs)


@lru_cache(4096)
def _cost(width: int, t: int, n: int) -> float:
    if t > width:
        return inf
    high = width - LINE_BITS
    tests = sum(comb(high, h) * (LINE_NS if h < t else BIT_NS) for h in range(min(t, high) + 1))
    found: float = SKEW * NEAR_NS * n * _ball(width, t) / 2**width
    return tests + found


def _ball(width: int, t: int) -> int:
    return sum(comb(width, k) for k in range(t + 1))


def _scan_cost(n: int, bits: int) -> float:
    return n * SCAN_NS * bits / 64


class Arrays(NamedTuple):
    """All there is to an index: plain arrays, which may be memory-mapped read-only.

    ``hashes``: uint64 (n, words), bits in the order of the index. ``blocks``: int64 (m, 5), of each block first bit,
    width, and where it begins in bitmap (and ranks), slots and more. ``bitmap``: uint64 (lines, 8), one bit for each
    key, set if any row has it. ``ranks``: uint32 (lines,), how many keys of the block are present before the line.
    ``slots``: uint32, for each key that is present the row that has it, or MANY + a place in more. ``more``: uint32,
    for each key that several rows have, their number and the rows.

    Memory of a block: 4 bytes a row in slots and more (6 if no key is of one row alone), 1.1 bits a key in bitmap and
    ranks. PDQ cut for radius 31, hashes included: 96 bytes a row at 1M, 87 at 10M (measured, bench/index.py).
    """

    hashes: NDArray[np.uint64]
    blocks: NDArray[np.int64]
    bitmap: NDArray[np.uint64]
    ranks: NDArray[np.uint32]
    slots: NDArray[np.uint32]
    more: NDArray[np.uint32]


class Plan(NamedTuple):
    """How a radius is searched.

    ``radii``: int64 (m,), t of each block. ``flips``: int64, what is flipped in the number of a line, by block and
    then by how many bits it flips; ``flip_ends``: int64 (m, weights + 1), where in flips. ``balls``: uint64 (t + 1,
    512, 8), for each radius and each key of a line, the keys of the line within that radius. ``room``: keys in the
    largest ball.
    """

    radii: NDArray[np.int64]
    flips: NDArray[np.int64]
    flip_ends: NDArray[np.int64]
    balls: NDArray[np.uint64]
    room: int


_KINDS = {"hashes": (np.uint64, 2), "blocks": (np.int64, 2), "bitmap": (np.uint64, 2), "ranks": (np.uint32, 1)} | {
    "slots": (np.uint32, 1),
    "more": (np.uint32, 1),
}


class MihIndex:
    """Hashes that never change; any number of threads and processes may search the same arrays."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """``arrays``: those of Arrays, by name, as ``build`` made them.

        Raises InvalidFingerprint if one is missing, of another kind, or does not fit the others. Only shapes and the
        table of blocks are looked at: what comes from elsewhere must have been checked by its digest (see segments).
        """
        self._arrays = Arrays(**{name: _frozen(name, arrays) for name in Arrays._fields})
        self._plans: dict[int, Plan | None] = {}
        if not _fit(self._arrays):
            raise InvalidFingerprint("the arrays do not belong to one index")

    @classmethod
    def build(cls, hashes: Words, radius: int, blocks: Sequence[Block] | None = None) -> MihIndex:
        """Index ``hashes`` for searches of about ``radius``; cut as ``layout`` says unless ``blocks`` says otherwise.

        Besides the arrays takes 6 bytes a row. Raises InvalidFingerprint on other arrays or too many rows, and
        MissingExtra without numba.
        """
        if hashes.dtype != np.uint64 or hashes.ndim != 2 or not hashes.shape[1] or len(hashes) >= MANY:
            raise InvalidFingerprint(
                f"an index holds uint64 (n, words), n under {MANY}, not {hashes.dtype} {tuple(hashes.shape)}"
            )
        _need_numba()
        from remarque.matching.buckets import fill, reorder

        n, bits = len(hashes), hashes.shape[1] * 64
        cut = layout(n, radius, bits) if blocks is None else blocks
        lines = [1 << block.width - LINE_BITS for block in cut]
        stored = _aligned((n, hashes.shape[1]), np.uint64)
        reorder(_read_only(hashes), _tables(bits), stored)
        bitmap = _aligned((sum(lines), 8), np.uint64)
        bitmap[:] = 0
        ranks = _aligned((sum(lines),), np.uint32)
        # As large as they can become; memory that is never written to is never taken.
        slots, more = np.empty(n * len(cut), np.uint32), np.empty(n * len(cut) * 3 // 2, np.uint32)
        table, line, slot, extra = [], 0, 0, 0
        for block, size in zip(cut, lines, strict=True):
            table.append((block.start, block.width, line, slot, extra))
            used, used_more = fill(
                stored,
                block.start,
                block.width,
                bitmap[line : line + size],
                ranks[line : line + size],
                slots[slot:],
                more[extra:],
            )
            line, slot, extra = line + size, slot + used, extra + used_more
        return cls(
            {
                "hashes": stored,
                "blocks": np.array(table, np.int64).reshape(-1, 5),
                "bitmap": bitmap,
                "ranks": ranks,
                "slots": slots[:slot],
                "more": more[:extra],
            }
        )

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """All there is to the index, by name, to be written to files; read-only."""
        return self._arrays._asdict()

    def __len__(self) -> int:
        return len(self._arrays.hashes)

    def hashes(self, first: int = 0, stop: int | None = None) -> Words:
        """A copy of the rows ``first`` to ``stop``, uint64 (k, words), as they were given."""
        return self._reordered(self._arrays.hashes[first:stop], back=True)

    def _reordered(self, hashes: Words, *, back: bool = False) -> Words:
        _need_numba()
        from remarque.matching.buckets import reorder

        out = np.empty(hashes.shape, np.uint64)
        reorder(_read_only(hashes), _tables(64 * hashes.shape[1], back), out)
        return out

    def search(self, queries: Words, radius: int, rows: int | None = None) -> Hits:
        """Every pair within ``radius`` bits, inclusive (see HashIndex). Raises MissingExtra without numba."""
        words = self._arrays.hashes.shape[1]
        if queries.dtype != np.uint64 or queries.ndim != 2 or queries.shape[1] != words:
            raise InvalidFingerprint(f"queries are uint64 (n, {words}), not {queries.dtype} {tuple(queries.shape)}")
        asked = _read_only(self._reordered(queries))
        from remarque.matching import probes

        limit = len(self) if rows is None else min(max(rows, 0), len(self))
        if radius not in self._plans:
            self._plans[radius] = self._plan(radius)
        plan = self._plans[radius]
        if plan is None:
            found = probes.scan(self._arrays.hashes, asked, radius, limit)
        else:
            found = probes.search(self._arrays, plan, asked, radius, limit)
        query, row, distance = found.T
        order = np.lexsort((row, distance, query))
        return Hits(query[order], row[order], distance[order].astype(np.uint16))

    def _plan(self, radius: int) -> Plan | None:
        widths = self._arrays.blocks[:, 1].tolist()
        chosen, cost = radii(widths, len(self), radius)
        if radius < 0 or not cost < _scan_cost(len(self), 64 * self._arrays.hashes.shape[1]):
            return None
        most = max(chosen)
        flips: list[int] = []
        ends = np.zeros((len(widths), most + 2), np.int64)
        for block, (width, t) in enumerate(zip(widths, chosen, strict=True)):
            ends[block, 0] = len(flips)
            for weight in range(most + 1):
                if weight <= t:
                    flips += _masks(width - LINE_BITS, weight)
                ends[block, weight + 1] = len(flips)
        room = max(_ball(width, t) for width, t in zip(widths, chosen, strict=True))
        return Plan(np.array(chosen), np.array(flips, np.int64), ends, _balls(min(most, LINE_BITS)), room)


@cache
def _masks(bits: int, weight: int) -> list[int]:
    """All numbers of ``bits`` bits of which ``weight`` are set, ascending."""
    return sorted(sum(1 << place for place in places) for places in combinations(range(bits), weight))


@cache
def _balls(most: int) -> NDArray[np.uint64]:
    """uint64 (most + 1, 512, 8): for each radius and each key of a line, the keys of the line within the radius."""
    keys = np.arange(1 << LINE_BITS)
    distance = np.bitwise_count(keys[:, None] ^ keys[None, :])
    near = distance[None] <= np.arange(most + 1)[:, None, None]
    return np.packbits(near, axis=-1, bitorder="little").view("<u8").astype(np.uint64, copy=False)


@cache
def _tables(bits: int, back: bool = False) -> NDArray[np.uint64]:
    """uint64 (bytes, 256, words): what each value of each byte of a hash becomes in the order of the index, or back."""
    places = [i * STEP % bits for i in range(bits)]
    tables = np.zeros((bits // 8, 256, bits // 64), np.uint64)
    for new, old in enumerate(places):
        source, target = (new, old) if back else (old, new)
        with_bit = np.arange(256) >> (source & 7) & 1 == 1
        tables[source >> 3, with_bit, target >> 6] |= np.uint64(1 << (target & 63))
    return _read_only(tables)


def _aligned(shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """An array that begins at the beginning of a cache line, as a mapped file does."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, np.uint8)
    first = -raw.ctypes.data % 64
    return raw[first : first + size].view(dtype).reshape(shape)


def _frozen(name: str, arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    dtype, dimensions = _KINDS[name]
    array = arrays.get(name)
    if array is None or array.dtype != dtype or array.ndim != dimensions:
        raise InvalidFingerprint(f"an index needs {name}, {np.dtype(dtype)} of {dimensions} dimensions")
    return _read_only(array)


def _fit(a: Arrays) -> bool:
    """Whether every block lies within the hash and within the arrays that it points into."""
    n, words = a.hashes.shape
    if a.blocks.shape[1] != 5 or a.bitmap.shape != (len(a.ranks), 8) or not words or n >= MANY:
        return False
    starts, widths, lines, slots, more = a.blocks.T
    if not len(a.blocks):
        return not len(a.ranks)
    if widths.min() < LINE_BITS or widths.max() > MAX_WIDTH or widths.sum() != 64 * words:
        return False
    sizes = np.left_shift(1, widths - LINE_BITS)
    return (
        np.array_equal(starts, np.cumsum(widths) - widths)
        and np.array_equal(lines, np.cumsum(sizes) - sizes)
        and sizes.sum() == len(a.ranks)
        and all(
            at[0] == 0 and np.all(np.diff(at) >= 0) and at[-1] <= len(of)
            for at, of in ((slots, a.slots), (more, a.more))
        )
    )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A view; the loops are compiled once, for arrays that are read-only, as mapped files are."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view


def _need_numba() -> None:
    try:
        import numba  # noqa: F401  (asked for here, used by the loops)
    except ImportError as error:
        raise MissingExtra("filter", "Searching a large index") from error
