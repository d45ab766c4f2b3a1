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
        self._shape = () if width is None else (width,)
        self._dtype = np.dtype(dtype)
        # Replaced as one: a reader never sees a base with another's tail.
        self._state = (self._empty(0) if base is None else base, self._empty(FIRST_CAPACITY))
        self._used = 0

    def _empty(self, rows: int) -> NDArray[Any]:
        return np.empty((rows, *self._shape), self._dtype)

    def __len__(self) -> int:
        return len(self._state[0]) + self._used

    def append(self, rows: Any) -> None:
        """Append rows, an array-like of shape (k,) or (k, width)."""
        base, tail = self._state
        added = np.asarray(rows, self._dtype).reshape(-1, *self._shape)
        end = self._used + len(added)
        if end > len(tail):
            grown = self._empty(max(end, 2 * len(tail)))
            grown[: self._used] = tail[: self._used]
            self._state = (base, grown)
        self._state[1][self._used : end] = added
        self._used = end

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """The rows at these places, which must exist."""
        base, tail = self._state
        split = len(base)
        if not len(rows) or int(rows.min()) >= split:
            return np.asarray(tail[rows - split])
        found = np.empty((len(rows), *self._shape), self._dtype)
        in_base = rows < split
        found[in_base] = base[rows[in_base]]
        found[~in_base] = tail[rows[~in_base] - split]
        return found

    def __getitem__(self, row: int) -> Any:
        base, tail = self._state
        return base[row] if row < len(base) else tail[row - len(base)]

    def replace(self, row: int, value: Any) -> None:
        """Write one row of the tail anew."""
        base, tail = self._state
        tail[row - len(base)] = value

    def rows(self, stop: int) -> NDArray[Any]:
        """A copy of the first ``stop`` rows, as one array."""
        base, tail = self._state
        return np.concatenate([base[:stop], tail[: max(0, stop - len(base))]])

    def rebase(self, base: NDArray[Any]) -> None:
        """Let ``base`` hold the first rows, which must be the same."""
        rest = self.rows(len(self))[len(base) :]
        tail = self._empty(max(FIRST_CAPACITY, 2 * len(rest)))
        tail[: len(rest)] = rest
        self._state, self._used = (base, tail), len(rest)
