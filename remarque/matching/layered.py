"""An index that grows: large parts that never change, smaller ones that are merged, and a short tail.

Rows are numbered through, never moved and never removed. A tail of a few thousand rows is compared one by one; when it
is longer it becomes a part of its own, and takes the parts with it that are no larger, so that there are never many
(O'Neil et al., The Log-Structured Merge-Tree, 1996). The first part may be a base that is mapped from a file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from remarque.errors import SegmentDamaged
from remarque.matching.index import HashIndex, Hits, Words
from remarque.matching.linear import LinearIndex
from remarque.matching.mih import MihIndex

#: Rows of the tail. The linear search costs 6 ns a pair: a deep check of 400 regions then spends 10 ms on the tail.
TAIL_ROWS = 4096
#: A new part takes an older one with it that has at most this many times its rows.
MERGE_FACTOR = 2

_State = tuple[tuple[MihIndex, ...], LinearIndex]


class LayeredIndex:
    """Parts and a tail behind the interface of HashIndex. One writer; any number of threads may search."""

    def __init__(self, bits: int, radius: int, base: MihIndex | None = None) -> None:
        """``bits``: of every hash. ``radius``: of the usual search; any other is answered too."""
        self._bits = bits
        self._radius = radius
        self._has_base = base is not None
        # Replaced as one: a reader never sees a row twice or not at all.
        self._state: _State = (() if base is None else (base,), LinearIndex(bits))

    def __len__(self) -> int:
        parts, tail = self._state
        return sum(map(len, parts)) + len(tail)

    @property
    def beyond_base(self) -> int:
        """How many rows are not in a base."""
        return len(self) - (len(self._state[0][0]) if self._has_base else 0)

    def append(self, hashes: NDArray[np.uint8]) -> None:
        """Store hashes, uint8 (k, bits // 8). Raises InvalidFingerprint on another shape."""
        self._state[1].append(hashes)

    def settle(self) -> None:
        """Make a part of a tail that has become long. The writer calls it where a moment's work does no harm."""
        parts, tail = self._state
        if len(tail) < TAIL_ROWS:
            return
        kept, gathered = list(parts), [tail.rows()]
        rows = len(tail)
        while len(kept) > self._has_base and len(kept[-1]) <= MERGE_FACTOR * rows:
            rows += len(kept[-1])
            gathered.insert(0, kept.pop().hashes())
        self._state = ((*kept, self._part(gathered)), LinearIndex(self._bits))

    def rebase(self, base: MihIndex) -> None:
        """Let ``base`` hold the first rows. Raises SegmentDamaged if it has fewer than the base so far, or too many."""
        parts, _ = self._state
        if not (len(parts[0]) if self._has_base else 0) <= len(base) <= len(self):
            raise SegmentDamaged(f"a base of {len(base)} rows does not fit an index of {len(self)}")
        rest = self.hashes(len(self))[len(base) :]
        self._state = ((base, self._part([rest])) if len(rest) else (base,), LinearIndex(self._bits))
        self._has_base = True

    def hashes(self, rows: int) -> Words:
        """A copy of the first ``rows`` hashes, uint64 (rows, words)."""
        parts, tail = self._state
        return np.concatenate([*(part.hashes() for part in parts), tail.rows()])[:rows]

    def slice(self, start: int, stop: int) -> Words:
        """A copy of the hashes of rows ``start`` to ``stop``, uint64 (stop - start, words)."""
        parts, tail = self._state
        first, found = 0, []
        for part in parts:
            if start < first + len(part) and first < stop:
                found.append(part.hashes(max(0, start - first), min(len(part), stop - first)))
            first += len(part)
        found.append(tail.rows()[max(0, start - first) : max(0, stop - first)])
        return np.concatenate(found)

    def search(self, queries: Words, radius: int, rows: int | None = None) -> Hits:
        """Every pair within ``radius`` bits, inclusive (see HashIndex)."""
        parts, tail = self._state
        first, found = 0, []
        searched: tuple[HashIndex, ...] = (*parts, tail)
        for part in searched:
            if rows is not None and first >= rows:
                break
            hits = part.search(queries, radius, None if rows is None else rows - first)
            if len(hits):
                found.append((hits.query, hits.row + first, hits.distance))
            first += len(part)
        if not found:
            return Hits(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint16))
        query, row, distance = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        order = np.lexsort((row, distance, query))
        return Hits(query[order], row[order], distance[order])

    def _part(self, hashes: Sequence[Words]) -> MihIndex:
        return MihIndex.build(np.concatenate(hashes), self._radius)
