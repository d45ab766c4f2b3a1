"""What every index of hashes answers: all stored hashes within a Hamming radius, exactly."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from remarque.errors import InvalidFingerprint

Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The pairs that were found: three arrays of one length, ordered by query, then distance, then row.

    ``query``: int64, the place in the batch that was asked. ``row``: int64, the place in the index. ``distance``:
    uint16, bits.
    """

    query: NDArray[np.int64]
    row: NDArray[np.int64]
    distance: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.query)


class HashIndex(Protocol):
    """An exact index: whatever it does to be fast, it answers what LinearIndex answers."""

    def __len__(self) -> int:
        """How many hashes are stored."""

    def search(self, queries: Words, radius: int, rows: int | None = None) -> Hits:
        """Every pair of a query and a stored hash that differ in ``radius`` bits or fewer.

        ``queries``: uint64 (n, words), n may be 0. ``rows``: only the first so many rows count, which is an older state
        of the index; all of them if None.
        """


def words(hashes: NDArray[np.uint8]) -> Words:
    """Hashes as bytes, uint8 (n, b), to 64-bit words, uint64 (n, b // 8), first byte lowest.

    Raises InvalidFingerprint unless they are that, with b a multiple of 8.
    """
    if hashes.dtype != np.uint8 or hashes.ndim != 2 or hashes.shape[1] % 8 or not hashes.shape[1]:
        raise InvalidFingerprint(
            f"hashes are uint8 (n, b) with b a multiple of 8, not {hashes.dtype} {tuple(hashes.shape)}"
        )
    return np.ascontiguousarray(hashes).view("<u8").astype(np.uint64, copy=False)
