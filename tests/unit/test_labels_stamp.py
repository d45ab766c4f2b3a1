"""What a label says, where it is written, and that nothing else of the picture changes."""

import hashlib
import io
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from PIL import Image

from remarque.answers import Verdict
from remarque.errors import InvalidLabelRequest, InvalidManifestPresent, NotAPicture, Undecodable
from remarque.labels import embedding, xmp
from remarque.labels.carriers import WRITABLE, png
from remarque.labels.contexts import c2pa, reading_context
from remarque.labels.reading import read_store
from remarque.labels.stamp import Stamped, finish, prepare, stamp
from remarque.labels.verify import read_labels
from remarque.labels.vocabulary import LABEL_TYPES
from remarque.preferences import Category, Preference
from tests.label_pictures import Drawn, development, drawn, pictures, pixels, request, signed_saying

CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"

every_picture = pytest.mark.parametrize(
    "picture", [one for one in pictures() if one.name != "tiff-pages-lzw"], ids=lambda picture: picture.name
)


def stamped(picture: Drawn, **changes: Any) -> Stamped:
    return stamp(picture.data, request(**changes), development().key)


def crjson(data: bytes, mime: str) -> dict[str, Any]:
    """The C2PA library's conformance report."""
    with c2pa.Reader(mime, io.BytesIO(data), context=reading_context(development().root, b"")) as reader:
        found: dict[str, Any] = json.loads(reader.crjson())
        return found


@every_picture
def test_the_pixels_stay_and_the_label_is_trusted(picture: Drawn) -> None:
    done = stamped(picture)
    assert pixels(done.data) == pixels(picture.data)
    assert done.mime == picture.mime
    assert done.layers == ["xmp", "c2pa"]
    assert done.sha256 == hashlib.sha256(done.data).hexdigest()
    assert (done.replaced_invalid, done.kept_parent) == (False, False)
    reading = read_labels(done.data, trust_anchors=development().root)
    assert reading.verdict is Verdict.TRUSTED_LABEL
    assert reading.ai_generated is True


@every_picture
def test_stamping_again_keeps_the_first_label_as_parent(picture: Drawn) -> None:
    first = stamped(picture, digital_source_type="algorithmicMedia")
    second = stamp(first.data, request(system="Retoucher"), development().key, trust_anchors=development().root)
    assert second.kept_parent
    assert second.digital_source_type == "compositeWithTrainedAlgorithmicMedia"
    assert pixels(second.data) == pixels(picture.data)
    store = read_store(second.data, second.mime, trust_anchors=development().root)
    assert store.state == "trusted"
    assert store.source_types == ("compositeWithTrainedAlgorithmicMedia", "algorithmicMedia")
    assert len(store.report["manifests"]) == 2
    packet = WRITABLE[second.mime].read_xmp(second.data)
    assert packet is not None
    assert xmp.read(packet)[xmp.DIGITAL_SOURCE_TYPE] == (f"{TYPES}compositeWithTrainedAlgorithmicMedia",)
    assert xmp.read(packet)[xmp.AI_SYSTEM_USED] == ("Retoucher",)


@every_picture
def test_a_changed_picture_is_invalid(picture: Drawn) -> None:
    data = bytearray(stamped(picture).data)
    # Somewhere inside the coded picture, of every format: the XMP packet and the manifest lie elsewhere.
    at = _changeable(bytes(data), picture)
    data[at] ^= 0x55
    reading = read_labels(bytes(data), trust_anchors=development().root)
    assert reading.verdict is Verdict.INVALID_LABEL
    assert reading.ai_generated is None
    with pytest.raises(InvalidManifestPresent):
        stamp(bytes(data), request(), development().key)


@pytest.mark.parametrize("picture", [one for one in pictures() if one.mime == "image/png"], ids=lambda one: one.name)
def test_the_short_way_for_png_gives_what_the_public_way_gives(picture: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    assert embedding.can_embed(picture.data, "image/png"), (
        "another version of c2pa-python: is the short way still open?"
    )
    short = stamped(picture)
    monkeypatch.setattr(embedding, "_TESTED_VERSION", "none")
    assert not embedding.can_embed(picture.data, "image/png")
    public = stamped(picture)
    for done in (short, public):
        store = read_store(done.data, done.mime, trust_anchors=development().root)
        assert store.state == "trusted"
        assert done.manifest in done.data
        assert done.data.count(b"caBX") == 1
    assert _without_manifest(short.data) == _without_manifest(public.data)
    reports = [crjson(done.data, done.mime)["manifests"][0] for done in (short, public)]
    for report in reports:
        for volatile in ("label", "validationResults"):
            report.pop(volatile)
        report["assertions"].pop("c2pa.hash.data")
        report["claim.v2"] = {**report["claim.v2"], "instanceID": "", "signature": ""}
        report["claim.v2"]["created_assertions"] = [one["url"] for one in report["claim.v2"]["created_assertions"]]
    assert reports[0] == reports[1]


def test_the_library_sees_no_manifest_in_a_png_where_its_chunks_show_none() -> None:
    labelled = stamped(drawn("png")).data
    start = labelled.index(b"caBX") - 4
    chunk = labelled[start : start + 12 + int.from_bytes(labelled[start : start + 4], "big")]
    behind = _without_manifest(labelled) + chunk  # behind the end of the PNG
    for data in (behind, drawn("png").data):
        assert not png.has_manifest(data)
        assert read_store(data, "image/png").state == "absent"
        done = stamp(data, request(), development().key, trust_anchors=development().root)
        assert read_store(done.data, done.mime, trust_anchors=development().root).state == "trusted"


def test_an_invalid_manifest_is_replaced_on_demand() -> None:
    broken = WRITABLE["image/png"].write_xmp(stamped(drawn("png")).data, xmp.write({xmp.CREDIT: "Written later"}))
    with pytest.raises(InvalidManifestPresent):
        stamp(broken, request(), development().key)
    done = stamp(broken, request(), development().key, on_invalid="replace")
    assert (done.replaced_invalid, done.kept_parent) == (True, False)
    store = read_store(done.data, done.mime, trust_anchors=development().root)
    assert store.state == "trusted"
    assert len(store.report["manifests"]) == 1
    assert store.active["assertions"][0]["data"]["actions"][0]["action"] == "c2pa.created"


def test_an_untrusted_but_intact_manifest_is_kept_too() -> None:
    other = signed_saying(drawn("jpeg").data, "image/jpeg", development(1).key, source_type=CAPTURE)
    done = stamp(other, request(), development().key, trust_anchors=development().root)
    assert done.kept_parent
    reading = read_labels(done.data, trust_anchors=development().root)
    assert reading.verdict is Verdict.TRUSTED_LABEL
    assert reading.layers[0].detail["claims"]["digital_source_types"] == [
        "compositeWithTrainedAlgorithmicMedia",
        "digitalCapture",
    ]


def test_the_xmp_says_what_was_asked() -> None:
    packet = WRITABLE["image/png"].read_xmp(stamped(drawn("png"), prompt="a fox\nin snow").data)
    assert packet is not None
    assert xmp.read(packet) == {
        xmp.DIGITAL_SOURCE_TYPE: (f"{TYPES}trainedAlgorithmicMedia",),
        xmp.AI_SYSTEM_USED: ("Drawing machine",),
        xmp.AI_SYSTEM_VERSION_USED: ("1.2",),
        xmp.AI_PROMPT_INFORMATION: ("a fox\nin snow",),
        xmp.CREATOR_TOOL: ("Drawing machine 1.2",),
        xmp.CREATE_DATE: ("2026-11-23T12:00:00Z",),
        xmp.DOCUMENT_ID: ("urn:uuid:00000000-0000-0000-0000-00000000004d",),
        xmp.CREDIT: ("Example Studio",),
    }


def test_a_prompt_is_nowhere_unless_it_is_given() -> None:
    assert b"Prompt" not in stamped(drawn("jpeg")).data
    with_prompt = stamped(drawn("jpeg"), prompt="a secret fox")
    assert with_prompt.data.count(b"a secret fox") == 1  # in the XMP
    assert b"secret" not in with_prompt.manifest  # which is kept, and fetched by others


def test_metadata_that_was_there_stays() -> None:
    picture = drawn("png-alpha-exif-icc-text")
    existing = xmp.write({xmp.CREDIT: "Somebody else", xmp.Name(xmp.CREDIT.namespace, "Headline"): "A headline"})
    done = stamp(WRITABLE[picture.mime].write_xmp(picture.data, existing), request(), development().key)
    packet = WRITABLE[picture.mime].read_xmp(done.data)
    assert packet is not None
    assert xmp.read(packet)[xmp.Name(xmp.CREDIT.namespace, "Headline")] == ("A headline",)
    assert xmp.read(packet)[xmp.CREDIT] == ("Example Studio",)
    with Image.open(io.BytesIO(done.data)) as image:
        assert image.info["parameters"].startswith("a fox")


def test_a_packet_that_cannot_be_read_stops_the_label() -> None:
    broken = WRITABLE["image/jpeg"].write_xmp(drawn("jpeg").data, b"<x:xmpmeta")
    with pytest.raises(Undecodable, match="XMP"):
        stamp(broken, request(), development().key)


@pytest.mark.parametrize("name", ["webp-lossy", "png", "jpeg"])
def test_the_chinese_profile_writes_the_implicit_label(name: str) -> None:
    done = stamped(drawn(name), profiles=("cn",), cn_producer="001191110108MA01KP2T5U00000")
    assert done.layers == ["xmp", "cn", "c2pa"]
    assert b"AIGC" not in done.manifest
    if name == "png":
        text = png.read_text(done.data)["AIGC"]
        assert text.isascii()
        assert json.loads(text)["ProduceID"] == request().id
    layer = next(one for one in read_labels(done.data, trust_anchors=b"").layers if one.layer == "cn")
    assert layer.detail["label"] == {
        "Label": "1",
        "ContentProducer": "001191110108MA01KP2T5U00000",
        "ProduceID": "00000000-0000-0000-0000-00000000004d",
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }


@pytest.mark.parametrize("source_type", sorted(LABEL_TYPES))
def test_every_source_type_of_the_vocabulary(source_type: str) -> None:
    done = stamped(drawn("jpeg"), digital_source_type=source_type)
    assert done.digital_source_type == source_type
    store = read_store(done.data, done.mime, trust_anchors=development().root)
    assert store.source_types == (source_type,)


def test_preferences_become_training_entries() -> None:
    def entries(**changes: Any) -> Any:
        done = stamped(drawn("jpeg"), **changes)
        return read_labels(done.data, trust_anchors=b"").layers[0].detail["claims"]["training_mining"]

    assert entries() == {
        "cawg.ai_generative_training": "notAllowed",
        "cawg.ai_training": "notAllowed",
        "cawg.ai_inference": "notAllowed",
        "cawg.data_mining": "notAllowed",
    }
    mixed = {
        Category.AI_TRAINING: Preference.CONSTRAINED,
        Category.DATA_MINING: Preference.ALLOWED,
        Category.AI_INFERENCE: Preference.UNKNOWN,
    }
    assert entries(preferences=mixed, constraint="ask us") == {
        "cawg.ai_training": "constrained",
        "cawg.data_mining": "allowed",
    }
    assert entries(preferences={}) == {}
    done = stamped(drawn("jpeg"), preferences=mixed, constraint="ask us")
    [assertion] = [
        one for one in read_store(done.data, done.mime).active["assertions"] if one["label"] == "cawg.training-mining"
    ]
    assert assertion["data"]["entries"]["cawg.ai_training"] == {"use": "constrained", "constraint_info": "ask us"}


@pytest.mark.parametrize(
    "changes",
    [
        {"system": ""},
        {"system": "x" * 201},
        {"system": "two\nlines"},
        {"system": " padded"},
        {"system": "name\u202etxet"},
        {"system": "zero\u200bwidth"},
        {"system": "\ud800"},
        {"system_version": "\x00"},
        {"provider": "\x7f"},
        {"prompt": ""},
        {"prompt": "bell \x07"},
        {"prompt": "x" * 10_001},
        {"id": "not-a-uuid"},
        {"id": "00000000-0000-0000-0000-00000000004D"},
        {"created_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - without a zone, to be refused
        {"digital_source_type": "digitalCapture"},
        {"digital_source_type": TYPES + "trainedAlgorithmicMedia"},
        {"digital_source_type": "humanEdits"},
        {"preferences": {Category.SEARCH: Preference.DISALLOWED}},
        {"preferences": {Category.AI_TRAINING: "allowed"}},
        {"constraint": "only with constrained"},
        {"profiles": ("eu",)},
        {"profiles": ("cn",)},
        {"profiles": ("cn",), "cn_producer": ""},
        {"profiles": ("cn",), "cn_producer": "x\n"},
    ],
)
def test_a_claim_outside_the_vocabulary_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidLabelRequest):
        request(**changes)


def test_times_are_written_in_utc() -> None:
    east = timezone(timedelta(hours=9))
    assert request(created_at=datetime(2026, 11, 23, 21, tzinfo=east)).when == "2026-11-23T12:00:00Z"
    assert request(created_at=datetime(2026, 11, 23, 12, tzinfo=UTC)).when == "2026-11-23T12:00:00Z"


def test_a_prompt_that_fills_a_jpeg_segment_is_refused_there_and_written_elsewhere() -> None:
    long = "é&" * 5000  # 7 bytes a pair as XML: 35 KB, twice that with escapes
    assert stamped(drawn("jpeg"), prompt=long)
    existing = xmp.write({xmp.Name(xmp.CREDIT.namespace, "Headline"): "x" * 40_000})
    full = WRITABLE["image/jpeg"].write_xmp(drawn("jpeg").data, existing)
    with pytest.raises(InvalidLabelRequest, match="64 KB"):
        stamp(full, request(prompt=long), development().key)
    assert stamp(WRITABLE["image/png"].write_xmp(drawn("png").data, existing), request(prompt=long), development().key)


def test_other_formats_are_refused() -> None:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "BMP")
    for data in (file.getvalue(), b"no picture at all"):
        with pytest.raises(NotAPicture, match="JPEG"):
            stamp(data, request(), development().key)


def test_a_tiff_of_several_pages_is_refused() -> None:
    with pytest.raises(NotAPicture, match="several pages"):
        stamp(drawn("tiff-pages-lzw").data, request(), development().key)


def test_everything_but_the_key_can_be_sent_to_another_process() -> None:
    key, wish = development().key, request(prompt="p")
    assert pickle.loads(pickle.dumps(wish)) == wish  # noqa: S301 - our own bytes
    prepared = prepare(drawn("png").data, wish, key.certificate)
    assert pickle.loads(pickle.dumps(prepared)) == prepared  # noqa: S301 - our own bytes
    done = finish(prepared, key.signature(prepared.to_be_signed))
    assert pickle.loads(pickle.dumps(done)) == done  # noqa: S301 - our own bytes
    reading = read_labels(done.data, trust_anchors=b"")
    assert pickle.loads(pickle.dumps(reading)) == reading  # noqa: S301 - our own bytes


def test_an_unsigned_picture_is_no_label() -> None:
    # What comes out of the first step is not taken for a label by anybody, should it ever get out.
    prepared = prepare(drawn("png").data, request(), development().key.certificate)
    assert read_labels(prepared.data, trust_anchors=development().root).verdict is Verdict.INVALID_LABEL


def test_tool_data_goes_where_it_is_asked_for() -> None:
    picture = drawn("png-alpha-exif-icc-text")
    for keep in (True, False):
        done = stamp(picture.data, request(), development().key, keep_metadata=keep)
        assert ("parameters" in png.read_text(done.data)) is keep
        assert pixels(done.data) == pixels(picture.data)
        assert read_labels(done.data, trust_anchors=development().root).verdict is Verdict.TRUSTED_LABEL
    # The manifest that covered it is kept as the parent all the same.
    labelled = stamp(picture.data, request(), development().key).data
    again = stamp(labelled, request(), development().key, keep_metadata=False, trust_anchors=development().root)
    assert again.kept_parent
    assert "parameters" not in png.read_text(again.data)
    store = read_store(again.data, again.mime, trust_anchors=development().root)
    assert (store.state, len(store.report["manifests"])) == ("trusted", 2)


def _without_manifest(data: bytes) -> bytes:
    start = data.index(b"caBX") - 4
    return data[:start] + data[start + 12 + int.from_bytes(data[start : start + 4], "big") :]


def _changeable(data: bytes, picture: Drawn) -> int:
    """A byte of the labelled file that holds coded pixels."""
    if picture.mime == "image/png":
        return data.index(b"IDAT") + 40
    if picture.mime == "image/jpeg":
        return data.index(b"\xff\xda") + 60
    if picture.mime == "image/webp":
        marks = [data.find(mark) for mark in (b"VP8 ", b"VP8L", b"ANMF")]
        return max(at for at in marks if at >= 0) + 60
    needle = picture.data[len(picture.data) // 2 : len(picture.data) // 2 + 24]
    return data.index(needle) + 5
