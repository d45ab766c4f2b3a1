"""The loops that build an index for multi-index hashing (see ``mih``): order the bits, file the rows by key."""

from __future__ import annotations

from typing import Any

import numpy as np

from remarque.compiled import compiled
from remarque.matching.mih import LINE_BITS, MANY
from remarque.matching.native import int64
from remarque.matching.probes import key_of

KEYS = 1 << LINE_BITS


@compiled
def reorder(hashes: Any, tables: Any, out: Any) -> None:
    """The bits of each row in another order: uint64 (n, words) to the same. ``tables``: uint64 (bytes, 256, words)."""
    for row in range(len(hashes)):
        out[row] = 0
        for byte in range(len(tables)):
            value = int64(hashes[row, byte >> 3] >> np.uint64(8 * (byte & 7)) & np.uint64(255))
            for k in range(hashes.shape[1]):
                out[row, k] |= tables[byte, value, k]


@compiled
def fill(hashes: Any, start: int, width: int, bitmap: Any, ranks: Any, slots: Any, more: Any) -> tuple[int, int]:
    """File every row under its bits ``start`` to ``start + width``; return how much of ``slots`` and ``more`` is used.

    ``bitmap``: uint64 (lines, 8), zeros; ``ranks``: uint32 (lines,); ``slots``: uint32, room for n; ``more``: uint32,
    room for 1.5 n. Rows are sorted by line first and within a line then, so that what is written at random fits the
    cache. Takes 6 bytes a row and 4 a line besides.
    """
    lines = len(ranks)
    ends = np.zeros(lines + 1, np.uint32)
    for row in range(len(hashes)):
        ends[(key_of(hashes, row, start, width) >> LINE_BITS) + 1] += np.uint32(1)
    for line in range(lines):
        ends[line + 1] += ends[line]
    rows = np.empty(len(hashes), np.uint32)
    lows = np.empty(len(hashes), np.uint16)
    for row in range(len(hashes)):
        key = key_of(hashes, row, start, width)
        at = ends[key >> LINE_BITS]
        rows[at], lows[at] = row, key & (KEYS - 1)
        ends[key >> LINE_BITS] = at + np.uint32(1)
    # ends[line] now is where the line ends
    places = np.empty(KEYS + 1, np.int64)
    ordered = np.empty(64, np.uint32)
    used, used_more, first = 0, 0, 0
    for line in range(lines):
        ranks[line] = used
        end = int64(ends[line])
        if end - first > len(ordered):
            ordered = np.empty(2 * (end - first), np.uint32)
        places[:] = 0
        for i in range(first, end):
            places[int64(lows[i]) + 1] += 1
        for low in range(KEYS):
            places[low + 1] += places[low]
        for i in range(first, end):
            ordered[places[lows[i]]] = rows[i]
            places[lows[i]] += 1
        begin = 0
        for low in range(KEYS):
            size = places[low] - begin
            if size:
                bitmap[line, low >> 6] |= np.uint64(1) << np.uint64(low & 63)
                if size == 1:
                    slots[used] = ordered[begin]
                else:
                    slots[used] = MANY + used_more
                    more[used_more] = size
                    for i in range(size):
                        more[used_more + 1 + i] = ordered[begin + i]
                    used_more += 1 + size
                used += 1
                begin = places[low]
        first = end
    return used, used_more
