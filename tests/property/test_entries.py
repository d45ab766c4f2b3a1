"""Entries and commitments: writing and reading are inverse, and nothing else is read."""

import json
from enum import StrEnum

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from remarque.errors import LogError
from remarque.log.entries import (
    FIELDS,
    IDENTITY_TAG,
    MAX_ENTRY_SIZE,
    OPENING_TAG,
    OPTIONAL_FIELDS,
    Entry,
    canonical_json,
    commitment,
    seal,
)

digests = st.binary(min_size=32, max_size=32).map(bytes.hex)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    entry_type = draw(st.sampled_from(sorted(FIELDS)))
    names = FIELDS[entry_type] | draw(st.sampled_from([frozenset(), OPTIONAL_FIELDS.get(entry_type, frozenset())]))
    fields = {name: draw(st.integers(0, 2**53 - 1)) if name == "ref" else draw(digests) for name in names}
    return Entry(entry_type, draw(st.integers(0, 2**40)), fields)


@given(entries())
def test_decode_is_the_inverse_of_encode(entry: Entry):
    encoded = entry.encode()
    assert len(encoded) <= MAX_ENTRY_SIZE
    assert encoded.isascii()
    assert Entry.decode(encoded) == entry


@given(entries(), st.data())
def test_any_other_spelling_is_refused(entry: Entry, data: st.DataObject):
    encoded = entry.encode()
    value = json.loads(encoded)
    spelling = data.draw(
        st.sampled_from(
            [
                json.dumps(value).encode(),  # with spaces
                encoded + b"\n",
                b" " + encoded,
                encoded[:-1],
                json.dumps({**value, "note": "x"}, separators=(",", ":"), sort_keys=True).encode(),
                json.dumps({**value, "v": 2}, separators=(",", ":"), sort_keys=True).encode(),
                json.dumps({**value, "t": -1}, separators=(",", ":"), sort_keys=True).encode(),
                json.dumps({**value, "t": True}, separators=(",", ":"), sort_keys=True).encode(),
                json.dumps({**value, "type": "gift"}, separators=(",", ":"), sort_keys=True).encode(),
                json.dumps({**value, "type": ["declare"]}, separators=(",", ":"), sort_keys=True).encode(),
                json.dumps([value], separators=(",", ":"), sort_keys=True).encode(),
                encoded.replace(b'"t":', b'"t":1,"t":'),
                encoded.upper(),
                b"\xff",
            ]
        )
    )
    with pytest.raises(LogError):
        Entry.decode(spelling)


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.text(max_size=8), st.integers(-(2**53) + 1, 2**53 - 1))))
def test_a_commitment_opens_with_its_salt_alone(payload: dict[str, str | int]):
    first, second = seal(OPENING_TAG, payload), seal(OPENING_TAG, payload)
    assert commitment(OPENING_TAG, first.salt, first.payload) == first.commitment
    assert first.commitment != second.commitment
    assert commitment(IDENTITY_TAG, first.salt, first.payload) != first.commitment
    assert json.loads(first.payload) == payload


class Word(StrEnum):
    ONE = "one"
    TWO = "t\two"


whole = st.integers(-(2**53) - 2, 2**53 + 2) | st.sampled_from([2**53 - 1, 1 - 2**53, 2**53, -(2**53)])
scalars = st.none() | st.booleans() | whole | st.floats() | st.text() | st.sampled_from(Word)
# Names beyond the basic plane sort otherwise in UTF-16 than as code points.
names = st.text() | st.sampled_from([*Word, "\U0001f58c", "\uff21", "\x7f", "a", "B", ""])
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(names, inner) | st.tuples(inner, inner))


@given(values)
def test_canonical_json_is_what_the_reference_writes(value: object):
    try:
        expected = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        with pytest.raises(LogError):
            canonical_json(value)
    else:
        assert canonical_json(value) == expected


@given(st.lists(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_every_character_is_written_as_the_reference_writes_it(characters: list[str]):
    text = "".join(characters)
    assert canonical_json([text]) == rfc8785.dumps([text])
    controls = "".join(map(chr, range(256)))
    assert canonical_json(controls) == rfc8785.dumps(controls)


def test_a_short_salt_is_refused():
    with pytest.raises(LogError):
        commitment(OPENING_TAG, b"salt", b"{}")


@pytest.mark.parametrize("value", [{"\ud800": 1}, "\ud800", 2**53, float("nan"), {1: 2}, object()])
def test_what_canonical_json_cannot_hold_is_refused(value: object):
    with pytest.raises(LogError):
        canonical_json(value)


def test_json_that_is_too_deep_is_refused():
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(LogError):
        canonical_json(deep)
