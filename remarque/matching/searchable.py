"""The fingerprints of one algorithm, searchable: hashes, and what is known of each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remarque.matching.columns import Column
from remarque.matching.index import Words
from remarque.matching.layered import LayeredIndex
from remarque.matching.mih import Arrays, MihIndex


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A fingerprint that can be searched: its length in bytes and the radius within which two are a match."""

    name: str
    size: int
    radius: int


class Searchable:
    """Rows of hashes with the slot of their declaration, and whatever else belongs to a row."""

    def __init__(
        self,
        algorithm: Algorithm,
        columns: Mapping[str, tuple[type[np.generic], int | None]],
        base: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """``columns``: type and width of what belongs to a row beside its slot, by name. ``base``: what ``arrays``
        returned earlier, possibly mapped from a file.
        """
        self.algorithm = algorithm
        given = {} if base is None else self._own(base)
        part = _part(given) if given else None
        self.index = LayeredIndex(algorithm.size * 8, algorithm.radius, part)
        self.slots = Column(np.int32, base=given.get("slot"))
        self.columns = {name: Column(dtype, width, base=given.get(name)) for name, (dtype, width) in columns.items()}

    def __len__(self) -> int:
        return len(self.slots)

    def append(self, slot: int, hashes: NDArray[np.uint8], **values: Any) -> None:
        """Add rows of one declaration: uint8 (k, size), and k values of each column."""
        for name, column in self.columns.items():
            column.append(values[name])
        self.index.append(hashes)
        self.slots.append(np.full(len(hashes), slot, np.int32))

    def rows_of(self, slot: int, rows: int) -> tuple[int, int]:
        """Where among the first ``rows`` rows those of a declaration begin and end; slots ascend."""
        return self._first(slot, rows), self._first(slot + 1, rows)

    def _first(self, slot: int, rows: int) -> int:
        low, high = 0, rows
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.slots[middle] < slot else (low, middle)
        return low

    def hashes(self, start: int, stop: int) -> NDArray[np.uint8]:
        """The hashes of these rows, uint8 (stop - start, size)."""
        return to_bytes(self.index.slice(start, stop))

    def arrays(self, rows: int, erased: NDArray[np.bool_] | None = None) -> dict[str, NDArray[Any]]:
        """The first ``rows`` rows, indexed anew, as arrays to be stored.

        ``erased``: by slot; their rows keep their places and hold zeros.
        """
        hashes, slots = self.index.hashes(rows), self.slots.rows(rows)
        values = {name: column.rows(rows) for name, column in self.columns.items()}
        if erased is not None and erased.any():
            gone = erased[slots]
            for held in (hashes, *values.values()):
                held[gone] = 0
        return self._stored(hashes, slots, values)

    def only(self, rows: int, chosen: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Of the first ``rows`` rows those of the chosen works, which are numbered anew, as arrays to be stored.

        ``chosen``: slots, ascending.
        """
        slots = self.slots.rows(rows)
        renumbered = np.searchsorted(chosen, slots)
        kept = renumbered < len(chosen)
        kept[kept] = chosen[renumbered[kept]] == slots[kept]
        values = {name: column.rows(rows)[kept] for name, column in self.columns.items()}
        return self._stored(self.index.hashes(rows)[kept], renumbered[kept].astype(np.int32), values)

    def _stored(
        self, hashes: Words, slots: NDArray[np.int32], values: Mapping[str, NDArray[Any]]
    ) -> dict[str, NDArray[Any]]:
        own = {**MihIndex.build(hashes, self.algorithm.radius).arrays, "slot": slots, **values}
        return {f"{self.algorithm.name}_{name}": array for name, array in own.items()}

    def rebase(self, base: Mapping[str, NDArray[Any]]) -> None:
        """Let ``base`` hold the first rows. Raises SegmentDamaged where it cannot."""
        given = self._own(base)
        self.index.rebase(_part(given))
        self.slots.rebase(given["slot"])
        for name, column in self.columns.items():
            column.rebase(given[name])

    def _own(self, base: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        prefix = f"{self.algorithm.name}_"
        return {name.removeprefix(prefix): array for name, array in base.items() if name.startswith(prefix)}


def to_bytes(hashes: Words) -> NDArray[np.uint8]:
    """Inverse of ``index.words``: uint64 (n, words) to uint8 (n, 8 * words)."""
    return np.ascontiguousarray(hashes).astype("<u8", copy=False).view(np.uint8)


def _part(given: Mapping[str, NDArray[Any]]) -> MihIndex:
    return MihIndex({name: given[name] for name in Arrays._fields})
