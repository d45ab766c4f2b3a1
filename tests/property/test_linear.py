"""The reference search against one that a child could write."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from remarque.matching import LinearIndex, words
from remarque.matching import linear as linear_module


def slow_search(stored: np.ndarray, queries: np.ndarray, radius: int) -> list[tuple[int, int, int]]:
    """(query, distance, row) of every pair within the radius, in order; one pair at a time, in plain integers."""
    found = []
    for q, query in enumerate(queries):
        for r, row in enumerate(stored):
            distance = (int.from_bytes(query.tobytes(), "big") ^ int.from_bytes(row.tobytes(), "big")).bit_count()
            if distance <= radius:
                found.append((q, distance, r))
    return sorted(found)


def rows(size: int) -> st.SearchStrategy[np.ndarray]:
    # Few different bytes, so that near pairs and equal distances are common.
    return st.integers(0, 40).flatmap(lambda n: arrays(np.uint8, (n, size), elements=st.sampled_from([0, 1, 3, 255])))


@settings(max_examples=200, deadline=None)
@given(data=st.data(), size=st.sampled_from([8, 32]), radius=st.integers(-1, 260), tile=st.integers(1, 50))
def test_it_finds_what_the_slow_search_finds(data: st.DataObject, size: int, radius: int, tile: int) -> None:
    stored, queries = data.draw(rows(size)), data.draw(rows(size))
    limit = data.draw(st.none() | st.integers(0, 45))
    index = LinearIndex(size * 8)
    for part in np.array_split(stored, data.draw(st.integers(1, 4))):
        index.append(part)
    usual, linear_module.TILE_PAIRS = linear_module.TILE_PAIRS, tile  # every tile border is crossed
    try:
        hits = index.search(words(queries), radius, limit)
    finally:
        linear_module.TILE_PAIRS = usual
    got = list(zip(hits.query.tolist(), hits.distance.tolist(), hits.row.tolist(), strict=True))
    assert got == slow_search(stored[:limit], queries, radius)
