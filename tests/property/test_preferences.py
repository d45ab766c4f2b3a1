"""Combining preferences: most restrictive first, and never a permission by accident."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remarque.errors import InvalidPreference
from remarque.preferences import (
    Category,
    Claim,
    Preference,
    combine,
    counted,
    parse_category,
    parse_preferences,
    write_preferences,
)

preferences = st.sampled_from(Preference)


@given(st.lists(preferences), st.booleans(), st.randoms())
def test_order_and_repetition_do_not_matter(said: list[Preference], failed: bool, random):
    shuffled = [*said, *said]
    random.shuffle(shuffled)
    assert combine(shuffled, failed=failed) is combine(said, failed=failed)


@given(st.lists(preferences), st.lists(preferences))
def test_combining_in_parts_is_combining_at_once(first: list[Preference], second: list[Preference]):
    assert combine([combine(first), combine(second)]) is combine([*first, *second])


@given(st.lists(preferences), preferences, st.booleans())
def test_one_more_statement_never_turns_a_restriction_into_a_permission(
    said: list[Preference], more: Preference, failed: bool
):
    before = combine(said, failed=failed)
    after = combine([*said, more], failed=failed)
    if before in {Preference.DISALLOWED, Preference.CONSTRAINED}:
        assert after is not Preference.ALLOWED
        assert after is not Preference.UNKNOWN


@given(st.lists(preferences))
def test_a_failure_never_permits(said: list[Preference]):
    assert combine(said, failed=True) is not Preference.ALLOWED


def test_no_statement_is_unknown():
    assert combine([]) is Preference.UNKNOWN
    assert combine([Preference.UNKNOWN]) is Preference.UNKNOWN


@given(preferences, st.sampled_from(Claim))
def test_only_permissions_depend_on_who_claims(said: Preference, claim: Claim):
    counts = counted(said, claim)
    if said is Preference.ALLOWED:
        assert (counts is Preference.ALLOWED) == (claim is not Claim.SELF)
        assert counted(said, claim, Claim) is Preference.ALLOWED
    else:
        assert counts is said


@given(preferences)
def test_a_preference_is_not_a_truth_value(preference: Preference):
    with pytest.raises(TypeError, match="not a truth value"):
        bool(preference)


@given(st.dictionaries(st.sampled_from(Category), preferences))
def test_writing_and_reading_are_inverse(said: dict[Category, Preference]):
    assert parse_preferences(write_preferences(said)) == said


@given(st.text())
def test_other_words_are_refused_by_name(word: str):
    if word not in set(Category):
        with pytest.raises(InvalidPreference, match="ai_training"):
            parse_category(word)
    if word not in set(Preference):
        with pytest.raises(InvalidPreference, match="disallowed"):
            parse_preferences({"search": word})
