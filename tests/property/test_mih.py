"""Multi-index hashing against the reference search: the same pairs in the same order, whatever is stored and asked."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remarque.matching import LinearIndex, mih, words
from remarque.matching.index import HashIndex, Hits
from remarque.matching.mih import Block, MihIndex, layout, radii


def same(found: Hits, expected: Hits) -> bool:
    return (
        np.array_equal(found.query, expected.query)
        and np.array_equal(found.row, expected.row)
        and np.array_equal(found.distance, expected.distance)
        and (found.query.dtype, found.row.dtype, found.distance.dtype) == (np.int64, np.int64, np.uint16)
    )


def linear(hashes: np.ndarray) -> HashIndex:
    index = LinearIndex(hashes.shape[1] * 8)
    index.append(hashes)
    return index


def clustered(seed: int, n: int, size: int, centres: int, spread: float) -> np.ndarray:
    """Hashes around a few centres, each bit of which is changed with the probability ``spread``; 0 is duplicates."""
    random = np.random.default_rng(seed)
    middle = random.integers(0, 2, (centres, size * 8), dtype=np.uint8)
    bits = middle[random.integers(0, centres, n)] ^ (random.random((n, size * 8)) < spread)
    return np.packbits(bits, axis=1)


@st.composite
def contents(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Stored hashes and queries: random, clustered, all alike, few or none; queries partly from the same clusters."""
    size = draw(st.sampled_from([8, 16, 32]))
    n = draw(st.sampled_from([0, 1, 2, 50, 700, 3000]))
    centres = draw(st.sampled_from([1, 5, 3000]))
    spread = draw(st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.5]))
    made = clustered(draw(st.integers(0, 2**32)), n + 30, size, centres, spread)
    return made[:n], made[n - min(n, 10) :][: draw(st.integers(0, 40))]


def cuts(bits: int) -> st.SearchStrategy[list[Block]]:
    """Blocks of any width from 9 bits on, even or not, that cover the hash."""

    def evenly(m: int) -> list[Block]:
        widths = [bits // m + (i < bits % m) for i in range(m)]
        return [Block(sum(widths[:i]), widths[i]) for i in range(m)]

    def uneven(extra: int) -> list[Block]:
        blocks = evenly(bits // 13)
        moved = min(extra, blocks[1].width - 9)
        return [Block(0, blocks[0].width + moved), Block(blocks[1].start + moved, blocks[1].width - moved), *blocks[2:]]

    return st.integers(-(-bits // 18), bits // 9).map(evenly) | st.integers(0, 4).map(uneven)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), content=contents(), radius=st.integers(-1, 70), planned=st.integers(0, 60))
def test_it_finds_what_the_reference_finds(
    data: st.DataObject, content: tuple[np.ndarray, np.ndarray], radius: int, planned: int
) -> None:
    stored, queries = content
    rows = data.draw(st.none() | st.integers(-1, len(stored) + 2))
    blocks = data.draw(st.none() | cuts(stored.shape[1] * 8))
    index = MihIndex.build(words(stored), planned, blocks)
    assert len(index) == len(stored)
    expected = linear(stored).search(words(queries), radius, None if rows is None else max(rows, 0))
    assert same(index.search(words(queries), radius, rows), expected)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), content=contents(), radius=st.integers(0, 40))
def test_it_never_needs_to_compare_everything(
    data: st.DataObject, content: tuple[np.ndarray, np.ndarray], radius: int
) -> None:
    """The search by keys itself is exact, where a small index would compare everything because that is cheaper."""
    stored, queries = content
    rows = data.draw(st.none() | st.integers(0, len(stored)))
    usual, mih.SCAN_NS = mih.SCAN_NS, 1e12
    try:
        index = MihIndex.build(words(stored), radius, data.draw(cuts(stored.shape[1] * 8)))
        found = index.search(words(queries), radius, rows)
    finally:
        mih.SCAN_NS = usual
    assert same(found, linear(stored).search(words(queries), radius, rows))


@given(n=st.integers(0, 10**9), radius=st.integers(0, 64), bits=st.sampled_from([64, 128, 256]))
@settings(max_examples=60, deadline=None)
def test_the_cut_covers_the_hash_and_the_radii_add_up(n: int, radius: int, bits: int) -> None:
    blocks = layout(n, radius, bits)
    if not blocks:
        return
    assert [b.start for b in blocks] == [sum(b.width for b in blocks[:i]) for i in range(len(blocks))]
    assert sum(b.width for b in blocks) == bits
    chosen, _ = radii([b.width for b in blocks], n, radius)
    assert sum(chosen) == radius - len(blocks) + 1
    assert min(chosen) >= -1
