"""Statements as 32 bits and declarations as columns, against plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remarque.errors import LogError
from remarque.matching.columns import Column
from remarque.matching.works import Statement, Works, pack, unpack
from remarque.preferences import Category, Claim, Preference

statements = st.builds(
    Statement,
    st.dictionaries(st.sampled_from(Category), st.sampled_from(Preference)),
    st.sampled_from(Claim),
    st.booleans(),
)


@given(st.one_of(st.none(), statements))
def test_a_statement_survives_its_32_bits(statement: Statement | None):
    code = pack(statement)
    assert 0 <= code < 2**32
    assert unpack(code) == statement


@given(st.integers(0, 2**32 - 1))
def test_no_other_bits_are_read(code: int):
    try:
        statement = unpack(code)
    except LogError:
        return
    assert pack(statement) == code


@given(st.integers(0, 30), st.lists(st.integers(-(2**31), 2**31 - 1), max_size=40), st.data())
def test_a_column_is_its_base_and_its_tail(split: int, values: list[int], data: st.DataObject):
    column = Column(np.int32, base=np.array(values[:split], np.int32))
    for value in values[split:]:
        column.append([value])
    assert len(column) == len(values)
    assert [int(column[i]) for i in range(len(values))] == values
    assert column.rows(len(values)).tolist() == values
    if values:
        places = data.draw(st.lists(st.integers(0, len(values) - 1)))
        assert column.take(np.array(places, np.int64)).tolist() == [values[i] for i in places]


@given(st.lists(st.tuples(st.booleans(), st.one_of(st.none(), statements)), max_size=30), st.integers(0, 30))
def test_every_state_says_what_the_log_up_to_it_says_also_after_storing(steps: list, stored_at: int):
    works, history, newest = Works(), [], {}
    for entry, (new, statement) in enumerate(steps):
        if entry == stored_at:
            works = Works(works.arrays())
        declared = sorted(newest)
        if new or not declared or (statement is None and newest[declared[-1]] is None):
            said = statement or Statement({}, Claim.SELF)
            works.add(entry, id=f"dec_{entry:032x}", statement=said, valid_until=None)
            newest[entry] = said
        else:
            works.state(entry, ref=declared[-1], statement=statement)
            newest[declared[-1]] = statement
        history.append(dict(newest))
    for size, state in enumerate(history, 1):
        for entry, statement in state.items():
            slot = works.slot_of(entry)
            assert works.said(slot, size, 0) == statement
            assert works.id_of(slot) == f"dec_{entry:032x}"
    if history:
        assert works.said(works.slot_of(min(newest)), 0, 0) is None


def test_what_is_no_declaration_is_refused():
    works = Works()
    with pytest.raises(LogError):
        works.slot_of(0)
    for wrong in ("dec_0", "d" * 36, "dec_" + "0" * 33):
        with pytest.raises(LogError):
            works.add(0, id=wrong, statement=Statement({}, Claim.SELF), valid_until=None)
