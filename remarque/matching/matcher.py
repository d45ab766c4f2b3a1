"""From fingerprints to matches: which declarations speak about a picture, in a state of the registry that is named.

The matcher is a view of a prefix of the log. It is fed the entries in order, by one writer, and asked by any number
of threads. Nothing in it is ever changed in place: every statement keeps the index of its entry, so that a reader
judges by the state it began with while the writer moves on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from remarque.answers import Fingerprint, Match, Transform
from remarque.errors import InvalidFingerprint, LogError
from remarque.log.merkle import EMPTY_ROOT
from remarque.matching.index import words
from remarque.matching.linear import LinearIndex
from remarque.preferences import Category, Claim, Preference


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A fingerprint that can be searched: its length in bytes and the radius within which two are a match."""

    name: str
    size: int
    radius: int


#: 31 of 256 bits is the radius of the reference matcher (python-threatexchange, PDQ_CONFIDENT_MATCH_THRESHOLD); the
#: nearest pair of 499,500 pairs of different photographs lay at 86.
PDQ = Algorithm("pdq", 32, 31)
#: ImageHash's 64-bit pHash comes from datasets that carry that column. Within 6 bits no pair of 499,500 fell; within
#: 10 one did: it may restrict and never permits, and answers that rest on it say so.
PHASH = Algorithm("phash", 8, 6)

ALGORITHMS: Mapping[str, Algorithm] = {algorithm.name: algorithm for algorithm in (PDQ, PHASH)}


def algorithm_named(name: str) -> Algorithm:
    """Return the algorithm of that name. Raises InvalidFingerprint, naming those that exist."""
    try:
        return ALGORITHMS[name]
    except KeyError:
        raise InvalidFingerprint(f"{name!r} is no algorithm here; use one of {', '.join(ALGORITHMS)}") from None


def parse_hash(algorithm: Algorithm, text: str) -> bytes:
    """Read one hash of ``2 * size`` lower-case hexadecimal digits. Raises InvalidFingerprint."""
    if len(text) != 2 * algorithm.size or not set(text) <= set("0123456789abcdef"):
        raise InvalidFingerprint(
            f"{text[:80]!r} is no {algorithm.name}: {2 * algorithm.size} lower-case hexadecimal digits are expected"
        )
    return bytes.fromhex(text)


@dataclass(frozen=True, slots=True)
class View:
    """A state of the registry: size and root (hex) of the log prefix, and the rows of each index that belong to it."""

    tree_size: int
    root: str
    rows: Mapping[str, int]


@dataclass(slots=True)
class _Declared:
    """One declaration and all it ever said: (index of the entry, preferences or None for withdrawn), oldest first."""

    id: str
    claim: Claim
    valid_until: int | None
    statements: tuple[tuple[int, Mapping[Category, Preference] | None], ...]

    def preferences_at(self, tree_size: int) -> Mapping[Category, Preference] | None:
        for index, said in reversed(self.statements):
            if index < tree_size:
                return said
        return None


@dataclass(slots=True)
class _Column:
    """The fingerprints of one algorithm: row -> slot of its declaration, and the orientation that the row is of."""

    index: LinearIndex
    slots: list[int] = field(default_factory=list)
    orientations: list[str | None] = field(default_factory=list)


class Matcher:
    """All that is declared, searchable. One writer feeds it; any thread may ask."""

    def __init__(self) -> None:
        self._columns = {a.name: _Column(LinearIndex(a.size * 8)) for a in ALGORITHMS.values()}
        self._declared: list[_Declared] = []
        self._slot_of_entry: dict[int, int] = {}
        self._view = View(0, EMPTY_ROOT.hex(), dict.fromkeys(ALGORITHMS, 0))

    @property
    def view(self) -> View:
        """The newest state that was published by ``advance``."""
        return self._view

    def declare(
        self,
        index: int,
        *,
        id: str,
        claim: Claim,
        preferences: Mapping[Category, Preference],
        fingerprints: Iterable[Fingerprint],
        valid_until: int | None = None,
    ) -> None:
        """Add the declaration made by entry ``index``; ``valid_until`` in Unix seconds."""
        slot = len(self._declared)
        self._declared.append(_Declared(id, claim, valid_until, ((index, dict(preferences)),)))
        self._slot_of_entry[index] = slot
        for fingerprint in fingerprints:
            algorithm = algorithm_named(fingerprint.alg)
            column = self._columns[algorithm.name]
            column.slots.append(slot)
            column.orientations.append(fingerprint.orientation)
            value = np.frombuffer(parse_hash(algorithm, fingerprint.value), np.uint8)
            column.index.append(value.reshape(1, -1))

    def change(self, index: int, *, ref: int, preferences: Mapping[Category, Preference]) -> None:
        """From entry ``index`` on, the declaration of entry ``ref`` says ``preferences``."""
        self._state(index, ref, dict(preferences))

    def withdraw(self, index: int, *, ref: int) -> None:
        """From entry ``index`` on, the declaration of entry ``ref`` says nothing."""
        self._state(index, ref, None)

    def _state(self, index: int, ref: int, said: Mapping[Category, Preference] | None) -> None:
        if ref not in self._slot_of_entry:
            raise LogError(f"entry {index} is about entry {ref}, which declares nothing")
        declared = self._declared[self._slot_of_entry[ref]]
        declared.statements = (*declared.statements, (index, said))

    def advance(self, tree_size: int, root: str) -> None:
        """Publish all that was fed so far as the state of the log at ``tree_size`` with that root (hex)."""
        self._view = View(tree_size, root, {name: len(column.slots) for name, column in self._columns.items()})

    def match(
        self, view: View, algorithm: Algorithm, hashes: NDArray[np.uint8], *, now: float | None = None
    ) -> dict[int, list[Match]]:
        """Return the matches of each of ``hashes`` (n, size), by its place; places without a match are left out.

        A declaration is listed once, with its nearest fingerprint, nearest declaration first. What was withdrawn by
        ``view``, or has expired by ``now`` (Unix seconds), does not match.
        """
        column = self._columns[algorithm.name]
        hits = column.index.search(words(hashes), algorithm.radius, view.rows[algorithm.name])
        when = time.time() if now is None else now
        triples = zip(hits.query.tolist(), hits.row.tolist(), hits.distance.tolist(), strict=True)
        found: dict[int, list[Match]] = {}
        for query, group in groupby(triples, key=lambda triple: triple[0]):
            matches = self._matches(view, algorithm, column, [(d, row) for _, row, d in group], when)
            if matches:
                found[query] = matches
        return found

    def _matches(
        self, view: View, algorithm: Algorithm, column: _Column, rows: Sequence[tuple[int, int]], when: float
    ) -> list[Match]:
        nearest: dict[int, tuple[int, int]] = {}
        for distance, row in sorted(rows):
            nearest.setdefault(column.slots[row], (distance, row))
        matches = []
        for slot, (distance, row) in nearest.items():
            declared = self._declared[slot]
            said = declared.preferences_at(view.tree_size)
            if said is None or (declared.valid_until is not None and declared.valid_until <= when):
                continue
            orientation = column.orientations[row]
            matches.append(
                Match(
                    declaration=declared.id,
                    alg=algorithm.name,
                    distance=distance,
                    claim=declared.claim,
                    preferences=dict(said),
                    transform=None if orientation is None else Transform(orientation=orientation),
                )
            )
        return matches
