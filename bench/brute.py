"""Every pair of hashes within a radius, by comparing all: the reference search, compiled, for hundreds of thousands."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from remarque.matching.index import Hits, words


@njit(nogil=True, cache=True)
def _ones(x):  # type: ignore[no-untyped-def]  # compiled
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@njit(nogil=True, cache=True)
def _near(queries, stored, radius):  # type: ignore[no-untyped-def]  # compiled
    found = np.empty((1 << 16, 3), np.int64)
    count = 0
    for i in range(len(queries)):
        for j in range(len(stored)):
            half = _ones(queries[i, 0] ^ stored[j, 0]) + _ones(queries[i, 1] ^ stored[j, 1])
            if half > radius:
                continue
            distance = half + _ones(queries[i, 2] ^ stored[j, 2]) + _ones(queries[i, 3] ^ stored[j, 3])
            if distance <= radius:
                if count == len(found):
                    grown = np.empty((2 * count, 3), np.int64)
                    grown[:count] = found
                    found = grown
                found[count, 0], found[count, 1], found[count, 2] = i, j, np.int64(distance)
                count += 1
    return found[:count]


def search(queries: NDArray[np.uint8], stored: NDArray[np.uint8], radius: int) -> Hits:
    """All pairs of uint8 (n, 32) and (m, 32) within ``radius`` bits, by query, then row."""
    found = _near(words(queries), words(stored), radius)
    return Hits(found[:, 0], found[:, 1], found[:, 2].astype(np.uint16))
