"""A large index that never changes, and a small one that grows: one index."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from remarque.errors import SegmentDamaged
from remarque.matching.columns import Column
from remarque.matching.index import HashIndex, Hits, Words
from remarque.matching.linear import LinearIndex


class SegmentedIndex:
    """Rows of ``base`` first, then those that were appended; numbered through, never moved and never removed.

    What was withdrawn is told by the caller, statement by statement; whoever builds the next base may leave rows out,
    and numbers them anew if so. Any number of threads may search while one appends.

    The delta is searched linearly, which costs about 6 ms of CPU a query and million rows, against 15 to 20 µs for a
    base of a million: from 3,000 appended rows on it costs as much as that base. Building costs about 0.5 s a million
    rows, so a new base pays once the delta is larger than 10,000 rows and some hundred thousand queries follow.
    """

    def __init__(self, base: HashIndex, bits: int) -> None:
        """``bits``: the length of every hash, that of the base included."""
        self._base = base
        self._bits = bits
        self._delta = LinearIndex(bits)
        self._appended = Column(np.uint8, bits // 8)
        self._writing = threading.Lock()

    def __len__(self) -> int:
        return len(self._base) + len(self._delta)

    @property
    def delta(self) -> int:
        """How many rows are not in the base."""
        return len(self._delta)

    def append(self, hashes: NDArray[np.uint8]) -> int:
        """Store hashes, uint8 (k, bits // 8); return the row of the first. Raises InvalidFingerprint on others."""
        with self._writing:
            first = self._delta.append(hashes)
            self._appended.append(hashes)
        return len(self._base) + first

    def with_base(self, base: HashIndex) -> SegmentedIndex:
        """A new index with the same rows, of which ``base`` holds as many as it has and the delta the others.

        The rows of ``base`` must be the first rows of this index. Replace your reference by what is returned, in the
        thread that appends; readers that hold this index go on and keep the rows that it has. Raises SegmentDamaged
        if ``base`` holds fewer rows than the base so far, or more than there are.
        """
        with self._writing:
            kept = len(base) - len(self._base)
            if not 0 <= kept <= len(self._delta):
                raise SegmentDamaged(
                    f"{len(base)} rows cannot follow a base of {len(self._base)} with {len(self._delta)} appended"
                )
            following = SegmentedIndex(base, self._bits)
            following.append(self._appended.rows(len(self._delta))[kept:])
        return following

    def search(self, queries: Words, radius: int, rows: int | None = None) -> Hits:
        """Every pair within ``radius`` bits, inclusive (see HashIndex)."""
        first = len(self._base)
        old = self._base.search(queries, radius, rows)
        new = self._delta.search(queries, radius, None if rows is None else max(0, rows - first))
        if not len(new):
            return old
        query = np.concatenate([old.query, new.query])
        row = np.concatenate([old.row, new.row + first])
        distance = np.concatenate([old.distance, new.distance])
        order = np.lexsort((row, distance, query))
        return Hits(query[order], row[order], distance[order])
