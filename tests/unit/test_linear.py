"""The reference search: order, older states, growth, bounded memory, readers beside a writer."""

import threading
import tracemalloc

import numpy as np
import pytest

from remarque.errors import InvalidFingerprint
from remarque.matching import LinearIndex, words

RANDOM = np.random.default_rng(7)


def hashes(n: int, size: int = 32) -> np.ndarray:
    return RANDOM.integers(0, 256, (n, size), dtype=np.uint8)


def flipped(row: np.ndarray, bits: int) -> np.ndarray:
    """The hash with that many of its bits changed."""
    unpacked = np.unpackbits(row)
    places = RANDOM.choice(len(unpacked), bits, replace=False)
    unpacked[places] ^= 1
    return np.packbits(unpacked)


def test_hits_are_inclusive_and_in_order() -> None:
    queries = hashes(2)
    index = LinearIndex(256)
    near = [flipped(queries[0], bits) for bits in (31, 32, 0, 7)]
    assert index.append(np.array([*near, queries[1], flipped(queries[0], 7)])) == 0
    hits = index.search(words(queries), 31)
    assert hits.query.tolist() == [0, 0, 0, 0, 1]
    assert hits.row.tolist() == [2, 3, 5, 0, 4]
    assert hits.distance.tolist() == [0, 7, 7, 31, 0]
    assert (hits.query.dtype, hits.row.dtype, hits.distance.dtype) == (np.int64, np.int64, np.uint16)
    assert len(hits) == 5


def test_distances_reach_the_whole_length() -> None:
    for bits in (64, 256):
        index = LinearIndex(bits)
        index.append(np.zeros((1, bits // 8), np.uint8))
        opposite = words(np.full((1, bits // 8), 255, np.uint8))
        assert index.search(opposite, bits).distance.tolist() == [bits]
        assert len(index.search(opposite, bits - 1)) == 0


def test_only_the_first_rows_count_if_asked() -> None:
    index = LinearIndex(64)
    row = hashes(1, 8)
    for expected in range(3):
        assert index.append(row) == expected
    for rows, found in ((0, []), (1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (99, [0, 1, 2]), (None, [0, 1, 2])):
        assert index.search(words(row), 0, rows).row.tolist() == found


def test_nothing_asked_and_nothing_stored_is_nothing_found() -> None:
    index = LinearIndex(256)
    assert len(index) == 0
    assert len(index.search(words(hashes(3)), 256)) == 0
    assert index.append(np.empty((0, 32), np.uint8)) == 0
    index.append(hashes(5))
    hits = index.search(np.empty((0, 4), np.uint64), 256)
    assert len(hits) == 0
    assert hits.distance.dtype == np.uint16


def test_rows_stay_where_they_are_while_it_grows() -> None:
    index = LinearIndex(256)
    stored = hashes(5000)
    firsts = [index.append(part) for part in np.split(stored, [1, 10, 1023, 1024, 1025, 3000])]
    assert firsts == [0, 1, 10, 1023, 1024, 1025, 3000]
    assert len(index) == 5000
    hits = index.search(words(stored[::97]), 0)
    assert hits.row.tolist() == list(range(0, 5000, 97))


def test_what_was_appended_is_a_copy() -> None:
    index = LinearIndex(64)
    row = hashes(1, 8)
    kept = words(row).copy()
    index.append(row)
    row[:] = 0
    assert len(index.search(kept, 0)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 8), np.uint8),
        np.zeros((2, 31), np.uint8),
        np.zeros((2, 0), np.uint8),
        np.zeros(32, np.uint8),
        np.zeros((2, 32), np.int8),
        np.zeros((2, 4), np.uint64),
    ],
)
def test_other_shapes_are_refused(wrong: np.ndarray) -> None:
    index = LinearIndex(256)
    with pytest.raises(InvalidFingerprint):
        index.append(wrong)
    assert len(index) == 0


def test_other_queries_are_refused() -> None:
    index = LinearIndex(256)
    for wrong in (np.zeros((1, 1), np.uint64), np.zeros(4, np.uint64), np.zeros((1, 4), np.int64)):
        with pytest.raises(InvalidFingerprint):
            index.search(wrong, 3)
    for bits in (0, -64, 100):
        with pytest.raises(InvalidFingerprint):
            LinearIndex(bits)


def test_memory_does_not_grow_with_what_is_asked() -> None:
    index = LinearIndex(256)
    index.append(hashes(60_000))
    for n in (1, 300):
        queries = words(hashes(n))
        tracemalloc.start()
        index.search(queries, 20)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8_000_000


def test_readers_see_whole_rows_while_one_writes() -> None:
    """Every row is one byte repeated, so a torn or missing row would stand at another distance than 0."""
    index = LinearIndex(256)
    done = threading.Event()
    wrong: list[str] = []

    def read() -> None:
        while not done.is_set():
            count = len(index)
            value = np.full((1, 32), 255, np.uint8)
            hits = index.search(words(value), 0, count)
            if len(hits) != count:
                wrong.append(f"{len(hits)} of {count} rows")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(300):
        index.append(np.full((RANDOM.integers(1, 60), 32), 255, np.uint8))
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
