"""Bases: what the index held at some size of the log, stored so that a start does not read the whole log again.

They lie in ``<data-dir>/index/``, those of labels in ``labels/`` in there, one directory each, written once and mapped
by every worker of this host. One worker at a time builds a new one; the others find it there. What does not open, or is
not of this log, is passed over: the log itself is the truth, and reading it anew is only slower.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from remarque.errors import SegmentDamaged
from remarque.matching.matcher import Frozen, Matcher, View
from remarque.matching.segments import JSON, UNFINISHED, Segment

#: Older bases stay this many deep: a worker may be about to open the one before the newest.
KEPT = 2
PREFIX = "base-"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Base:
    """An opened base: the state it is of, and its arrays, mapped."""

    view: View
    arrays: Mapping[str, NDArray[Any]]


class Bases:
    """The bases of one data directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def of(self, name: str) -> Bases:
        """The bases of another matcher, in a folder of their own beside these."""
        return Bases(self._directory / name)

    def newest(self, is_ours: Callable[[int, str], bool], *, after: int = -1) -> Base | None:
        """Open the newest base of a log larger than ``after``; None where there is none.

        ``is_ours`` says whether the log had that root (hex) at that size.
        """
        for size, directory in sorted(self._stored(), reverse=True):
            if size <= after:
                return None
            try:
                base = _open(directory)
            except SegmentDamaged as error:
                log.warning("%s is not used: %s", directory, error)
                continue
            if is_ours(base.view.tree_size, base.view.root):
                return base
            log.warning("%s is not used: it is of another log", directory)
        return None

    def store(self, matcher: Matcher, frozen: Frozen) -> bool:
        """Write a base of a frozen state. False where another worker is at it, or it is there already."""
        directory = self._directory / f"{PREFIX}{frozen.view.tree_size}"
        with self._alone() as alone:
            if not alone or directory.exists():
                return False
            facts: dict[str, JSON] = {
                "tree_size": frozen.view.tree_size,
                "root": frozen.view.root,
                "rows": dict(frozen.view.rows),
            }
            Segment.write(directory, matcher.arrays(frozen), facts)
            self._clean()
            return True

    def sizes(self) -> list[int]:
        """Which bases there are, by their tree size, ascending."""
        return sorted(size for size, _ in self._stored())

    def remove(self, sizes: Collection[int]) -> None:
        """Remove bases. Whoever has one mapped keeps it until it lets go."""
        for size, directory in self._stored():
            if size in sizes:
                shutil.rmtree(directory, ignore_errors=True)

    def _stored(self) -> Iterator[tuple[int, Path]]:
        if self._directory.is_dir():
            for path in self._directory.iterdir():
                size = path.name.removeprefix(PREFIX)
                if path.name.startswith(PREFIX) and size.isdigit():
                    yield int(size), path

    def _clean(self) -> None:
        # Whoever has an old one mapped keeps it until it lets go.
        for _, directory in sorted(self._stored(), reverse=True)[KEPT:]:
            shutil.rmtree(directory, ignore_errors=True)
        for left in self._directory.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no other process of this host is building; the lock ends with the process that holds it."""
        self._directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(descriptor)


def _open(directory: Path) -> Base:
    segment = Segment.open(directory)
    size, root, rows = (segment.facts.get(name) for name in ("tree_size", "root", "rows"))
    if not isinstance(size, int) or not isinstance(root, str) or not isinstance(rows, dict):
        raise SegmentDamaged(f"{directory} does not say which state it is of")
    counted = {name: count for name, count in rows.items() if isinstance(count, int)}
    return Base(View(size, root, counted), segment.arrays)
