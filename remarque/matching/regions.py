"""From near regions to works: which declared works hold enough of a picture, in the same arrangement.

One pair of near regions says by itself how the picture would have to lie on the work: its scale, its turn, its place.
Pairs that say the same agree. What agrees is weighed: near hashes weigh more, regions with little texture less, and
regions that many works share (logos, page furniture, ornaments) far less. A work is accepted if one such group weighs
enough; one very near region can be a group.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remarque.fingerprints.regions import Regions
from remarque.matching.index import Hits

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Regions further apart than this are not asked for. Bits of 256.
RADIUS = 48
#: The weight of a pair at distance d is (NOTHING - d) / 32: 1 at 32 bits, a half at 48.
NOTHING = 64
#: A group has to weigh this much: one region within 32 bits, or two within 48.
ENOUGH = 1.0
#: Parts of a region with texture in both directions, of 64, from which on it weighs in full.
FULL_SAYS = 16
#: A region that more works share weighs SHARED_WEIGHT times as much: no logo or ornament is enough by itself, while
#: a whole copy of a work that many declared still is.
SHARED_BY, SHARED_WEIGHT = 8, 1 / 8
#: Two pairs agree if scale and turn differ by at most this, and the place that one predicts for the other is off by
#: at most this share of the region's side and of the way between them (angles and sizes of keypoints are that rough).
SCALE, TURN, OFF_SIDE, OFF_WAY = 1.3, 20.0, 0.2, 0.1
#: Pairs weighed for one work, nearest first.
MOST_PAIRS = 200


@dataclass(frozen=True, slots=True)
class RegionTransform:
    """How the work lies in the picture. ``scale``: picture pixels for a pixel of the declared frame. ``rotation``:
    degrees clockwise, -180..180, after mirroring left to right if ``mirrored``. ``box``: left, top, right, bottom of
    what agreed, as shares of the picture, 0..1.
    """

    scale: float
    rotation: float
    mirrored: bool
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class RegionMatch:
    """A work that was accepted. ``regions``: how many of its regions agree, overlapping ones counted once.
    ``distance``: bits of the nearest of them. ``weight``: of the group, at least ENOUGH.
    """

    work: int
    regions: int
    distance: int
    weight: float
    transform: RegionTransform


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """The pairs of one work and one handedness, nearest first."""

    asked: Floats  # (n, 4) places
    stored: Floats  # (n, 4) places
    distance: Integers
    weight: Floats
    row: Integers  # of the asked region

    def __len__(self) -> int:
        return len(self.distance)


def accept(
    hits: Hits,
    asked: Regions,
    works: Integers,
    places: NDArray[np.float32],
    says: NDArray[np.uint8],
    shared: Integers,
) -> list[RegionMatch]:
    """Return the works that are in the picture, heaviest first.

    ``hits``: of ``asked.hashes`` among the stored rows. ``works``: int64 (rows,), the work of each stored row;
    ``places``: float32 (rows, 4); ``says``: uint8 (rows,); ``shared``: int64 (rows,), how many works hold a region
    near that row, itself among them. A work is listed once.
    """
    best: dict[int, RegionMatch] = {}
    for work, mirrored, pairs in _by_work(hits, asked, works, places, says, shared):
        if float(pairs.weight.sum()) < ENOUGH:
            continue
        match = _heaviest(work, mirrored, pairs, asked)
        if match.weight >= ENOUGH and (work not in best or match.weight > best[work].weight):
            best[work] = match
    return sorted(best.values(), key=lambda match: (-match.weight, match.work))


def _by_work(
    hits: Hits,
    asked: Regions,
    works: Integers,
    places: NDArray[np.float32],
    says: NDArray[np.uint8],
    shared: Integers,
) -> Iterator[tuple[int, bool, _Pairs]]:
    texture = np.minimum(asked.says[hits.query], says[hits.row]).astype(np.float64)
    weight = (NOTHING - hits.distance.astype(np.float64)).clip(0) / 32 * (texture / FULL_SAYS).clip(0, 1)
    weight *= np.where(shared[hits.row] > SHARED_BY, SHARED_WEIGHT, 1.0)
    work, flag = works[hits.row], asked.mirrored[hits.query]
    order = np.lexsort((hits.row, hits.query, hits.distance, flag, work))
    order = order[weight[order] > 0]
    group = work[order] * 2 + flag[order]
    starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]])) if len(order) else order
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(order)], strict=False):
        part = order[start:stop][:MOST_PAIRS]
        yield (
            int(work[part[0]]),
            bool(flag[part[0]]),
            _Pairs(
                asked.places[hits.query[part]].astype(np.float64),
                places[hits.row[part]].astype(np.float64),
                hits.distance[part].astype(np.int64),
                weight[part],
                hits.query[part],
            ),
        )


def _heaviest(work: int, mirrored: bool, pairs: _Pairs, asked: Regions) -> RegionMatch:
    agreeing = _agreement(pairs)
    totals = [_independent(pairs, np.flatnonzero(line)) for line in _promising(agreeing, pairs)]
    weights = [float(pairs.weight[chosen].sum()) for chosen in totals]
    i = int(np.argmax(weights))
    chosen = totals[i]
    return RegionMatch(
        work=work,
        regions=len(chosen),
        distance=int(pairs.distance[chosen].min()),
        weight=weights[i],
        transform=_transform(pairs, chosen, mirrored, asked),
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


def _promising(agreeing: NDArray[np.bool_], pairs: _Pairs) -> NDArray[np.bool_]:
    """The eight groups that weigh most before overlaps are taken out."""
    return agreeing[np.argsort(-(agreeing @ pairs.weight), kind="stable")[:8]]


def _independent(pairs: _Pairs, group: Integers) -> Integers:
    """Those of a group that do not lie on one another in the work, nearest first: a place counts once."""
    chosen: list[int] = []
    for i in group.tolist():
        x, y, side, _ = pairs.stored[i]
        others = pairs.stored[chosen]
        apart = np.hypot(others[:, 0] - x, others[:, 1] - y) > 0.25 * np.minimum(others[:, 2], side)
        if np.all(apart | (np.abs(np.log(others[:, 2] / side)) > np.log(1.5))):
            chosen.append(i)
    return np.array(chosen, np.int64)


def _transform(pairs: _Pairs, chosen: Integers, mirrored: bool, asked: Regions) -> RegionTransform:
    there, here = pairs.asked[chosen], pairs.stored[chosen]
    scale = float(np.exp(np.mean(np.log(there[:, 2] / here[:, 2]))))
    turns = np.radians(there[:, 3] - here[:, 3])
    rotation = float(np.degrees(np.arctan2(np.sin(turns).sum(), np.cos(turns).sum())))
    left, top = (there[:, :2] - there[:, 2:3] / 2).min(0)
    right, bottom = (there[:, :2] + there[:, 2:3] / 2).max(0)
    if mirrored:
        left, right = asked.width - right, asked.width - left
    box = np.clip([left / asked.width, top / asked.height, right / asked.width, bottom / asked.height], 0, 1)
    return RegionTransform(scale, rotation, mirrored, (float(box[0]), float(box[1]), float(box[2]), float(box[3])))
