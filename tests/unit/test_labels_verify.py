"""Verdicts: what is said of a picture, and how attacks on labels come out."""

import io
import json
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from remarque import __version__
from remarque.answers import Verdict
from remarque.errors import NotAPicture, NotReady, Undecodable
from remarque.labels import xmp
from remarque.labels.carriers import WRITABLE
from remarque.labels.stamp import stamp
from remarque.labels.verify import Reading, read_labels
from tests.label_pictures import development, drawn, request, signed_saying

TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CAPTURE, TRAINED = TYPES + "digitalCapture", TYPES + "trainedAlgorithmicMedia"
JPEG, PNG = drawn("jpeg").data, drawn("png").data


def read(data: bytes, *, anchors: bytes | None = None, development_root: bytes = b"") -> Reading:
    reading = read_labels(
        data, trust_anchors=development().root if anchors is None else anchors, development_root=development_root
    )
    assert "%" not in reading.summary
    assert " real" not in reading.summary.lower()
    assert json.loads(json.dumps([layer.detail for layer in reading.layers])) is not None
    return reading


def with_xmp(data: bytes, mime: str = "image/jpeg", **properties: str) -> bytes:
    said = {getattr(xmp, name): text for name, text in properties.items()}
    return WRITABLE[mime].write_xmp(data, xmp.write(said))


def with_text(**chunks: str) -> bytes:
    text, file = PngImagePlugin.PngInfo(), io.BytesIO()
    for key, value in chunks.items():
        text.add_text(key, value)
    Image.linear_gradient("L").save(file, "PNG", pnginfo=text)
    return file.getvalue()


def with_exif(kind: str = "JPEG", **fields: Any) -> bytes:
    exif, file = Image.Exif(), io.BytesIO()
    for name, value in fields.items():
        if name == "UserComment":
            exif.get_ifd(0x8769)[0x9286] = value
        else:
            exif[{"Make": 0x010F, "Model": 0x0110, "Software": 0x0131}[name]] = value
    Image.linear_gradient("L").convert("RGB").save(file, kind, exif=exif)
    return file.getvalue()


def test_nothing_found_says_that_it_proves_nothing() -> None:
    reading = read(JPEG)
    assert (reading.verdict, reading.ai_generated, reading.layers) == (Verdict.NOTHING_FOUND, None, [])
    assert "does not mean that the picture is not AI" in reading.summary


def test_a_trusted_label() -> None:
    reading = read(stamp(JPEG, request(), development().key).data)
    assert (reading.verdict, reading.ai_generated) == (Verdict.TRUSTED_LABEL, True)
    assert [(layer.layer, layer.state) for layer in reading.layers] == [("c2pa", "trusted"), ("xmp", "unsigned")]
    assert "was made by AI" in reading.summary
    detail = reading.layers[0].detail
    assert detail["signer"]["vouched_for"] is True
    assert detail["signer"]["common_name"] == "Remarque DEVELOPMENT label signer"
    assert detail["claims"]["generator"] == [f"Remarque {__version__}"]
    assert detail["claims"]["actions"][0]["software_agent"] == "Drawing machine 1.2"
    assert detail["failures"] == []
    assert "claimSignature.validated" in detail["passed"]


def test_the_development_root_is_named_as_one() -> None:
    reading = read(stamp(JPEG, request(), development().key).data, anchors=b"", development_root=development().root)
    assert reading.verdict is Verdict.TRUSTED_LABEL
    assert "development root" in reading.summary
    assert reading.layers[0].detail["signer"]["development_root"] is True


def test_the_development_root_counts_beside_a_trust_list() -> None:
    both = {"anchors": development(1).root, "development_root": development().root}
    assert "development root" in read(stamp(JPEG, request(), development().key).data, **both).summary
    listed = read(stamp(JPEG, request(), development(1).key).data, **both)
    assert listed.verdict is Verdict.TRUSTED_LABEL
    assert "development root" not in listed.summary


def test_an_unknown_signer_is_not_trusted_and_nothing_in_the_summary_is_his() -> None:
    forged = signed_saying(JPEG, "image/jpeg", development(1).key, source_type=TRAINED, generator="ChatGPT by OpenAI")
    reading = read(forged)
    assert (reading.verdict, reading.ai_generated) == (Verdict.UNTRUSTED_LABEL, True)
    assert "ChatGPT" not in reading.summary
    assert "Remarque" not in reading.summary
    assert reading.layers[0].detail["claims"]["generator"] == ["ChatGPT by OpenAI 1"]
    assert reading.layers[0].detail["failures"][0]["code"] == "signingCredential.untrusted"


@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>", "'; DROP TABLE labels; --", "x" * 10_000])
def test_hostile_text_stays_data_and_is_cut(text: str) -> None:
    forged = signed_saying(JPEG, "image/jpeg", development().key, source_type=TRAINED, generator=text)
    reading = read(forged)
    assert text[:20] not in reading.summary
    shown = reading.layers[0].detail["claims"]["generator"][0]
    assert shown.startswith(text[:20])
    assert len(shown) <= 2000


def test_a_manifest_of_another_picture_is_invalid() -> None:
    labelled = stamp(PNG, request(), development().key).data
    start = labelled.index(b"caBX") - 4
    end = start + 12 + struct.unpack(">I", labelled[start : start + 4])[0]
    other = drawn("png-palette").data
    reading = read(other[:33] + labelled[start:end] + other[33:])
    assert (reading.verdict, reading.ai_generated) == (Verdict.INVALID_LABEL, None)
    assert {"code": "assertion.dataHash.mismatch", "means": "the picture was changed after it was signed"} in (
        reading.layers[0].detail["failures"]
    )
    assert "should not be trusted" in reading.summary


def test_metadata_written_after_the_signature_breaks_it() -> None:
    labelled = stamp(PNG, request(), development().key).data
    assert read(with_xmp(labelled, "image/png", CREDIT="later")).verdict is Verdict.INVALID_LABEL


def test_a_manifest_that_cannot_be_read_is_invalid_not_absent() -> None:
    labelled = bytearray(stamp(JPEG, request(), development().key).data)
    at = labelled.index(b"jumd") + 40
    labelled[at : at + 2000] = bytes(2000)
    reading = read(bytes(labelled))
    assert reading.verdict is Verdict.INVALID_LABEL
    assert reading.layers[0].state == "invalid"
    assert reading.layers[0].detail["failures"]


def test_a_manifest_behind_a_chunk_of_the_wrong_length_is_invalid_not_absent() -> None:
    labelled = bytearray(stamp(drawn("webp-lossy").data, request(), development().key).data)
    labelled[labelled.index(b"VP8X") + 4] = 11  # the C2PA library then looks for chunks in the wrong place
    assert read(bytes(labelled)).verdict is Verdict.INVALID_LABEL


def test_stripping_leaves_nothing() -> None:
    file = io.BytesIO()
    with Image.open(io.BytesIO(stamp(JPEG, request(), development().key).data)) as image:
        image.save(file, "JPEG")
    assert read(file.getvalue()).verdict is Verdict.NOTHING_FOUND


def test_a_trusted_capture_says_not_ai_and_an_untrusted_one_says_nothing() -> None:
    captured = signed_saying(JPEG, "image/jpeg", development().key, source_type=CAPTURE)
    trusted, untrusted = read(captured), read(captured, anchors=b"")
    assert (trusted.verdict, trusted.ai_generated) == (Verdict.NOTHING_FOUND, False)
    assert (untrusted.verdict, untrusted.ai_generated) == (Verdict.NOTHING_FOUND, None)
    for reading in (trusted, untrusted):
        assert "does not mean that the picture is not AI" in reading.summary
        assert [layer.layer for layer in reading.layers] == ["c2pa"]


def test_a_capture_that_the_signer_does_not_answer_for_says_nothing() -> None:
    gathered = signed_saying(JPEG, "image/jpeg", development().key, source_type=CAPTURE, created=False)
    assert read(gathered).ai_generated is None


@pytest.mark.parametrize("term", ["composite", "screenCapture", "print", "dataDrivenMedia"])
def test_a_source_type_that_may_show_anything_decides_nothing(term: str) -> None:
    data = signed_saying(JPEG, "image/jpeg", development().key, source_type=TYPES + term)
    assert (read(data).verdict, read(data).ai_generated) == (Verdict.NOTHING_FOUND, None)


def test_an_intact_manifest_without_a_word_about_ai_is_no_label() -> None:
    reading = read(signed_saying(JPEG, "image/jpeg", development().key, source_type=None))
    assert (reading.verdict, reading.ai_generated) == (Verdict.NOTHING_FOUND, None)
    assert reading.layers[0].state == "trusted"
    assert "does not mean" in reading.summary


def test_layers_that_contradict_each_other_are_a_conflict() -> None:
    lied = signed_saying(
        with_xmp(JPEG, DIGITAL_SOURCE_TYPE=TRAINED), "image/jpeg", development().key, source_type=CAPTURE
    )
    reading = read(lied)
    assert (reading.verdict, reading.ai_generated) == (Verdict.CONFLICT, None)
    other_way = with_xmp(JPEG, DIGITAL_SOURCE_TYPE=CAPTURE)
    other_way = signed_saying(other_way, "image/jpeg", development().key, source_type=TRAINED)
    assert read(other_way).verdict is Verdict.CONFLICT
    assert read(lied, anchors=b"").verdict is Verdict.CONFLICT
    chunks = with_text(parameters="x\nSteps: 5, Sampler: Euler, Seed: 1")
    assert read(with_xmp(chunks, "image/png", DIGITAL_SOURCE_TYPE=CAPTURE)).verdict is Verdict.CONFLICT


def test_an_edit_of_a_labelled_picture_still_carries_the_label() -> None:
    labelled = stamp(JPEG, request(), development().key).data
    # A trusted editor opens it and writes nothing about AI.
    edited = signed_saying(JPEG, "image/jpeg", development(1).key, source_type=None, parent=labelled)
    for anchors, verdict in (
        (development().root + development(1).root, Verdict.TRUSTED_LABEL),
        (development(1).root, Verdict.UNTRUSTED_LABEL),
    ):
        reading = read(edited, anchors=anchors)
        assert reading.layers[0].state == "trusted"
        assert reading.layers[0].detail["claims"]["ingredients"] == 1
        assert (reading.verdict, reading.ai_generated) == (verdict, True)


def test_a_trusted_editor_does_not_vouch_for_a_label_that_anyone_could_have_put_there() -> None:
    smear = signed_saying(JPEG, "image/jpeg", development(1).key, source_type=TRAINED)
    opened = signed_saying(JPEG, "image/jpeg", development().key, source_type=None, parent=smear)
    reading = read(opened)
    assert reading.layers[0].state == "trusted"
    assert reading.verdict is Verdict.UNTRUSTED_LABEL


def test_a_broken_ancestor_says_nothing() -> None:
    broken = with_xmp(stamp(PNG, request(), development().key).data, "image/png", CREDIT="later")
    plain = signed_saying(PNG, "image/png", development().key, source_type=None, parent=broken)
    assert (read(plain).verdict, read(plain).ai_generated) == (Verdict.NOTHING_FOUND, None)


@pytest.mark.parametrize(
    "data",
    [
        with_xmp(JPEG, DIGITAL_SOURCE_TYPE=TRAINED),
        with_xmp(JPEG, DIGITAL_SOURCE_TYPE="https://cv.iptc.org/newscodes/digitalsourcetype/trainedalgorithmicmedia/"),
        with_xmp(JPEG, DIGITAL_SOURCE_TYPE="trainedAlgorithmicMedia"),
        with_xmp(JPEG, AI_SYSTEM_USED="Some model"),
        with_text(parameters="a fox\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"),
        with_text(prompt='{"3": {"class_type": "KSampler", "inputs": {}}}'),
        with_text(workflow='{"nodes": [{"id": 1, "type": "KSampler"}], "links": []}'),
        with_text(**{"sd-metadata": "{}"}),
        with_text(Software="NovelAI", Comment="{}"),
        with_exif(Software="Fooocus v2.5.5"),
        with_exif(UserComment=b"UNICODE\0" + "a fox\nSteps: 20, Sampler: Euler, Seed: 1".encode("utf-16-be")),
        with_exif(UserComment=b"UNICODE\0" + "a fox\nSteps: 20, Sampler: Euler, Seed: 1".encode("utf-16-le")),
        with_exif("WEBP", Model='prompt:{"3": {"class_type": "KSampler"}}', Make='workflow:{"nodes": []}'),
        with_text(AIGC='{"Label":"1","ContentProducer":"x","ProduceID":"1"}'),
        with_xmp(JPEG, AIGC='{"Label":"1","ContentProducer":"x","ProduceID":"1"}'),
        with_exif(UserComment=b'ASCII\0\0\0{"AIGC":{"Label":"1","ContentProducer":"x","ProduceID":"1"}}'),
    ],
)
def test_unsigned_metadata_is_named_as_such(data: bytes) -> None:
    reading = read(data)
    assert (reading.verdict, reading.ai_generated) == (Verdict.UNSIGNED_METADATA, True)
    assert "anyone can write or remove" in reading.summary
    assert {layer.state for layer in reading.layers} == {"unsigned"}


@pytest.mark.parametrize(
    "data",
    [
        with_text(parameters="width=3, height=4"),
        with_text(prompt="Write your name", workflow="approved"),
        with_text(prompt='{"a": 1}', workflow='{"nodes": "none"}'),
        with_text(prompt="{" * 100_000),
        with_text(AIGC='{"Label":"1"}'),
        with_text(Software="Krita"),
        with_exif(Software="Adobe Photoshop", Make="Canon", Model="EOS", UserComment=b"ASCII\0\0\0Steps: on the beach"),
        with_xmp(JPEG, CREATOR_TOOL="A tool that mentions AI"),
    ],
)
def test_what_is_merely_suggestive_is_no_label(data: bytes) -> None:
    assert read(data).verdict is Verdict.NOTHING_FOUND


def test_a_suspected_picture_is_not_called_ai() -> None:
    reading = read(with_text(AIGC='{"Label":"2","ContentProducer":"x","ProduceID":"1"}'))
    assert (reading.verdict, reading.ai_generated) == (Verdict.UNSIGNED_METADATA, None)
    assert "may have been" in reading.summary


def test_prompts_are_not_repeated() -> None:
    secret = "a very private wish"
    for data in (
        with_text(parameters=f"{secret}\nSteps: 20, Sampler: Euler, Seed: 1"),
        with_xmp(JPEG, AI_PROMPT_INFORMATION=secret, DIGITAL_SOURCE_TYPE=TRAINED),
    ):
        assert secret not in str(read(data))


def test_a_part_that_cannot_be_read_is_said() -> None:
    for data, layer in (
        (WRITABLE["image/jpeg"].write_xmp(JPEG, b"<x:xmpmeta"), "xmp"),
        (PNG.replace(PNG[-12:], _chunk(b"tEXt", b"no separator") + PNG[-12:]), "chunks"),
    ):
        reading = read(data)
        assert [(one.layer, one.state) for one in reading.layers] == [(layer, "unreadable")]
        assert "could not be read" in reading.summary


def test_a_manifest_kept_elsewhere_is_not_fetched() -> None:
    named = b'xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="http://localhost:9/m.c2pa" '
    packet = xmp.write({xmp.CREDIT: "x"}).replace(b"<rdf:Description ", b"<rdf:Description " + named)
    reading = read(WRITABLE["image/jpeg"].write_xmp(JPEG, packet))
    assert (reading.verdict, reading.ai_generated) == (Verdict.NOTHING_FOUND, None)
    assert [(one.layer, one.state) for one in reading.layers] == [("c2pa", "remote")]
    assert "not fetched" in reading.summary


def test_formats_that_c2pa_does_not_know_are_read_all_the_same() -> None:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "BMP")
    assert read(file.getvalue()).verdict is Verdict.NOTHING_FOUND
    packet = xmp.write({xmp.DIGITAL_SOURCE_TYPE: TRAINED})
    assert read(file.getvalue() + packet).verdict is Verdict.UNSIGNED_METADATA


def test_what_is_no_picture_or_broken_is_an_error_and_no_verdict() -> None:
    for nothing in (b"", b"text", b"%PDF-1.7"):
        with pytest.raises(NotAPicture):
            read(nothing)
    with pytest.raises(Undecodable):
        read(PNG[:40])


def test_a_trust_list_that_is_none_is_an_error() -> None:
    with pytest.raises(NotReady, match="trust list"):
        read(JPEG, anchors=b"no certificates here")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
