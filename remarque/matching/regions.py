"""From near regions to works: which declared works hold enough of a picture, in the same arrangement.

A near region names a candidate. Then all regions of that work are compared with all of the picture, at a radius that
is far too wide for a search. One pair of regions says by itself how the work would lie in the picture: scale, turn and
place. Pairs that say the same agree, and are weighed: nearer hashes weigh more; regions with little texture, and
those that many works share (logos, page furniture, letters), weigh less. The work is accepted if what agrees weighs
enough for how much of the work would have to be there: two words of the same lettering are little for a whole page,
and much for the corner of a page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remarque.fingerprints.regions import FRAME, LEAST_PIXELS, LEAST_SIDE, Regions
from remarque.matching.index import Hits, words

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Radius of the search for candidates, bits of 256. 48 found nothing more in 120 works; 31 lost 3 % of small crops.
RADIUS = 40
#: A pair at distance d weighs (NOTHING - d) / FULL_WEIGHT: 1 at 32 bits, a quarter at 80. Different regions lie
#: 128 +- 8 apart, so that 96 is reached by chance in a place that agrees about once in 30,000 tries.
NOTHING, FULL_WEIGHT = 96, 64
#: What agrees must weigh ENOUGH, and EACH more for every region of the work that would have to be in the picture.
#: Among 929 works, all against all, plain and framed, the heaviest pair of different works came to 0.13 + EACH *
#: expected (pages lettered by one hand); 97 % of crops to a quarter of the area lie above 0.6.
ENOUGH, EACH = 0.6, 0.03
#: One region alone has to be this near, bits (the radius of frames; words of one lettering came to 28).
ALONE = 31
#: Parts of a region with texture in both directions, of 64, from which on it weighs in full.
FULL_SAYS = 16
#: A region shared by more works than this weighs SHARED_WEIGHT times as much: a logo is not enough, while a whole copy
#: of a work that many declared still is.
SHARED_BY, SHARED_WEIGHT = 8, 0.125
#: Two pairs agree if scale and turn differ by at most this, and the place that one predicts for the other is off by
#: at most this share of the region's side and of the way between them (angles and sizes of keypoints are that rough).
SCALE, TURN, OFF_SIDE, OFF_WAY = 1.3, 20.0, 0.2, 0.1
#: Two regions of a work count once if their centres are nearer than this share of a side and their sides alike.
SAME_PLACE, SAME_SIDE = 0.25, 1.5
#: Bounds on the work done: candidates, those with most hits first; pairs of one candidate, heaviest first; groups.
MOST_WORKS, MOST_PAIRS, MOST_GROUPS = 64, 200, 8


@dataclass(frozen=True, slots=True, eq=False)
class Declared:
    """What is stored of a work: its regions, and by how many works each is shared, itself among them, int64 (n,)."""

    regions: Regions
    shared: Integers


@dataclass(frozen=True, slots=True)
class RegionTransform:
    """How the work lies in the picture. ``scale``: picture pixels for a pixel of the work as declared. ``rotation``:
    degrees clockwise, -180..180, of the work in the picture, which is first mirrored left to right if ``mirrored``.
    ``box``: left, top, right, bottom of what agreed, as shares of the picture, 0..1.
    """

    scale: float
    rotation: float
    mirrored: bool
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class RegionMatch:
    """A work that was accepted. ``regions``: how many of its regions agree, overlapping ones counted once.
    ``distance``: bits of the nearest of them. ``weight``: of all. ``expected``: how many would lie in the picture.
    """

    work: int
    regions: int
    distance: int
    weight: float
    expected: int
    transform: RegionTransform

    @property
    def margin(self) -> float:
        """What it weighs beyond what is enough."""
        return self.weight - ENOUGH - EACH * self.expected

    @property
    def accepted(self) -> bool:
        """Is the work in the picture?"""
        return self.margin >= 0 and (self.regions > 1 or self.distance <= ALONE)


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Pairs of regions of one work and the picture, heaviest first: places (n, 4), distance and weight (n,)."""

    asked: Floats
    stored: Floats
    distance: Integers
    weight: Floats

    def only(self, chosen: Integers) -> _Pairs:
        return _Pairs(self.asked[chosen], self.stored[chosen], self.distance[chosen], self.weight[chosen])


def accept(hits: Hits, asked: Regions, works: Integers, declared: Callable[[int], Declared]) -> list[RegionMatch]:
    """Return the works that are in the picture, those that weigh most beyond enough first; each once.

    ``hits``: of ``asked.hashes`` among the stored rows, within RADIUS. ``works``: int64 (rows,), the work of each
    stored row. ``declared``: what is stored of a work.
    """
    matches = (nearest(asked, declared(work), work) for work in _candidates(hits, works))
    return sorted((m for m in matches if m and m.accepted), key=lambda match: (-match.margin, match.work))


def nearest(asked: Regions, declared: Declared, work: int = 0) -> RegionMatch | None:
    """The arrangement of a work in the picture that most speaks for, accepted or not; None if no region is near."""
    sides = (_pairs(asked, declared, mirrored) for mirrored in (False, True))
    found = [
        _heaviest(work, mirrored, pairs, asked, declared.regions)
        for mirrored, pairs in enumerate(sides)
        if len(pairs.weight)
    ]
    return max(found, key=lambda match: match.margin, default=None)


def _candidates(hits: Hits, works: Integers) -> Iterator[int]:
    """The works of the hits, those with most and nearest hits first."""
    names, place = np.unique(works[hits.row], return_inverse=True)
    weight = np.bincount(place, NOTHING - hits.distance.astype(np.float64), len(names))
    yield from names[np.argsort(-weight, kind="stable")[:MOST_WORKS]].tolist()


def _pairs(asked: Regions, declared: Declared, mirrored: bool) -> _Pairs:
    rows = np.flatnonzero(asked.mirrored == mirrored)
    there, here = words(asked.hashes[rows]), words(declared.regions.hashes)
    distances = np.zeros((len(there), len(here)), np.int64)
    for k in range(here.shape[1]):
        distances += np.bitwise_count(there[:, None, k] ^ here[None, :, k])
    i, j = np.nonzero(distances < NOTHING)
    says = np.minimum(asked.says[rows[i]], declared.regions.says[j])
    weight = (NOTHING - distances[i, j]) / FULL_WEIGHT * (says / FULL_SAYS).clip(0, 1)
    weight = np.where(declared.shared[j] > SHARED_BY, SHARED_WEIGHT, 1.0) * weight
    order = np.lexsort((j, i, -weight))[:MOST_PAIRS]
    order = order[weight[order] > 0]
    i, j = i[order], j[order]
    places = declared.regions.places[j].astype(np.float64)
    return _Pairs(asked.places[rows[i]].astype(np.float64), places, distances[i, j], weight[order])


def _heaviest(work: int, mirrored: bool | int, pairs: _Pairs, asked: Regions, stored: Regions) -> RegionMatch:
    agreeing = _agreement(pairs)
    promising = np.argsort(-(agreeing @ pairs.weight), kind="stable")[:MOST_GROUPS]
    groups = [pairs.only(_apart(pairs, np.flatnonzero(agreeing[i]))) for i in promising.tolist()]
    group = max(groups, key=lambda group: float(group.weight.sum()))
    scale, turn = _similarity(group)
    return RegionMatch(
        work=work,
        regions=len(group.weight),
        distance=int(group.distance.min()),
        weight=float(group.weight.sum()),
        expected=_expected(group, scale, turn, stored, asked),
        transform=RegionTransform(scale, float(np.degrees(turn)), bool(mirrored), _box(group, bool(mirrored), asked)),
    )


def _agreement(pairs: _Pairs) -> NDArray[np.bool_]:
    """Does pair j lie where pair i predicts it? bool (n, n)."""
    scale = pairs.asked[:, 2] / pairs.stored[:, 2]
    turn = np.radians(pairs.asked[:, 3] - pairs.stored[:, 3])
    way = pairs.stored[None, :, :2] - pairs.stored[:, None, :2]
    cos, sin = (scale * np.cos(turn))[:, None], (scale * np.sin(turn))[:, None]
    x = pairs.asked[:, None, 0] + cos * way[..., 0] - sin * way[..., 1]
    y = pairs.asked[:, None, 1] + sin * way[..., 0] + cos * way[..., 1]
    off = np.hypot(x - pairs.asked[None, :, 0], y - pairs.asked[None, :, 1])
    allowed = OFF_SIDE * pairs.asked[None, :, 2] + OFF_WAY * scale[:, None] * np.hypot(way[..., 0], way[..., 1])
    ratio = np.abs(np.log(scale[None] / scale[:, None]))
    angle = np.abs((np.degrees(turn[None] - turn[:, None]) + 180) % 360 - 180)
    agreeing: NDArray[np.bool_] = (off <= allowed) & (ratio <= np.log(SCALE)) & (angle <= TURN)
    return agreeing


def _apart(pairs: _Pairs, group: Integers) -> Integers:
    """Those of a group that do not lie on one another in the work, heaviest first: a place counts once."""
    chosen: list[int] = []
    for i in group.tolist():
        x, y, side, _ = pairs.stored[i]
        others = pairs.stored[chosen]
        away = np.hypot(others[:, 0] - x, others[:, 1] - y) > SAME_PLACE * np.minimum(others[:, 2], side)
        if np.all(away | (np.abs(np.log(others[:, 2] / side)) > np.log(SAME_SIDE))):
            chosen.append(i)
    return np.array(chosen, np.int64)


def _similarity(group: _Pairs) -> tuple[float, float]:
    """Mean scale, and mean turn in radians."""
    turns = np.radians(group.asked[:, 3] - group.stored[:, 3])
    scale = float(np.exp(np.mean(np.log(group.asked[:, 2] / group.stored[:, 2]))))
    return scale, float(np.arctan2(np.sin(turns).sum(), np.cos(turns).sum()))


def _expected(group: _Pairs, scale: float, turn: float, stored: Regions, asked: Regions) -> int:
    """How many stored regions would lie inside the picture, large enough to be found there."""
    x0, y0 = group.asked[:, :2].mean(0)
    way = stored.places[:, :2] - group.stored[:, :2].mean(0)
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    x, y = x0 + cos * way[:, 0] - sin * way[:, 1], y0 + sin * way[:, 0] + cos * way[:, 1]
    side, angle = scale * stored.places[:, 2], np.radians(stored.places[:, 3]) + turn
    half = side / 2 * (np.abs(np.cos(angle)) + np.abs(np.sin(angle)))
    inside = (x > half) & (y > half) & (x < asked.width - half) & (y < asked.height - half)
    least = max(LEAST_PIXELS, LEAST_SIDE / FRAME * max(asked.width, asked.height))
    return int(np.count_nonzero(inside & (side >= least)))


def _box(group: _Pairs, mirrored: bool, asked: Regions) -> tuple[float, float, float, float]:
    left, top = (group.asked[:, :2] - group.asked[:, 2:3] / 2).min(0)
    right, bottom = (group.asked[:, :2] + group.asked[:, 2:3] / 2).max(0)
    if mirrored:
        left, right = asked.width - right, asked.width - left
    edges = np.clip([left / asked.width, top / asked.height, right / asked.width, bottom / asked.height], 0, 1)
    return float(edges[0]), float(edges[1]), float(edges[2]), float(edges[3])
