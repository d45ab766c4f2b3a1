"""Arrays that grow at one end: part of them mapped from a segment, the rest in memory.

One writer appends; any number of readers look at rows that were there when they began.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

#: Rows of the first buffer; it doubles whenever it is full, so that appending stays cheap.
FIRST_CAPACITY = 1024


class Column:
    """One array of rows: ``base`` read-only in front, a growing tail behind it."""

    def __init__(self, dtype: DTypeLike, width: int | None = None, base: NDArray[Any] | None = None) -> None:
        """``width``: elements of a row, None for scalars. ``base``: the first rows, of that type and shape."""
        shape = () if width is None else (width,)
        self._base = np.empty((0, *shape), dtype) if base is None else base
        self._tail: NDArray[Any] = np.empty((FIRST_CAPACITY, *shape), dtype)
        self._used = 0

    def __len__(self) -> int:
        return len(self._base) + self._used

    def append(self, rows: Any) -> None:
        """Append rows, an array-like of shape (k,) or (k, width)."""
        added = np.asarray(rows, self._tail.dtype).reshape(-1, *self._tail.shape[1:])
        end = self._used + len(added)
        if end > len(self._tail):
            grown = np.empty((max(end, 2 * len(self._tail)), *self._tail.shape[1:]), self._tail.dtype)
            grown[: self._used] = self._tail[: self._used]
            self._tail = grown
        self._tail[self._used : end] = added
        self._used = end

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """The rows at these places, which must exist."""
        split = len(self._base)
        if not len(rows) or int(rows.min()) >= split:
            return np.asarray(self._tail[rows - split])
        found = np.empty((len(rows), *self._tail.shape[1:]), self._tail.dtype)
        in_base = rows < split
        found[in_base] = self._base[rows[in_base]]
        found[~in_base] = self._tail[rows[~in_base] - split]
        return found

    def __getitem__(self, row: int) -> Any:
        split = len(self._base)
        return self._base[row] if row < split else self._tail[row - split]

    def replace(self, row: int, value: Any) -> None:
        """Write one row of the tail anew."""
        self._tail[row - len(self._base)] = value

    def rows(self, stop: int) -> NDArray[Any]:
        """A copy of the first ``stop`` rows, as one array."""
        split = len(self._base)
        return np.concatenate([self._base[:stop], self._tail[: max(0, stop - split)]])
