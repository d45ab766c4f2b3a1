"""Multi-index hashing: real sizes, skewed content, many hits, what is refused, threads, and the base install."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from remarque.errors import InvalidFingerprint
from remarque.matching import LinearIndex, mih, words
from remarque.matching.index import Hits
from remarque.matching.mih import MihIndex, layout, radii

RANDOM = np.random.default_rng(23)


def hashes(n: int, size: int = 32) -> np.ndarray:
    return RANDOM.integers(0, 256, (n, size), dtype=np.uint8)


def changed(rows: np.ndarray, most: int) -> np.ndarray:
    """Each row with 0 to ``most`` of its bits changed, in turn."""
    bits = np.unpackbits(rows, axis=1)
    for i, row in enumerate(bits):
        row[RANDOM.choice(len(row), i % (most + 1), replace=False)] ^= 1
    return np.packbits(bits, axis=1)


def triples(hits: Hits) -> list[tuple[int, int, int]]:
    return list(zip(hits.query.tolist(), hits.distance.tolist(), hits.row.tolist(), strict=True))


def reference(stored: np.ndarray, queries: np.ndarray, radius: int, rows: int | None = None) -> list[tuple[int, ...]]:
    index = LinearIndex(stored.shape[1] * 8)
    index.append(stored)
    return list(triples(index.search(words(queries), radius, rows)))


@pytest.fixture(scope="module")
def stored() -> np.ndarray:
    """100,000 hashes; 5,000 of them are another's neighbours, 2,000 are one and the same."""
    rows = hashes(100_000)
    rows[40_000:45_000] = changed(rows[:5_000], 20)
    rows[60_000:62_000] = rows[59_999]
    return rows


@pytest.fixture(scope="module")
def index(stored: np.ndarray) -> MihIndex:
    return MihIndex.build(words(stored), 31)


@pytest.mark.parametrize("radius", [0, 3, 10, 31, 32, 38])
def test_planted_neighbours_are_found_at_their_distance(stored: np.ndarray, index: MihIndex, radius: int) -> None:
    assert len(index.arrays["blocks"]) > 1
    queries = np.concatenate([changed(stored[1000:1200], 40), hashes(100)])
    found = triples(index.search(words(queries), radius))
    assert found == reference(stored, queries, radius)
    for i in range(200):
        distance = i % 41
        assert ((i, distance, 1000 + i) in found) == (distance <= radius)


def test_rows_that_share_their_keys_are_all_found(stored: np.ndarray, index: MihIndex) -> None:
    hits = index.search(words(stored[59_999:60_000]), 31)
    assert hits.row.tolist() == list(range(59_999, 62_000))
    assert index.search(words(stored[59_999:60_000]), 31, 60_500).row.tolist() == list(range(59_999, 60_500))


def test_older_states_are_answered(stored: np.ndarray, index: MihIndex) -> None:
    queries = stored[4_000:4_100]
    for rows in (0, 1, 4_050, 44_050, 10**9):
        assert triples(index.search(words(queries), 31, rows)) == reference(stored, queries, 31, rows)
    assert len(index.search(words(queries), 31, -1)) == 0


def test_short_hashes_are_searched_too() -> None:
    rows = hashes(60_000, 8)
    rows[30_000:30_100] = changed(rows[:100], 6)
    index = MihIndex.build(words(rows), 6)
    assert len(index.arrays["blocks"]) > 1
    for radius in (0, 6, 9, 14):
        assert triples(index.search(words(rows[:150]), radius)) == reference(rows, rows[:150], radius)


def test_a_radius_of_the_whole_length_finds_everything() -> None:
    rows = hashes(3_000)
    index = MihIndex.build(words(rows), 31)
    assert len(index.search(words(rows[:2]), 256)) == 6_000
    assert len(index.search(words(rows[:2]), 10_000)) == 6_000
    assert len(index.search(words(rows[:2]), -1)) == 0


def test_every_row_is_found_by_itself() -> None:
    rows = hashes(30_000)
    index = MihIndex.build(words(rows), 31)
    hits = index.search(words(rows), 0)
    assert np.array_equal(hits.row, np.arange(30_000))
    assert np.array_equal(hits.query, hits.row)


def test_the_cut_goes_from_comparing_all_to_eleven_and_ten_blocks() -> None:
    assert layout(0, 31) == ()
    assert layout(20, 31) == ()
    assert len(layout(1_000_000, 31)) == 11
    assert len(layout(10_000_000, 31)) in (10, 11)
    assert len(layout(10_000_000, 6, bits=64)) == 3


def test_the_cheapest_radii_are_the_cheapest_of_all() -> None:
    """Against every way to share 7 bits out among three blocks."""
    widths, n = [12, 11, 9], 5_000
    ways = [(a, b, 5 - a - b) for a in range(-1, 8) for b in range(-1, 8) if -1 <= 5 - a - b <= 9]
    _, cost = radii(widths, n, 7)
    dearest = [sum(mih._cost(w, t, n) if t >= 0 else 0 for w, t in zip(widths, way, strict=True)) for way in ways]
    assert cost == pytest.approx(min(dearest))


def test_the_arrays_may_be_read_only_and_say_what_is_wrong_with_them(index: MihIndex) -> None:
    arrays = dict(index.arrays)
    assert not any(array.flags.writeable for array in arrays.values())
    assert len(MihIndex(arrays)) == len(index)
    for name, array in index.arrays.items():
        with pytest.raises(InvalidFingerprint, match=name):
            MihIndex({**arrays, name: array.astype(np.int16)})
        with pytest.raises(InvalidFingerprint, match=name):
            MihIndex({key: value for key, value in arrays.items() if key != name})


def test_arrays_of_different_indexes_are_refused(index: MihIndex) -> None:
    other = MihIndex.build(words(hashes(5_000)), 31)
    assert len(other.arrays["blocks"]) > 1
    for name in ("blocks", "bitmap", "ranks"):
        with pytest.raises(InvalidFingerprint, match="belong"):
            MihIndex({**index.arrays, name: other.arrays[name]})
    for row, column, value in ((0, 0, 1), (1, 1, 40), (1, 2, 0), (-1, 3, 10**9), (1, 4, -1)):
        blocks = index.arrays["blocks"].copy()
        blocks[row, column] = value
        with pytest.raises(InvalidFingerprint, match="belong"):
            MihIndex({**index.arrays, "blocks": blocks})


def test_other_shapes_are_refused(index: MihIndex) -> None:
    for wrong in (np.zeros((1, 1), np.uint64), np.zeros(4, np.uint64), np.zeros((1, 4), np.int64)):
        with pytest.raises(InvalidFingerprint):
            index.search(wrong, 3)
    for wrong in (np.zeros((3, 32), np.uint8), np.zeros(4, np.uint64), np.zeros((3, 0), np.uint64)):
        with pytest.raises(InvalidFingerprint):
            MihIndex.build(wrong, 31)


def test_the_rows_come_back_as_they_were_given(stored: np.ndarray, index: MihIndex) -> None:
    assert np.array_equal(index.hashes(), words(stored))
    assert np.array_equal(index.hashes(10, 20), words(stored[10:20]))
    short = hashes(5, 8)
    assert np.array_equal(MihIndex.build(words(short), 6).hashes(), words(short))


def test_queries_in_any_memory_order_are_read(stored: np.ndarray, index: MihIndex) -> None:
    asked = words(stored[:100])
    expected = triples(index.search(asked, 31))
    assert triples(index.search(np.asfortranarray(asked), 31)) == expected
    assert triples(index.search(np.repeat(asked, 2, axis=0)[::2], 31)) == expected
    assert asked.flags.writeable


def test_threads_search_side_by_side(stored: np.ndarray, index: MihIndex) -> None:
    expected = triples(index.search(words(stored[4_000:4_300]), 31))
    answers: list[list[tuple[int, int, int]]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(triples(index.search(words(stored[4_000:4_300]), 31))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 4


def test_without_numba_the_extra_is_named_and_the_module_still_imports() -> None:
    program = (
        "import sys\n"
        "sys.modules['numba'] = None\n"
        "import numpy\n"
        "from remarque.errors import MissingExtra\n"
        "from remarque.matching.mih import MihIndex\n"
        "import remarque.matching.segments\n"
        "try:\n"
        "    MihIndex.build(numpy.zeros((5, 4), numpy.uint64), 31)\n"
        "except MissingExtra as error:\n"
        "    print(error.extra)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], check=True, capture_output=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.decode().strip() == "filter"
