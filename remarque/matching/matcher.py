"""From fingerprints to matches: which declarations speak about a picture, in a state of the registry that is named.

The matcher is a view of a prefix of the log. It is fed the entries in order, by one writer, and asked by any number
of threads. Nothing in it is ever changed in place: every statement keeps the index of its entry, so that a reader
judges by the state it began with while the writer moves on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remarque.answers import Fingerprint, Match, Transform
from remarque.errors import InvalidFingerprint
from remarque.fingerprints.pdq import ORIENTATIONS
from remarque.log.merkle import EMPTY_ROOT
from remarque.matching.columns import Column
from remarque.matching.index import words
from remarque.matching.linear import LinearIndex
from remarque.matching.works import Statement, Works
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


class _Searchable:
    """The fingerprints of one algorithm: row -> slot of its declaration, and the orientation that the row is of."""

    def __init__(self, algorithm: Algorithm) -> None:
        self.index = LinearIndex(algorithm.size * 8)
        self.slots = Column(np.int32)
        self.orientations = Column(np.uint8)


class Matcher:
    """All that is declared, searchable. One writer feeds it; any thread may ask."""

    def __init__(self) -> None:
        self._searchable = {algorithm.name: _Searchable(algorithm) for algorithm in ALGORITHMS.values()}
        self._works = Works()
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
        slot = self._works.add(index, id=id, statement=Statement(preferences, claim), valid_until=valid_until)
        for fingerprint in fingerprints:
            algorithm = algorithm_named(fingerprint.alg)
            searchable = self._searchable[algorithm.name]
            searchable.slots.append([slot])
            searchable.orientations.append([_code_of(fingerprint.orientation)])
            value = np.frombuffer(parse_hash(algorithm, fingerprint.value), np.uint8)
            searchable.index.append(value.reshape(1, -1))

    def change(self, index: int, *, ref: int, preferences: Mapping[Category, Preference]) -> None:
        """From entry ``index`` on, the declaration of entry ``ref`` says ``preferences``."""
        claim = self._works.claim_of(ref)
        self._works.state(index, ref=ref, statement=Statement(preferences, claim))

    def withdraw(self, index: int, *, ref: int) -> None:
        """From entry ``index`` on, the declaration of entry ``ref`` says nothing."""
        self._works.state(index, ref=ref, statement=None)

    def advance(self, tree_size: int, root: str) -> None:
        """Publish all that was fed so far as the state of the log at ``tree_size`` with that root (hex)."""
        self._view = View(tree_size, root, {name: len(held.slots) for name, held in self._searchable.items()})

    def match(
        self, view: View, algorithm: Algorithm, hashes: NDArray[np.uint8], *, now: float | None = None
    ) -> dict[int, list[Match]]:
        """Return the matches of each of ``hashes`` (n, size), by its place; places without a match are left out.

        A declaration is listed once, with its nearest fingerprint, nearest declaration first. What was withdrawn by
        ``view``, or has expired by ``now`` (Unix seconds), does not match.
        """
        searchable = self._searchable[algorithm.name]
        hits = searchable.index.search(words(hashes), algorithm.radius, view.rows[algorithm.name])
        when = time.time() if now is None else now
        found: dict[int, list[Match]] = {}
        seen: set[tuple[int, int]] = set()
        # Ordered by query, then by distance: the first row of a work is its nearest.
        for query, distance, slot, orientation in zip(
            hits.query.tolist(),
            hits.distance.tolist(),
            searchable.slots.take(hits.row).tolist(),
            searchable.orientations.take(hits.row).tolist(),
            strict=True,
        ):
            if (query, slot) in seen:
                continue
            seen.add((query, slot))
            said = self._works.said(slot, view.tree_size, when)
            if said is not None:
                found.setdefault(query, []).append(
                    Match(
                        declaration=self._works.id_of(slot),
                        alg=algorithm.name,
                        distance=distance,
                        claim=said.claim,
                        preferences=dict(said.preferences),
                        transform=_transform(orientation),
                    )
                )
        return found


def _code_of(orientation: str | None) -> int:
    return 1 + ORIENTATIONS.index(orientation) if orientation in ORIENTATIONS else 0


def _transform(code: int) -> Transform | None:
    return Transform(orientation=ORIENTATIONS[code - 1]) if code else None
