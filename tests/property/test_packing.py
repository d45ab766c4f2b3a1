"""Regions as text and as items: writing and reading are inverse, and nothing else is read."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remarque.answers import Fingerprint
from remarque.errors import InvalidFingerprint
from remarque.fingerprints.packing import (
    RECORD,
    declared_regions,
    pack_regions,
    region_items,
    regions_from_items,
    unpack_regions,
)
from remarque.fingerprints.regions import Regions


@st.composite
def regions(draw: st.DrawFn) -> Regions:
    count = draw(st.integers(0, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    places = (rng.normal(size=(count, 4)) * 1000).astype(np.float32)
    says = rng.integers(0, 65, count, np.uint8)
    return declared_regions(rng.integers(0, 256, (count, 32), np.uint8), places, says)


def same(one: Regions, other: Regions) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("hashes", "places", "says", "mirrored")
    )


@given(regions())
def test_text_and_items_hold_everything(given_regions: Regions):
    assert same(unpack_regions(pack_regions(given_regions)), given_regions)
    assert same(regions_from_items(region_items(given_regions)), given_regions)


@given(st.text(max_size=80))
def test_any_other_text_is_refused(text: str):
    try:
        read = unpack_regions(text)
    except InvalidFingerprint:
        return
    assert pack_regions(read) == text


def test_pieces_and_numbers_that_are_none_are_refused():
    record = np.zeros(1, RECORD)
    record["place"] = np.nan
    for packed in (record.tobytes(), bytes(RECORD.itemsize + 1)):
        with pytest.raises(InvalidFingerprint):
            unpack_regions(base64.b64encode(packed).decode())


@pytest.mark.parametrize(
    "change",
    [
        {"x": None},
        {"alg": "pdq"},
        {"value": "0" * 63},
        {"value": "G" * 64},
        {"quality": None},
        {"quality": 65},
        {"angle": float("inf")},
    ],
)
def test_an_item_that_is_not_whole_is_refused(change: dict):
    whole = {"alg": "pdq-region", "value": "0" * 64, "quality": 9, "x": 1.0, "y": 1.0, "size": 9.0, "angle": 0.0}
    regions_from_items([Fingerprint(**whole)])
    with pytest.raises(InvalidFingerprint):
        regions_from_items([Fingerprint(**{**whole, **change})])
