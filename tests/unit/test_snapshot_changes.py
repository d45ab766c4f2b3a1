"""The lines of changes: read as they were written, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remarque.errors import AnswerNotUnderstood
from remarque.snapshots.changes import TYPES, Change, Until, read_changes

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
times = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))  # noqa: DTZ001


@st.composite
def told(draw: st.DrawFn) -> list[Change]:
    places = sorted(draw(st.sets(st.integers(5, 40), max_size=5)))
    return [
        Change(
            index=place,
            type=draw(st.sampled_from(sorted(TYPES))),
            at=draw(times),
            declaration=draw(st.none() | texts),
            ref=draw(st.none() | st.integers(0, 4)),
            preferences=draw(st.none() | st.dictionaries(texts, texts, max_size=2)),
            opening=draw(st.none() | st.dictionaries(texts, texts | st.integers(), max_size=2)),
        )
        for place in places
    ]


@given(told(), st.integers(0, 9))
def test_changes_are_read_as_they_were_written(changes: list[Change], rest: int):
    stop = changes[-1].index + 1 if changes else 5
    until = Until(tree_size=stop + rest, root="ab" * 32, next=stop)
    data = b"".join(change.to_line() for change in changes) + until.to_line()
    assert read_changes(data, 5) == (changes, until)
    with pytest.raises(AnswerNotUnderstood):
        read_changes(data[:-1], 5)
    with pytest.raises(AnswerNotUnderstood):
        read_changes(data.removesuffix(until.to_line()), 5)


def line(index: int) -> bytes:
    return Change(index=index, type="withdraw", at=datetime(2026, 1, 1, tzinfo=UTC), ref=0).to_line()


def last(next: int, size: int = 9) -> bytes:
    return Until(tree_size=size, root="00" * 32, next=next).to_line()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(line(6), id="no-last-line"),
        pytest.param(line(4) + last(9), id="before-since"),
        pytest.param(line(7) + line(6) + last(9), id="out-of-order"),
        pytest.param(line(6) + line(6) + last(9), id="twice"),
        pytest.param(line(8) + last(8), id="ends-before-its-last-entry"),
        pytest.param(last(4), id="goes-back"),
        pytest.param(last(10), id="beyond-the-log"),
        pytest.param(last(9) + line(6), id="last-line-first"),
        pytest.param(last(9) + b"\n", id="an-empty-line"),
        pytest.param(b"[]\n", id="no-object"),
    ],
)
def test_other_answers_are_refused(data: bytes):
    with pytest.raises(AnswerNotUnderstood):
        read_changes(data, 5)
