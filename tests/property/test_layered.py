"""The growing index against the linear reference, while it grows, merges and gets a base."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remarque.errors import SegmentDamaged
from remarque.matching import layered
from remarque.matching.index import words
from remarque.matching.layered import LayeredIndex
from remarque.matching.linear import LinearIndex
from remarque.matching.mih import MihIndex


def hashes(count: int, seed: int) -> np.ndarray:
    """Clustered hashes: a few centres with a few bits flipped, so that near ones are common."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).integers(0, 256, (4, 32), np.uint8)
    made = centres[rng.integers(0, 4, count)]
    for row in made:
        for bit in rng.integers(0, 256, rng.integers(0, 40)):
            row[bit // 8] ^= 1 << (bit % 8)
    return made


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["append", "settle", "rebase"]), st.integers(0, 60)), max_size=12),
    st.integers(0, 60),
)
def test_it_answers_what_the_reference_answers(steps: list[tuple[str, int]], radius: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layered, "TAIL_ROWS", 16)
        index, reference, based = LayeredIndex(256, 31), LinearIndex(256), 0
        asked = words(hashes(7, 99))
        for number, (step, value) in enumerate(steps):
            if step == "append":
                index.append(hashes(value, number))
                reference.append(hashes(value, number))
            elif step == "settle":
                index.settle()
            else:
                based = max(based, min(value, len(reference)))
                index.rebase(MihIndex.build(reference.rows()[:based].copy(), 31))
            assert len(index) == len(reference)
            assert index.hashes(len(index)).tolist() == reference.rows().tolist()
            third, half = len(index) // 3, len(index) // 2
            assert index.slice(third, half).tolist() == reference.rows()[third:half].tolist()
            for rows in (None, 0, len(reference) // 2):
                got, wanted = index.search(asked, radius, rows), reference.search(asked, radius, rows)
                assert got.query.tolist() == wanted.query.tolist()
                assert got.row.tolist() == wanted.row.tolist()
                assert got.distance.tolist() == wanted.distance.tolist()


def test_parts_stay_few(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(layered, "TAIL_ROWS", 16)
    index = LayeredIndex(256, 31)
    for seed in range(64):
        index.append(hashes(16, seed))
        index.settle()
    assert len(index._state[0]) <= 7
    assert index.beyond_base == len(index) == 64 * 16


def test_a_base_that_cannot_be_one_is_refused():
    index = LayeredIndex(256, 31)
    index.append(hashes(5, 1))
    with pytest.raises(SegmentDamaged):
        index.rebase(MihIndex.build(words(hashes(6, 1)), 31))
    index.rebase(MihIndex.build(words(hashes(5, 1)), 31))
    with pytest.raises(SegmentDamaged):
        index.rebase(MihIndex.build(words(hashes(4, 1)), 31))
