"""What is said of a file whose label was lost, and of whom nothing may be said."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remarque.answers import Verdict
from remarque.labels.recovered import Similar, with_recovered
from remarque.labels.verify import read_labels
from remarque.labels.vocabulary import LABEL_TYPES
from tests.label_claims import CAPTURE, signed, signer
from tests.label_pictures import drawn

BEGIN = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
NOTHING = read_labels(drawn("jpeg").data, trust_anchors=b"")


def similar(number: int = 0, **changes: Any) -> Similar:
    given: dict[str, Any] = {
        "label": f"label-{number}",
        "system": f"Machine {number}",
        "digital_source_type": "trainedAlgorithmicMedia",
        "created_at": BEGIN + timedelta(days=number),
        "distance": 4,
        "alg": "pdq",
        "whole": True,
        "page_url": f"http://localhost/v1/labels/label-{number}",
    }
    return Similar(**given | changes)


def test_a_whole_copy_is_recovered_and_called_similar() -> None:
    reading = with_recovered(NOTHING, [similar()])
    assert (reading.verdict, reading.ai_generated) == (Verdict.RECOVERED, True)
    assert reading.summary == (
        "This file carries no label. A similar picture was labelled as made by AI by Machine 0 on 2026-11-23. "
        "The fingerprints of the whole pictures are alike; this is not proof for this file."
    )
    [layer] = reading.layers
    assert (layer.layer, layer.state) == ("fingerprint", "similar")
    [told] = layer.detail["candidates"]
    assert told["label"] == "label-0"
    assert told["distance"] == 4
    assert told["created_at"] == "2026-11-23T23:30:00Z"


def test_parts_that_agree_decide_nothing() -> None:
    reading = with_recovered(NOTHING, [similar(whole=False, alg="pdq-region", regions=5)])
    assert (reading.verdict, reading.ai_generated) == (Verdict.RECOVERED, None)
    assert "fingerprints of parts" in reading.summary
    assert reading.layers[0].detail["candidates"][0]["regions"] == 5


def test_all_candidates_are_listed_earliest_first_and_none_is_picked() -> None:
    many = [similar(number, whole=number != 2) for number in range(60)]
    for order in (many, many[::-1]):
        reading = with_recovered(NOTHING, order)
        assert [one["label"] for one in reading.layers[0].detail["candidates"]] == [one.label for one in many]
    assert "60 similar pictures" in reading.summary
    assert "57 more are listed" in reading.summary
    assert "Machine 0 on 2026-11-23; as made by AI by Machine 1 on 2026-11-24" in reading.summary


def test_two_labels_of_one_moment_have_an_order_that_does_not_depend_on_the_search() -> None:
    twins = [similar(number, created_at=BEGIN) for number in range(3)]
    told = [with_recovered(NOTHING, order).layers for order in itertools.permutations(twins)]
    assert all(layers == told[0] for layers in told)


def test_without_candidates_the_reading_stays() -> None:
    assert with_recovered(NOTHING, []) is NOTHING


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.NOTHING_FOUND])
def test_what_the_file_says_is_not_outweighed_by_a_likeness(verdict: Verdict) -> None:
    said = replace(NOTHING, verdict=verdict, summary="As it was.")
    reading = with_recovered(said, [similar()])
    assert (reading.verdict, reading.ai_generated, reading.summary) == (verdict, None, "As it was.")
    assert [layer.layer for layer in reading.layers] == ["fingerprint"]


def test_a_camera_that_is_trusted_is_not_outweighed_either() -> None:
    captured = signed(source_type=CAPTURE)
    trusted = with_recovered(read_labels(captured, trust_anchors=signer(0).root), [similar()])
    assert (trusted.verdict, trusted.ai_generated) == (Verdict.NOTHING_FOUND, False)
    assert [layer.layer for layer in trusted.layers] == ["c2pa", "fingerprint"]
    # Anybody can sign that it came from a camera: this hides no label, and it is said.
    untrusted = with_recovered(read_labels(captured, trust_anchors=b""), [similar()])
    assert (untrusted.verdict, untrusted.ai_generated) == (Verdict.RECOVERED, None)
    assert "carries no AI label" in untrusted.summary
    assert "states another origin" in untrusted.summary


@pytest.mark.parametrize("term", sorted(LABEL_TYPES))
def test_every_source_type_of_a_label_has_its_words(term: str) -> None:
    reading = with_recovered(NOTHING, [similar(digital_source_type=term)])
    assert reading.ai_generated is True
    assert " was labelled as " in reading.summary


def test_hostile_names_are_cut_and_stay_data() -> None:
    reading = with_recovered(NOTHING, [similar(system="<img onerror>" * 1000, provider="x" * 10_000)])
    assert len(reading.summary) < 500
    [told] = reading.layers[0].detail["candidates"]
    assert told["system"].startswith("<img onerror>")
    assert max(len(told["system"]), len(told["provider"])) <= 2000
