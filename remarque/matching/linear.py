"""The reference search: every query against every stored hash. What a faster index finds is judged by it."""

import threading

import numpy as np
from numpy.typing import NDArray

from remarque.errors import InvalidFingerprint
from remarque.matching.index import Hits, Words, words

#: Pairs compared at once. The arrays in between then take about 3 MB, whatever is asked, and stay in the cache.
TILE_PAIRS = 1 << 18

#: Rows that the first buffer holds; it is doubled whenever it is full.
FIRST_CAPACITY = 1024


class LinearIndex:
    """Hashes of one length, in the order in which they came; rows never move and are never removed.

    Any number of threads may search while one appends: a search sees the rows that were there when it began.
    """

    def __init__(self, bits: int) -> None:
        """``bits``: the length of every hash, a multiple of 64 (256 for PDQ, 64 for pHash)."""
        if bits <= 0 or bits % 64:
            raise InvalidFingerprint(f"a hash has a multiple of 64 bits, not {bits}")
        self.bits = bits
        self._writing = threading.Lock()
        # Buffer and count are replaced together, in one assignment: a reader never sees one without the other.
        self._state: tuple[Words, int] = (np.empty((FIRST_CAPACITY, bits // 64), np.uint64), 0)

    def __len__(self) -> int:
        return self._state[1]

    def append(self, hashes: NDArray[np.uint8]) -> int:
        """Store hashes, uint8 (k, bits // 8); return the row of the first. Raises InvalidFingerprint on others."""
        added = words(hashes)
        if added.shape[1] != self.bits // 64:
            raise InvalidFingerprint(f"this index holds hashes of {self.bits} bits, not {added.shape[1] * 64}")
        with self._writing:
            buffer, first = self._state
            count = first + len(added)
            if count > len(buffer):
                grown = np.empty((max(count, 2 * len(buffer)), buffer.shape[1]), np.uint64)
                grown[:first] = buffer[:first]
                buffer = grown
            buffer[first:count] = added  # beyond what any reader counts
            self._state = (buffer, count)
        return first

    def rows(self) -> Words:
        """The stored hashes, uint64 (n, bits // 64), in their order; a view."""
        buffer, count = self._state
        return buffer[:count]

    def search(self, queries: Words, radius: int, rows: int | None = None) -> Hits:
        """Every pair within ``radius`` bits, inclusive (see HashIndex). Only the hits take more memory than a tile."""
        if queries.dtype != np.uint64 or queries.ndim != 2 or queries.shape[1] != self.bits // 64:
            raise InvalidFingerprint(
                f"queries are uint64 (n, {self.bits // 64}), not {queries.dtype} {tuple(queries.shape)}"
            )
        buffer, count = self._state
        stored = buffer[: count if rows is None else min(rows, count)]
        row_step = min(max(1, len(stored)), TILE_PAIRS)
        query_step = TILE_PAIRS // row_step
        found = [_NOTHING]
        for i in range(0, len(queries), query_step):
            for j in range(0, len(stored), row_step):
                found.append(_near(queries[i : i + query_step], stored[j : j + row_step], radius, i, j))
        query, row, distance = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.lexsort((row, distance, query))
        return Hits(query[order], row[order], distance[order])


_Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint16]]
_NOTHING: _Pairs = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint16))


def _near(queries: Words, stored: Words, radius: int, first_query: int, first_row: int) -> _Pairs:
    distance = np.zeros((len(queries), len(stored)), np.uint16)
    for k in range(queries.shape[1]):
        distance += np.bitwise_count(queries[:, None, k] ^ stored[None, :, k])
    query, row = np.nonzero(distance <= radius)
    return query + first_query, row + first_row, distance[query, row]
