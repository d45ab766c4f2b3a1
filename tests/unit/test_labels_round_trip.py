"""A label of every format, read back by readers that nobody here wrote: exiftool, and the C2PA library by itself."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from typing import Any

import pytest
from PIL import Image

from remarque.labels.carriers import png
from remarque.labels.contexts import TRUST_CONFIG, c2pa
from remarque.labels.stamp import stamp
from remarque.labels.verify import read_labels
from tests.label_pictures import Drawn, development, drawings, pictures, pixels, request

#: c2pa-rs breaks a TIFF of several pages, so that none is labelled.
LABELLED = [one for one in (*pictures(), *drawings()) if one.name != "tiff-pages-lzw"]
every_format = pytest.mark.parametrize("picture", LABELLED, ids=lambda picture: picture.name)


def exiftool(data: bytes) -> dict[str, Any]:
    """What Debian's libimage-exiftool-perl reads. It must be there in CI."""
    path = shutil.which("exiftool")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("exiftool is not installed (apt-get install libimage-exiftool-perl)")
        pytest.skip("exiftool is not installed")
    done = subprocess.run([path, "-j", "-G", "-struct", "-"], input=data, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found


def library(data: bytes, mime: str) -> dict[str, Any]:
    """What the C2PA library reads, with the root as its trust list."""
    trust = {"trust_anchors": development().root.decode(), "trust_config": TRUST_CONFIG}
    context = c2pa.Context.from_dict({"version": 1, "trust": trust, "verify": {"remote_manifest_fetch": False}})
    with c2pa.Reader(mime, io.BytesIO(data), context=context) as reader:
        report: dict[str, Any] = json.loads(reader.json())
    return report


def labelled(picture: Drawn) -> bytes:
    """The picture with a label that says everything that one can say."""
    wish = request(
        system="Atelier Diffusion",
        system_version="3.1",
        provider="Atelier Ltd",
        prompt="a fox in snow",
        profiles=("cn",),
        cn_producer="001191110000MA01",
    )
    return stamp(picture.data, wish, development().key).data


@every_format
def test_exiftool_reads_what_the_label_says(picture: Drawn) -> None:
    wish = request()
    before, after = exiftool(picture.data), exiftool(labelled(picture))
    assert after["XMP:DigitalSourceType"].endswith("trainedAlgorithmicMedia")
    assert after["XMP:AISystemUsed"] == "Atelier Diffusion"
    assert after["XMP:AISystemVersionUsed"] == 3.1
    assert after["XMP:AIPromptInformation"] == "a fox in snow"
    assert after["XMP:CreatorTool"] == "Atelier Diffusion 3.1"
    assert after["XMP:Credit"] == "Atelier Ltd"
    assert after["XMP:DocumentID"].startswith("urn:uuid:")
    assert after["XMP:CreateDate"].startswith(f"{wish.created_at:%Y:%m:%d}")
    # exiftool's name for TC260:AIGC, a property that it does not know.
    assert json.loads(after["XMP:Aigc"])["ContentProducer"] == "001191110000MA01"
    # Of a PNG with both, exiftool 12.57 reads the manifest or EXIF, whichever comes first, and says so: it takes the
    # places of their directories, counted in each chunk, for the same. Pillow reads both.
    clash = "IFD0 pointer references previous JUMBFBox directory" == after.get("ExifTool:Warning")
    for group in ("ICC_Profile:", "PNG:Parameters", *(() if clash else ("EXIF:",))):
        kept = {name: value for name, value in before.items() if name.startswith(group)}
        assert {name: value for name, value in after.items() if name in kept} == kept
    assert clash or after.get("ExifTool:Warning") in (None, before.get("ExifTool:Warning"))
    assert not clash or picture.mime == "image/png"
    if picture.mime != "image/svg+xml":
        with Image.open(io.BytesIO(picture.data)) as one, Image.open(io.BytesIO(labelled(picture))) as other:
            own = {tag: value for tag, value in other.getexif().items() if tag in one.getexif()}
            assert own == dict(one.getexif())


@every_format
def test_the_library_trusts_it_and_finds_every_assertion(picture: Drawn) -> None:
    report = library(labelled(picture), picture.mime)
    assert report["validation_state"] == "Trusted"
    manifest = report["manifests"][report["active_manifest"]]
    labels = {assertion["label"].split("__")[0] for assertion in manifest["assertions"]}
    assert {"c2pa.actions.v2", "c2pa.ai-disclosure", "cawg.metadata", "cawg.training-mining"} <= labels
    [actions] = [one["data"] for one in manifest["assertions"] if one["label"] == "c2pa.actions.v2"]
    assert actions["actions"][0]["action"] == "c2pa.created"
    assert actions["actions"][0]["digitalSourceType"].endswith("/trainedAlgorithmicMedia")


@every_format
def test_our_verifier_finds_every_layer_and_the_pixels_are_the_same(picture: Drawn) -> None:
    data = labelled(picture)
    reading = read_labels(data, trust_anchors=development().root)
    assert (reading.verdict, reading.ai_generated) == ("trusted_label", True)
    assert {"c2pa", "xmp", "cn"} <= {layer.layer for layer in reading.layers}
    if picture.mime == "image/png":
        assert json.loads(png.read_text(data)["AIGC"])["ContentProducer"] == "001191110000MA01"
    if picture.mime != "image/svg+xml":
        assert pixels(data) == pixels(picture.data)


def test_what_a_tool_wrote_is_found_beside_the_label() -> None:
    [picture] = [one for one in pictures() if one.name == "png-alpha-exif-icc-text"]
    data = labelled(picture)
    assert exiftool(data)["PNG:Parameters"].startswith("a fox")
    layers = {layer.layer for layer in read_labels(data, trust_anchors=development().root).layers}
    assert {"c2pa", "xmp", "cn", "chunks"} <= layers
