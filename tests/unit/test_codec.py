"""Reading answers: what fits is read, what does not is named by its path, and writing is the inverse of reading."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remarque import answers
from remarque.answers import Check, Credentials, Declaration, HashCheck, LabelRecord, Verification
from remarque.codec import from_json, read_time, to_json, write_time
from remarque.errors import AnswerNotUnderstood, InvalidRequest
from remarque.preferences import Category, Claim, Preference

ROOT = "ab" * 32

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
moments = st.datetimes(timezones=st.just(UTC))
st.register_type_strategy(datetime, moments)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))

VALUE_TYPES = [
    cls
    for cls in vars(answers).values()
    if isinstance(cls, type) and dataclasses.is_dataclass(cls) and cls.__module__ == answers.__name__
]


# What a layer tells in detail is any JSON object; everything else is drawn from the types themselves.
st.register_type_strategy(
    answers.Layer, st.builds(answers.Layer, detail=st.dictionaries(st.text(), json_values, max_size=3))
)


@pytest.mark.parametrize("cls", VALUE_TYPES, ids=lambda cls: cls.__name__)
def test_writing_and_reading_are_inverse(cls: type[Any]) -> None:
    @settings(max_examples=30, deadline=None)
    @given(st.from_type(cls))
    def holds(value: Any) -> None:
        text = json.dumps(to_json(value))
        assert from_json(cls, json.loads(text)) == value

    holds()


def test_every_value_type_of_the_contract_is_covered() -> None:
    assert {Check, Credentials, Declaration, HashCheck, LabelRecord, Verification} <= set(VALUE_TYPES)


@given(json_values)
def test_any_json_is_read_or_refused_by_our_own_error(value: Any) -> None:
    for cls in VALUE_TYPES:
        try:
            from_json(cls, value)
        except AnswerNotUnderstood:
            continue


def declaration(**changes: Any) -> dict[str, Any]:
    return {
        "id": "d1",
        "status": "active",
        "preferences": {"ai_training": "disallowed"},
        "coverage": ["frame"],
        "claim": "self",
        "declared_at": "2026-11-23T12:00:00+02:00",
        "log": {"index": 0, "tree_size": 1, "root": ROOT},
        "receipt_url": "/v1/declarations/d1/receipt",
        "page_url": "/d/d1",
    } | changes


def test_reads_a_declaration() -> None:
    read = from_json(Declaration, declaration(title="Dawn"))
    assert read.preferences == {Category.AI_TRAINING: Preference.DISALLOWED}
    assert read.claim is Claim.SELF
    assert read.declared_at == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert read.declared_at.utcoffset() == timedelta(0)
    assert read.title == "Dawn"
    assert read.fingerprints is None


def test_fields_of_a_later_version_are_ignored() -> None:
    assert from_json(Declaration, declaration(colour="blue")) == from_json(Declaration, declaration())


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"id": None}, "$.id: expected text, got null"),
        ({"id": 7}, "$.id: expected text, got a number"),
        ({"status": "activ"}, "$.status: expected one of active"),
        ({"status": ["active"]}, "$.status: expected one of"),
        ({"preferences": []}, "$.preferences: expected an object, got a list"),
        ({"preferences": {"ai_training": "notAllowed"}}, "$.preferences.ai_training: expected one of allowed"),
        ({"preferences": {"training": "allowed"}}, "$.preferences, name: expected one of"),
        ({"coverage": "frame"}, "$.coverage: expected a list, got text"),
        ({"coverage": ["frame", 1]}, "$.coverage[1]: expected text, got a number"),
        ({"log": {"index": 0, "tree_size": 1}}, "$.log.root is missing"),
        ({"log": {"index": True, "tree_size": 1, "root": ROOT}}, "$.log.index: expected a whole number, got true"),
        ({"log": {"index": 1.0, "tree_size": 1, "root": ROOT}}, "$.log.index: expected a whole number"),
        ({"declared_at": "2026-11-23"}, "$.declared_at"),
        ({"declared_at": "2026-11-23T12:00:00"}, "$.declared_at"),
        ({"declared_at": 1764000000}, "$.declared_at: expected an RFC 3339 time, got a number"),
        ({"fingerprints": [{"alg": "pdq"}]}, "$.fingerprints[0].value is missing"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(AnswerNotUnderstood) as caught:
        from_json(Declaration, declaration(**changes))
    assert str(caught.value).startswith(path)


def test_a_missing_field_is_named() -> None:
    value = declaration()
    del value["page_url"]
    with pytest.raises(AnswerNotUnderstood, match=r"^\$\.page_url is missing$"):
        from_json(Declaration, value)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T12:00:00Z", datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("2026-11-23t12:00:00z", datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("2026-11-23T12:00:00.25-01:30", datetime(2026, 11, 23, 13, 30, 0, 250000, tzinfo=UTC)),
        ("2026-11-23T12:00:00.123456789Z", datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_reads_times_of_rfc_3339(text: str, moment: datetime) -> None:
    assert read_time(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-W47-1T12:00:00Z",
        "2026-11-23 12:00:00Z",
        "2026-11-23T12:00Z",
        "2026-11-23T12:00:00",
        "2026-11-23T12:00:00Z ",
        "2026-11-23T24:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-11-23T12:00:60Z",
        "2026-11-23T12:00:00+99:00",
        "0001-01-01T00:00:00+01:00",
        "\u0662\u0660\u0662\u0666-11-23T12:00:00Z",
    ],
)
def test_refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read_time(text)


def test_a_time_is_written_in_utc_and_needs_a_zone() -> None:
    assert write_time(datetime(2026, 11, 23, 12, tzinfo=timezone(timedelta(hours=1)))) == "2026-11-23T11:00:00Z"
    with pytest.raises(InvalidRequest, match="no time zone"):
        write_time(datetime(2026, 11, 23, 12))  # noqa: DTZ001 - the mistake is the point


@pytest.mark.parametrize("value", [b"bytes", {1: "one"}, object()])
def test_writes_nothing_that_json_has_no_form_for(value: object) -> None:
    with pytest.raises(InvalidRequest):
        to_json(value)
