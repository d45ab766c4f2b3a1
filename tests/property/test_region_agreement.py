"""Planted similarities are found, whatever they are; regions that agree by chance alone are not accepted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.region_pictures import drawn, flipped, placed, regions, search


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.floats(0.3, 3),
    degrees=st.floats(-179, 179),
    bits=st.integers(0, 40),
    mirrored=st.booleans(),
)
def test_a_planted_similarity_is_found(seed: int, scale: float, degrees: float, bits: int, mirrored: bool) -> None:
    random = np.random.default_rng(seed)
    works = [drawn(random) for _ in range(3)]
    [match] = search(placed(works[1], scale, degrees, bits, random, mirrored=mirrored), works)
    assert match.work == 1
    assert match.transform.scale == pytest.approx(scale, rel=0.02)
    assert abs((match.transform.rotation - degrees + 180) % 360 - 180) < 2
    assert match.transform.mirrored == mirrored
    assert all(0 <= edge <= 1 for edge in match.transform.box)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), near=st.integers(0, 12), bits=st.integers(32, 40))
def test_near_regions_in_no_common_arrangement_are_not_accepted(seed: int, near: int, bits: int) -> None:
    random = np.random.default_rng(seed)
    work, other = drawn(random), drawn(random)
    hashes = other.hashes.copy()
    hashes[:near] = flipped(work.hashes[:near], bits, random)
    asked = regions(hashes, other.places.astype(np.float64), (1000, 1000))
    # Two of twelve may agree by chance, one in a hundred times; one alone is never enough, nor is chance for three.
    assert all(2 <= match.regions < 4 for match in search(asked, [work]))
    if near < 2:
        assert search(asked, [work]) == []
