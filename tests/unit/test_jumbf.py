"""Manifest stores as boxes: the active manifest, and a store of it alone, beside the C2PA library's reading."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remarque.errors import Undecodable
from remarque.labels.contexts import c2pa, reading_context
from remarque.labels.jumbf import active_manifest_id, manifests, only_active
from remarque.labels.stamp import stamp
from tests.label_pictures import development, drawn, request


def store(*, twice: bool = False) -> bytes:
    done = stamp(drawn("png").data, request(), development().key)
    if twice:
        done = stamp(done.data, request(system="Second"), development().key)
    return done.manifest


def read(data: bytes) -> dict[str, Any]:
    with c2pa.Reader("application/c2pa", io.BytesIO(data), context=reading_context(development().root, b"")) as reader:
        found: dict[str, Any] = json.loads(reader.json())
        return found


@pytest.mark.parametrize("twice", [False, True])
def test_the_active_manifest_is_the_one_that_the_library_names(twice: bool) -> None:
    data = store(twice=twice)
    assert active_manifest_id(data) == read(data)["active_manifest"]
    assert sorted(one.label for one in manifests(data)) == sorted(read(data)["manifests"])


def test_the_active_manifest_alone_is_a_store_with_the_same_claim() -> None:
    data = store(twice=True)
    assert len(manifests(data)) == 2
    alone = only_active(data)
    assert [one.label for one in manifests(alone)] == [active_manifest_id(data)]
    assert manifests(alone)[0].box == manifests(data)[-1].box
    codes = {status["code"] for status in read(alone)["validation_results"]["activeManifest"]["success"]}
    assert "claimSignature.validated" in codes
    single = store()
    assert only_active(single) == single, "nothing to leave out, nothing changed"


@given(st.data())
def test_a_cut_or_altered_store_is_undecodable_or_names_its_manifests(data: st.DataObject) -> None:
    good = store()
    at = data.draw(st.integers(0, len(good) - 1))
    cut = good[:at]
    with pytest.raises(Undecodable):
        active_manifest_id(cut)
    with pytest.raises(Undecodable):
        active_manifest_id(good + b"\0")
    at = data.draw(st.integers(0, 120))
    altered = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    try:
        assert manifests(altered)
    except Undecodable:
        return
    assert len(only_active(altered)) == len(altered)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\0\0\0\x08jumb",
        b"\0\0\0\x08free",
        b"\0\0\0\0jumb",
        b"\0\0\0\x01jumb" + (16).to_bytes(8, "big"),
        (2**64 - 1).to_bytes(8, "big") * 3,
    ],
)
def test_what_is_no_store_is_undecodable(broken: bytes) -> None:
    for reading in (manifests, active_manifest_id, only_active):
        with pytest.raises(Undecodable):
            reading(broken)


def test_a_store_without_a_manifest_is_undecodable() -> None:
    description = (8 + 16 + 1 + 5).to_bytes(4, "big") + b"jumd" + b"c2pa" + bytes(12) + b"\x03c2pa\0"
    empty = (8 + len(description)).to_bytes(4, "big") + b"jumb" + description
    for reading in (manifests, only_active):
        with pytest.raises(Undecodable):
            reading(empty)
