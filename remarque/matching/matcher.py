"""From fingerprints to matches: which declarations speak about a picture, in a state of the registry that is named.

The matcher is a view of a prefix of the log. It is fed the entries in order, by one writer, and asked by any number
of threads. Nothing in it is ever changed in place: every statement keeps the index of its entry, so that a reader
judges by the state it began with while the writer moves on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remarque.answers import Fingerprint, Match, Transform
from remarque.errors import InvalidFingerprint
from remarque.fingerprints import ORIENTATIONS, Candidate, Regions
from remarque.fingerprints.frames import DEEP_RADIUS, LEAST_DEEP_SIDE
from remarque.fingerprints.packing import declared_regions
from remarque.log.merkle import EMPTY_ROOT
from remarque.matching.index import Hits, words
from remarque.matching.regions import RADIUS, Declared, RegionMatch, accept
from remarque.matching.searchable import Algorithm, Searchable
from remarque.matching.works import ID_BYTES, ID_PREFIX, NONE, Statement, Works
from remarque.preferences import Category, Claim, Preference

#: 31 of 256 bits is the radius of the reference matcher (python-threatexchange, PDQ_CONFIDENT_MATCH_THRESHOLD); the
#: nearest pair of 499,500 pairs of different photographs lay at 86.
PDQ = Algorithm("pdq", 32, 31)
#: Squares around keypoints; what a match needs is said in matching/regions.py.
REGION = Algorithm("pdq-region", 32, RADIUS)
#: Regions of two works that are this near are the same furniture: the radius of whole frames.
SHARED_RADIUS = PDQ.radius
#: ImageHash's 64-bit pHash comes from datasets that carry that column. Within 6 bits no pair of 499,500 fell; within
#: 10 one did: it may restrict and never permits, and answers that rest on it say so.
PHASH = Algorithm("phash", 8, 6)

#: What whole pictures are asked by, and what a check of hashes takes.
ALGORITHMS: Mapping[str, Algorithm] = {algorithm.name: algorithm for algorithm in (PDQ, PHASH)}


def algorithm_named(name: str, among: Mapping[str, Algorithm] = ALGORITHMS) -> Algorithm:
    """Return the algorithm of that name. Raises InvalidFingerprint, naming those that exist."""
    try:
        return among[name]
    except KeyError:
        raise InvalidFingerprint(f"{name!r} is no algorithm here; use one of {', '.join(among)}") from None


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


@dataclass(frozen=True, slots=True)
class Frozen:
    """A state to be stored: its view, and what its declarations say."""

    view: View
    works: Mapping[str, NDArray[Any]]


class Matcher:
    """All that is declared, searchable. One writer feeds it; any thread may ask."""

    def __init__(
        self,
        base: Mapping[str, NDArray[Any]] | None = None,
        view: View | None = None,
        algorithms: Mapping[str, Algorithm] = ALGORITHMS,
    ) -> None:
        """``base``: what ``arrays`` returned earlier, possibly mapped from a file; ``view``: the state it is of;
        ``algorithms``: of whole pictures, by name, PDQ among them.
        """
        self._algorithms = algorithms
        frames = {name: Searchable(a, _FRAME_COLUMNS, base) for name, a in algorithms.items()}
        self._regions = Searchable(REGION, {"place": (np.float32, 4), "says": (np.uint8, None)}, base)
        self._searchable = {**frames, REGION.name: self._regions}
        self._works = Works(base)
        self._view = view or View(0, EMPTY_ROOT.hex(), dict.fromkeys(self._searchable, 0))

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
        regions: Regions | None = None,
        valid_until: int | None = None,
    ) -> None:
        """Add the declaration made by entry ``index``; ``valid_until`` in Unix seconds."""
        slot = self._works.add(index, id=id, statement=Statement(preferences, claim), valid_until=valid_until)
        values: dict[str, list[bytes]] = {}
        orientations: dict[str, list[int]] = {}
        sides: dict[str, list[float]] = {}
        for fingerprint in fingerprints:
            value = parse_hash(algorithm_named(fingerprint.alg, self._algorithms), fingerprint.value)
            values.setdefault(fingerprint.alg, []).append(value)
            orientations.setdefault(fingerprint.alg, []).append(_code_of(fingerprint.orientation))
            sides.setdefault(fingerprint.alg, []).append(fingerprint.size or 0)
        for name, hashes in values.items():
            rows = np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), -1)
            self._searchable[name].append(slot, rows, orientation=orientations[name], side=sides[name])
        if regions is not None:
            self._regions.append(slot, regions.hashes, place=regions.places, says=regions.says)

    def change(self, index: int, *, ref: int, preferences: Mapping[Category, Preference]) -> None:
        """From entry ``index`` on, the declaration of entry ``ref`` says ``preferences``, unless it has ended."""
        said = self._works.newest(ref)
        if said is not None:
            self._works.state(index, ref=ref, statement=replace(said, preferences=preferences))

    def dispute(self, index: int, *, ref: int, disputed: bool) -> None:
        """From entry ``index`` on, the declaration of entry ``ref`` is disputed or no longer, unless it has ended.

        What it restricts counts all the same; what it permits counts while it is not disputed.
        """
        said = self._works.newest(ref)
        if said is not None and said.disputed is not disputed:
            self._works.state(index, ref=ref, statement=replace(said, disputed=disputed))

    def withdraw(self, index: int, *, ref: int) -> None:
        """From entry ``index`` on, the declaration of entry ``ref`` says nothing, whatever comes after."""
        if self._works.newest(ref) is not None:
            self._works.state(index, ref=ref, statement=None)

    def erase(self, index: int, *, ref: int) -> None:
        """Forget the declaration of entry ``ref``, as entry ``index`` asks.

        It matches in no state, older ones included, and nothing of it is in arrays that are stored from now on.
        """
        self._works.erase(ref)

    def declare_erased(self, index: int) -> None:
        """Keep the place of the declaration of entry ``index``, of which nothing is left to be fed: the entries that
        follow may speak of it.
        """
        nothing = Statement({}, Claim.SELF)
        self._works.add(index, id=ID_PREFIX + "00" * ID_BYTES, statement=nothing, valid_until=None)
        self._works.erase(index)

    def advance(self, tree_size: int, root: str) -> None:
        """Publish all that was fed so far as the state of the log at ``tree_size`` with that root (hex)."""
        for searchable in self._searchable.values():
            searchable.index.settle()
        self._view = View(tree_size, root, {name: len(held) for name, held in self._searchable.items()})

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
        erased = self._works.erased()  # as of now: later than the state is no harm
        for name, searchable in self._searchable.items():
            found |= searchable.arrays(frozen.view.rows[name], erased)
        return found

    def view_at(self, tree_size: int, root: str) -> View:
        """The state of an earlier log, of that size and root (hex). ``tree_size`` is at most that of ``view``."""
        works, rows = self._works.declared_before(tree_size), self._view.rows
        each = self._searchable.items()
        return View(tree_size, root, {name: held.rows_of(works, rows[name])[0] for name, held in each})

    def active(self, view: View) -> tuple[View, dict[str, NDArray[Any]]]:
        """What speaks in a state and nothing else, indexed anew: the state as these arrays hold it, and the arrays.

        They depend on that alone: not on what was withdrawn or erased before, nor on how the matcher was fed. What has
        expired is among them. Any thread may call it while the writer goes on.
        """
        slots = np.arange(self._works.declared_before(view.tree_size))
        places = self._works.statements(slots, view.tree_size)
        chosen = np.flatnonzero(places != NONE)
        found = self._works.only(chosen, places[chosen])
        rows = {}
        for name, searchable in self._searchable.items():
            found |= searchable.only(view.rows[name], chosen)
            rows[name] = len(found[f"{name}_slot"])
        return View(view.tree_size, view.root, rows), found

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
        when = time.time() if now is None else now
        found: dict[int, list[Match]] = {}
        for query, slot, distance, orientation in self._nearest(view, algorithm, hashes):
            match = self._match(slot, view, when, algorithm, distance, _transform(orientation))
            if match is not None:
                found.setdefault(query, []).append(match)
        return found

    def match_picture(self, view: View, candidate: Candidate, *, now: float | None = None) -> list[Match]:
        """Return the declarations that speak about a picture, those found as whole frames first, nearest first.

        Regions are compared where the candidate has them. Each declaration is listed once.
        """
        when = time.time() if now is None else now
        frames = candidate.frames
        telling = np.flatnonzero(frames.counts)
        # What regions may confirm is looked for further away, among frames that are large enough to differ.
        wide = None if candidate.regions is None else frames.sides[telling]
        best: dict[int, tuple[int, Transform | None]] = {}
        for query, slot, distance, orientation in self._nearest(view, PDQ, frames.hashes[telling], wide):
            if slot not in best or distance < best[slot][0]:
                best[slot] = (distance, _transform(orientation, frames.boxes[telling[query]].tolist()))
        regions = {} if candidate.regions is None else self._agreeing(view, candidate.regions)
        found = []
        for slot, (distance, transform) in best.items():
            agreed = regions.pop(slot, None)
            count = None if agreed is None else agreed.regions
            found.append(self._match(slot, view, when, PDQ, distance, transform, count))
        for slot, agreed in regions.items():
            lies = agreed.transform
            transform = Transform(
                rotation=lies.rotation, mirrored=lies.mirrored, scale=lies.scale, box=[*map(float, lies.box)]
            )
            found.append(self._match(slot, view, when, REGION, agreed.distance, transform, agreed.regions))
        return sorted((match for match in found if match), key=lambda match: (match.alg, match.distance))

    def _nearest(
        self,
        view: View,
        algorithm: Algorithm,
        hashes: NDArray[np.uint8],
        wide: NDArray[np.int32] | None = None,
    ) -> Iterator[tuple[int, int, int, int]]:
        """The works near each hash: query, slot, distance and orientation of its nearest row, nearest work first.

        ``wide``: the sides in pixels of the frames asked about, of which large ones are looked for in DEEP_RADIUS.
        """
        searchable = self._searchable[algorithm.name]
        radius = algorithm.radius if wide is None else DEEP_RADIUS
        hits = searchable.index.search(words(hashes), radius, view.rows[algorithm.name])
        if wide is not None:
            large = np.minimum(wide[hits.query], searchable.columns["side"].take(hits.row)) >= LEAST_DEEP_SIDE
            near = large | (hits.distance <= algorithm.radius)
            hits = Hits(hits.query[near], hits.row[near], hits.distance[near])
        seen: set[tuple[int, int]] = set()
        # Ordered by query, then by distance: the first row of a work is its nearest.
        for query, distance, slot, orientation in zip(
            hits.query.tolist(),
            hits.distance.tolist(),
            searchable.slots.take(hits.row).tolist(),
            searchable.columns["orientation"].take(hits.row).tolist(),
            strict=True,
        ):
            if (query, slot) not in seen:
                seen.add((query, slot))
                yield query, slot, distance, orientation

    def _agreeing(self, view: View, asked: Regions) -> dict[int, RegionMatch]:
        """The works of which enough regions lie in the picture, by slot."""
        stored, rows = self._regions, view.rows[REGION.name]
        hits = self._speaking(stored.index.search(words(asked.hashes), REGION.radius, rows), view)
        near, place = np.unique(hits.row, return_inverse=True)
        if not len(near):
            return {}

        def declared(slot: int) -> Declared:
            start, stop = stored.rows_of(slot, rows)
            each = np.arange(start, stop)
            says, places = stored.columns["says"].take(each), stored.columns["place"].take(each)
            regions = declared_regions(stored.hashes(start, stop), places, says)
            return Declared(regions, self._shared(regions, view))

        local = Hits(hits.query, place.astype(np.int64), hits.distance)
        works = stored.slots.take(near).astype(np.int64)
        return {match.work: match for match in accept(local, asked, works, declared)}

    def _speaking(self, hits: Hits, view: View) -> Hits:
        """Of hits among the regions, those of works that speak in a state: what has ended has no say in the rest."""
        slots, place = np.unique(self._regions.slots.take(hits.row), return_inverse=True)
        kept = (self._works.statements(slots.astype(np.int64), view.tree_size) != NONE)[place]
        return hits if kept.all() else Hits(hits.query[kept], hits.row[kept], hits.distance[kept])

    def _shared(self, regions: Regions, view: View) -> NDArray[np.int64]:
        """How many works hold a region near each of these, which are stored themselves."""
        rows = view.rows[REGION.name]
        hits = self._speaking(self._regions.index.search(words(regions.hashes), SHARED_RADIUS, rows), view)
        pairs = np.unique(np.stack([hits.query, self._regions.slots.take(hits.row).astype(np.int64)]), axis=1)
        return np.bincount(pairs[0], minlength=len(regions)).astype(np.int64)

    def _match(
        self,
        slot: int,
        view: View,
        when: float,
        algorithm: Algorithm,
        distance: int,
        transform: Transform | None,
        regions: int | None = None,
    ) -> Match | None:
        said = self._works.said(slot, view.tree_size, when)
        if said is None:
            return None
        return Match(
            declaration=self._works.id_of(slot),
            alg=algorithm.name,
            distance=distance,
            claim=said.claim,
            preferences=said.counting,
            transform=transform,
            regions=regions,
            disputed=said.disputed,
        )


#: What belongs to a frame's row: its orientation, and its shorter side in pixels, 0 where that is not known.
_FRAME_COLUMNS: Mapping[str, tuple[type[np.generic], int | None]] = {
    "orientation": (np.uint8, None),
    "side": (np.int32, None),
}


def _code_of(orientation: str | None) -> int:
    return 1 + ORIENTATIONS.index(orientation) if orientation in ORIENTATIONS else 0


def _transform(code: int, box: list[float] | None = None) -> Transform | None:
    inside = None if box is None or box == [0.0, 0.0, 1.0, 1.0] else box
    if not code and inside is None:
        return None
    return Transform(orientation=ORIENTATIONS[code - 1] if code else None, box=inside)
