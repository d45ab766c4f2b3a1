"""How a snapshot is made: from nothing or from an older one, entry by entry.

What comes out depends on the state alone: on the entries of the log up to there, and on which of their openings were
erased by then. It does not matter where one began, nor who does it: a service, or a builder with the changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remarque.errors import LogError
from remarque.log.entries import canonical_json
from remarque.matching.feeding import feed
from remarque.matching.matcher import Matcher
from remarque.matching.segments import DESCRIPTION, JSON, Segment
from remarque.snapshots.manifest import File
from remarque.snapshots.opened import ENDS, FACTS, PUBLIC, Snapshot, file_of

Opening = Mapping[str, Any]


class Draft:
    """The state of the log at ``size`` so far; ``size`` grows with what is applied."""

    def __init__(self, old: Snapshot | None = None) -> None:
        """``old``: where to begin; it stays what it is."""
        self._old = old
        self._matcher = Matcher() if old is None else Matcher(old.segment.arrays, old.view)
        self._facts: dict[int, bytes] = {}
        self.size = 0 if old is None else old.view.tree_size

    def apply(self, index: int, entry_type: str, ref: int | None, opening: Opening | None) -> None:
        """Apply an entry, in the order of the log; those that are not about declarations may be left out.

        Raises LogError where it does not follow, or cannot be of this log.
        """
        if index < self.size:
            raise LogError(f"entry {index} after entry {self.size - 1}")
        feed(self._matcher, index, entry_type, ref, opening)
        if entry_type == "declare" and opening is not None:
            self._facts[index] = _line(opening)
        self.size = index + 1

    def write(self, directory: Path, tree_size: int, root: str) -> tuple[Mapping[str, int], Mapping[str, File]]:
        """Write the files of the state at ``tree_size`` with that root (hex), and return their counts and digests.

        ``directory`` must not exist. Raises LogError where entries beyond that size were applied.
        """
        if tree_size < self.size:
            raise LogError(f"a snapshot of tree size {tree_size} cannot hold entry {self.size - 1}")
        self._matcher.advance(tree_size, root)
        view, arrays = self._matcher.active(self._matcher.view)
        arrays[FACTS], arrays[ENDS] = self._told(arrays["work_entry"])
        facts: dict[str, JSON] = {"tree_size": tree_size, "root": root, "rows": dict(view.rows)}
        Segment.write(directory, arrays, facts)
        counts = {"declarations": len(arrays["work_entry"]), **view.rows}
        return counts, described(directory)

    def _told(self, entries: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """What is public of the declarations of these entries, ascending: their lines, and where each ends."""
        lines: list[bytes] = []
        kept, lengths = np.empty(0, np.uint8), np.empty(0, np.int64)
        if self._old is not None:
            old = self._old.segment.arrays
            still = np.isin(old["work_entry"], entries)
            every = np.diff(old[ENDS], prepend=0)
            kept, lengths = old[FACTS][np.repeat(still, every)], every[still]
        lines = [self._facts[entry] for entry in entries[len(lengths) :].tolist()]
        told = np.concatenate([kept, np.frombuffer(b"".join(lines), np.uint8)])
        new = np.fromiter(map(len, lines), np.int64, len(lines))
        return told, np.cumsum(np.concatenate([lengths, new]))


def described(directory: Path) -> dict[str, File]:
    """Bytes and digest of every file that a new snapshot consists of."""
    paths = sorted(path for path in directory.iterdir() if path.suffix == ".npy" or path.name == DESCRIPTION)
    return {path.name: file_of(path) for path in paths}


def _line(opening: Opening) -> bytes:
    return canonical_json({name: opening[name] for name in PUBLIC if name in opening}) + b"\n"
