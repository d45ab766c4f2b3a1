"""Signatures end up in the file, however its format cuts the manifest store into pieces."""

import io
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from remarque.errors import Undecodable
from remarque.labels import cose, splice
from remarque.labels.contexts import c2pa, settings
from remarque.labels.parts import CLAIM, SIGNATURE, active_parts
from remarque.labels.reading import read_store
from remarque.labels.signer import SigningKey
from remarque.labels.stamp import Prepared, finish, prepare
from tests.label_pictures import Drawn, development, drawn, pictures, pixels, request

SVG = b"""<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="4" cx="4" cy="4"/></svg>
"""
ALL = [*(one for one in pictures() if one.name != "tiff-pages-lzw"), Drawn("svg-drawn-here", "image/svg+xml", SVG)]


def prepared(picture: Drawn, **more: Any) -> Prepared:
    return prepare(picture.data, request(), development().key.certificate, **more)


@pytest.mark.parametrize("room", [False, True])
@pytest.mark.parametrize("picture", ALL, ids=lambda one: one.name)
def test_every_format_is_signed_after_it_was_written(picture: Drawn, room: bool) -> None:
    key, root = development()
    ready = prepared(picture, room_for_time_stamp=room)
    assert read_store(ready.data, ready.mime, trust_anchors=root).failures == ("claimSignature.mismatch",)
    done = finish(ready, key.signature(ready.to_be_signed))
    assert len(done.data) == len(ready.data)
    assert read_store(done.data, done.mime, trust_anchors=root).state == "trusted"
    # The store that is kept is the one in the file.
    assert splice.fragments(done.data, done.mime, done.manifest) == ready.places


def test_nothing_but_the_signature_changes() -> None:
    key = development().key
    for picture in ALL:
        ready = prepared(picture)
        done = finish(ready, key.signature(ready.to_be_signed))
        assert done.manifest[: -ready.tail_size] == ready.manifest[: -ready.tail_size]
        changed = [at for at, (old, new) in enumerate(zip(ready.data, done.data, strict=True)) if old != new]
        assert changed[-1] - changed[0] < 150, picture.name  # 64 bytes, a checksum, headers of sub-blocks


def with_large_manifest(picture: Drawn, key: SigningKey) -> bytes:
    """A picture that somebody signed with an assertion of 150 KB."""
    signer = c2pa.Signer.from_callback(key.sign, c2pa.C2paSigningAlg.ES256, key.certificate.chain_pem.decode(), None)
    made = {"action": "c2pa.created", "digitalSourceType": "http://c2pa.org/digitalsourcetype/empty"}
    definition = {
        "claim_version": 2,
        "claim_generator_info": [{"name": "Somebody", "version": "1"}],
        "assertions": [
            {"label": "c2pa.actions.v2", "created": True, "data": {"actions": [made]}},
            {"label": "org.example.large", "data": {"text": "x" * 150_000}},
        ],
    }
    out = io.BytesIO()
    with c2pa.Builder(definition, context=c2pa.Context.from_dict(settings(), signer=signer)) as builder:
        builder.sign(picture.mime, io.BytesIO(picture.data), out)
    return out.getvalue()


@pytest.mark.parametrize(
    "name", ["jpeg", "gif", "png", "webp-lossy", "avif", "tiff-little-endian", "jxl-container-alpha-exif"]
)
def test_a_parent_makes_the_store_larger_than_a_segment(name: str) -> None:
    key, root = development()
    picture = drawn(name)
    ready = prepare(with_large_manifest(picture, key), request(), key.certificate, trust_anchors=root)
    assert ready.kept_parent
    assert len(ready.manifest) > 150_000
    if name == "jpeg":
        assert len(ready.places) == 3
        assert max(place.stop - place.start for place in ready.places) < 1 << 16
    done = finish(ready, key.signature(ready.to_be_signed))
    store = read_store(done.data, done.mime, trust_anchors=root)
    assert (store.state, len(store.report["manifests"])) == ("trusted", 2)
    assert pixels(done.data) == pixels(picture.data)


@pytest.mark.parametrize("picture", ALL, ids=lambda one: one.name)
def test_a_store_that_is_not_there_exactly_once_stops_the_label(picture: Drawn) -> None:
    ready = prepared(picture)
    first = ready.places[0]
    torn = bytearray(ready.data)
    torn[first.at + 5] ^= 1
    for data in (picture.data, ready.data + ready.data, ready.data[: first.at + 20], bytes(torn)):
        with pytest.raises(Undecodable):
            splice.fragments(data, ready.mime, ready.manifest)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("not-cbor", lambda value: b"\xff" * 9),
        ("not-tagged", lambda value: cbor2.dumps(value)),
        ("other-tag", lambda value: cbor2.dumps(cbor2.CBORTag(98, value))),
        ("three-fields", lambda value: cbor2.dumps(cbor2.CBORTag(18, value[:3]))),
        ("payload-attached", lambda value: cbor2.dumps(cbor2.CBORTag(18, [*value[:2], b"x", value[3]]))),
        ("header-says-more", lambda value: cbor2.dumps(cbor2.CBORTag(18, [value[0], {"kid": b"x"}, *value[2:]]))),
        ("pad-not-zero", lambda value: cbor2.dumps(cbor2.CBORTag(18, [value[0], {"pad": b"x" * 300}, *value[2:]]))),
        ("header-no-map", lambda value: cbor2.dumps(cbor2.CBORTag(18, [value[0], 5, *value[2:]]))),
        ("signature-no-bytes", lambda value: cbor2.dumps(cbor2.CBORTag(18, [*value[:3], "text"]))),
        ("nested-deeply", lambda value: b"\x81" * 5000 + b"\x00"),
    ],
)
def test_a_signature_box_that_is_written_otherwise_is_refused(name: str, change: Any) -> None:
    store = prepared(drawn("png")).manifest
    part = active_parts(store)[SIGNATURE]
    wrong = change(list(cbor2.loads(store[part.start : part.stop]).value))
    with pytest.raises(Undecodable):
        cose.to_be_signed(_resized(store, wrong))


def _resized(store: bytes, envelope: bytes) -> bytes:
    """The store with another signature: the lengths of the boxes around it follow."""
    part = active_parts(store)[SIGNATURE]
    grown = len(envelope) - (part.stop - part.start)
    found = bytearray(store[: part.start] + envelope)
    manifest = 8 + int.from_bytes(store[8:12], "big")  # behind the store's description
    while manifest + int.from_bytes(store[manifest : manifest + 4], "big") < len(store):
        manifest += int.from_bytes(store[manifest : manifest + 4], "big")
    for at in (0, manifest, part.hashed - 8, part.start - 8):
        found[at : at + 4] = (int.from_bytes(store[at : at + 4], "big") + grown).to_bytes(4, "big")
    return bytes(found)


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 40, 100, 1000, -1, -64, -2000])
def test_a_store_that_breaks_off_is_refused(cut: int) -> None:
    with pytest.raises(Undecodable):
        cose.to_be_signed(prepared(drawn("png")).manifest[:cut])


def test_what_is_signed_is_the_claim_and_the_protected_header() -> None:
    ready = prepared(drawn("webp-lossy"))
    context, protected, external, payload = cbor2.loads(ready.to_be_signed)
    claim = active_parts(ready.manifest)[CLAIM]
    assert (context, external) == ("Signature1", b"")
    assert payload == ready.manifest[claim.start : claim.stop]
    header = cbor2.loads(protected)
    assert header[1] == -7  # ES256
    assert header[33][0] == development().key.certificate.leaf.public_bytes(Encoding.DER)
