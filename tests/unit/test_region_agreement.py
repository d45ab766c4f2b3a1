"""Which works are accepted: what agrees on one arrangement counts, and only that."""

from __future__ import annotations

import math

import numpy as np
import pytest

from remarque.matching.regions import (
    OFF_SIDE,
    OFF_WAY,
    SCALE,
    SHARED_BY,
    TURN,
    Declared,
    _agreement,
    _Pairs,
    nearest,
)
from tests.region_pictures import drawn, flipped, placed, regions, search


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def test_a_whole_copy_is_found_among_others_with_its_transform(random: np.random.Generator) -> None:
    works = [drawn(random) for _ in range(5)]
    [match] = search(placed(works[3], 0.5, 30, 20, random), works)
    assert match.work == 3
    assert match.regions > 40
    assert match.distance == 20
    assert match.transform.scale == pytest.approx(0.5, rel=0.01)
    assert match.transform.rotation == pytest.approx(30, abs=1)
    assert not match.transform.mirrored
    assert match.margin > 0


def test_a_mirror_image_says_so_and_its_box_lies_in_the_picture_as_it_is(random: np.random.Generator) -> None:
    work = drawn(random)
    copy = placed(work, 1.0, 0, 10, random, mirrored=True)
    left_third = regions(copy.hashes, copy.places - [400, 0, 0, 0], (copy.width, copy.height), mirrored=True)
    [match] = search(left_third, [work])
    assert match.transform.mirrored
    assert match.transform.box[2] > 0.9  # it lies left in the mirrored picture, so right in the picture


def test_near_hashes_at_scattered_places_are_no_match(random: np.random.Generator) -> None:
    work = drawn(random)
    scattered = drawn(random)
    asked = regions(flipped(work.hashes[:6], 40, random), scattered.places[:6].astype(np.float64), (1000, 1000))
    assert search(asked, [work]) == []


def test_one_near_region_is_enough_for_a_small_part_and_not_for_the_whole(random: np.random.Generator) -> None:
    work = drawn(random)
    here = work.places[:1].astype(np.float64)
    part = here.copy()
    part[:, :2] = 100, 100
    assert search(regions(flipped(work.hashes[:1], 8, random), part, (200, 200)), [work])
    assert search(regions(flipped(work.hashes[:1], 8, random), here, (1000, 1000)), [work]) == []


def test_what_many_works_share_is_not_enough_while_a_whole_copy_still_is(random: np.random.Generator) -> None:
    work = drawn(random)
    few = regions(flipped(work.hashes[:8], 10, random), work.places[:8].astype(np.float64), (1000, 1000))
    whole = placed(work, 1.0, 0, 10, random)
    assert search(few, [work])
    assert search(few, [work], shared=SHARED_BY + 1) == []
    assert search(whole, [work], shared=SHARED_BY + 1)


def test_regions_on_one_another_count_once(random: np.random.Generator) -> None:
    one = drawn(random, 1)
    stack = regions(
        np.repeat(one.hashes, 30, axis=0), np.repeat(one.places, 30, axis=0).astype(np.float64), (1000, 1000)
    )
    match = nearest(stack, Declared(stack, np.ones(30, np.int64)))
    assert match is not None
    assert match.regions == 1


def test_regions_without_texture_weigh_nothing(random: np.random.Generator) -> None:
    work = drawn(random)
    work.says[:] = 0
    assert search(placed(work, 1.0, 0, 0, random), [work]) == []


def test_nothing_asked_nothing_found(random: np.random.Generator) -> None:
    assert search(drawn(random, 0), [drawn(random)]) == []


def test_agreement_is_what_its_description_says(random: np.random.Generator) -> None:
    work = drawn(random, 25)
    copy = placed(work, 1.3, 50, 0, random)
    places = copy.places.astype(np.float64)
    places[:, :2] += random.normal(0, 15, (25, 2))
    places[:, 2] *= random.uniform(0.8, 1.25, 25)
    places[:, 3] += random.normal(0, 12, 25)
    pairs = _Pairs(places, work.places.astype(np.float64), np.zeros(25, np.int64), np.ones(25))
    expected = [[_agrees(pairs, i, j) for j in range(25)] for i in range(25)]
    got = _agreement(pairs)
    assert got.tolist() == expected
    assert 25 < np.count_nonzero(got) < 25 * 25


def _agrees(pairs: _Pairs, i: int, j: int) -> bool:
    """One pair of pairs, step by step."""
    xa, ya, sa, ta = pairs.asked[i]
    xs, ys, ss, ts = pairs.stored[i]
    xb, yb, sb, tb = pairs.asked[j]
    xo, yo, so, to = pairs.stored[j]
    scale, turn = sa / ss, math.radians(ta - ts)
    x = xa + scale * (math.cos(turn) * (xo - xs) - math.sin(turn) * (yo - ys))
    y = ya + scale * (math.sin(turn) * (xo - xs) + math.cos(turn) * (yo - ys))
    off = math.hypot(x - xb, y - yb) <= OFF_SIDE * sb + OFF_WAY * scale * math.hypot(xo - xs, yo - ys)
    ratio = max(sb / so, scale) / min(sb / so, scale)
    between = abs(((tb - to) - (ta - ts) + 180) % 360 - 180)
    return bool(off and ratio <= SCALE and between <= TURN)
