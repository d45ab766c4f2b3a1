"""From fingerprints to matches: which declarations speak about a picture, in a state of the registry that is named.

The matcher is a view of a prefix of the log. It is fed the entries in order, by one writer, and asked by any number
of threads. Nothing in it is ever changed in place: every statement keeps the index of its entry, so that a reader
judges by the state it began with while the writer moves on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remarque.answers import Fingerprint, Match, Transform
from remarque.errors import InvalidFingerprint
from remarque.fingerprints.pdq import ORIENTATIONS
from remarque.log.merkle import EMPTY_ROOT
from remarque.matching.columns import Column
from remarque.matching.index import words
from remarque.matching.layered import LayeredIndex
from remarque.matching.mih import Arrays, MihIndex
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
    """The fingerprints of one algorithm, and for each row the slot of its declaration and its orientation."""

    def __init__(self, algorithm: Algorithm, base: Mapping[str, NDArray[Any]] | None = None) -> None:
        """``base``: what ``arrays`` returned earlier, possibly mapped from a file."""
        self._algorithm = algorithm
        given = {} if base is None else self._own(base)
        part = MihIndex({name: given[name] for name in Arrays._fields}) if given else None
        self.index = LayeredIndex(algorithm.size * 8, algorithm.radius, part)
        self.slots = Column(np.int32, base=given.get("slot"))
        self.orientations = Column(np.uint8, base=given.get("orientation"))

    def append(self, slot: int, orientation: int, value: bytes) -> None:
        """Add one row; a reader counts it once a view does."""
        self.slots.append([slot])
        self.orientations.append([orientation])
        self.index.append(np.frombuffer(value, np.uint8).reshape(1, -1))

    def arrays(self, rows: int) -> dict[str, NDArray[Any]]:
        """The first ``rows`` rows, indexed anew, as arrays to be stored."""
        built = MihIndex.build(self.index.hashes(rows), self._algorithm.radius).arrays
        own = {**built, "slot": self.slots.rows(rows), "orientation": self.orientations.rows(rows)}
        return {f"{self._algorithm.name}_{name}": array for name, array in own.items()}

    def rebase(self, base: Mapping[str, NDArray[Any]]) -> None:
        """Let ``base`` hold the first rows."""
        given = self._own(base)
        self.slots.rebase(given["slot"])
        self.orientations.rebase(given["orientation"])
        self.index.rebase(MihIndex({name: given[name] for name in Arrays._fields}))

    def _own(self, base: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        prefix = f"{self._algorithm.name}_"
        return {name.removeprefix(prefix): array for name, array in base.items() if name.startswith(prefix)}


@dataclass(frozen=True, slots=True)
class Frozen:
    """A state to be stored: its view, and what its declarations say."""

    view: View
    works: Mapping[str, NDArray[Any]]


class Matcher:
    """All that is declared, searchable. One writer feeds it; any thread may ask."""

    def __init__(self, base: Mapping[str, NDArray[Any]] | None = None, view: View | None = None) -> None:
        """``base``: what ``arrays`` returned earlier, possibly mapped from a file; ``view``: the state it is of."""
        self._searchable = {algorithm.name: _Searchable(algorithm, base) for algorithm in ALGORITHMS.values()}
        self._works = Works(base)
        self._view = view or View(0, EMPTY_ROOT.hex(), dict.fromkeys(ALGORITHMS, 0))

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
            value = parse_hash(algorithm, fingerprint.value)
            self._searchable[algorithm.name].append(slot, _code_of(fingerprint.orientation), value)

    def change(self, index: int, *, ref: int, preferences: Mapping[Category, Preference]) -> None:
        """From entry ``index`` on, the declaration of entry ``ref`` says ``preferences``."""
        claim = self._works.claim_of(ref)
        self._works.state(index, ref=ref, statement=Statement(preferences, claim))

    def withdraw(self, index: int, *, ref: int) -> None:
        """From entry ``index`` on, the declaration of entry ``ref`` says nothing."""
        self._works.state(index, ref=ref, statement=None)

    def advance(self, tree_size: int, root: str) -> None:
        """Publish all that was fed so far as the state of the log at ``tree_size`` with that root (hex)."""
        for searchable in self._searchable.values():
            searchable.index.settle()
        self._view = View(tree_size, root, {name: len(held.slots) for name, held in self._searchable.items()})

    @property
    def beyond_base(self) -> int:
        """How many rows are held in memory, because no base holds them."""
        return sum(searchable.index.beyond_base for searchable in self._searchable.values())

    def freeze(self) -> Frozen:
        """The newest state, to be stored by ``arrays``. The writer calls it, right after ``advance``."""
        return Frozen(self._view, self._works.arrays())

    def arrays(self, frozen: Frozen) -> dict[str, NDArray[Any]]:
        """Index a frozen state anew, as arrays. Any thread may call it while the writer goes on."""
        found = dict(frozen.works)
        for name, searchable in self._searchable.items():
            found |= searchable.arrays(frozen.view.rows[name])
        return found

    def rebase(self, base: Mapping[str, NDArray[Any]]) -> None:
        """Let stored arrays, possibly mapped from a file, hold the first rows. The writer calls it.

        Raises SegmentDamaged where they do not fit what is held.
        """
        for searchable in self._searchable.values():
            searchable.rebase(base)

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
