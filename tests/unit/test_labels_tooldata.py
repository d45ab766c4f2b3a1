"""What generators leave is gone afterwards, and nothing else is."""

import io
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from remarque.errors import InvalidLabelRequest, NotAPicture, Undecodable
from remarque.labels import exif, traces, xmp
from remarque.labels.carriers import EXIF_WRITABLE, READABLE, WRITABLE, png
from remarque.labels.formats import sniff_label
from remarque.labels.hints import read_hints
from remarque.labels.tooldata import strip
from tests.label_pictures import Drawn, drawings, drawn, pictures, pixels

SECRET = "a fox nobody may know of"
PARAMETERS = f"{SECRET}\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"
GRAPH = json.dumps({"3": {"class_type": "KSampler", "inputs": {"text": SECRET}}})
WORKFLOW = json.dumps({"nodes": [{"type": "KSampler", "widgets_values": [SECRET]}]})
NOVELAI = json.dumps({"prompt": SECRET, "steps": 28, "uc": "blurry"})
AIGC = json.dumps({"Label": "1", "ContentProducer": "工作室", "ProduceID": "7"}, separators=(",", ":"))

#: What each tool writes into PNG text.
TOOLS: dict[str, dict[str, str]] = {
    "automatic1111": {"parameters": PARAMETERS},
    "comfyui": {"prompt": GRAPH, "workflow": WORKFLOW},
    "fooocus": {"parameters": json.dumps({"prompt": SECRET, "steps": 30}), "fooocus_scheme": "fooocus"},
    "invokeai": {"invokeai_metadata": json.dumps({"positive_prompt": SECRET}), "invokeai_graph": GRAPH},
    "invokeai-old": {"Dream": f'"{SECRET}" -s 50', "sd-metadata": json.dumps({"image": {"prompt": SECRET}})},
    "swarmui": {"parameters": json.dumps({"sui_image_params": {"prompt": SECRET}})},
    "novelai": {
        "Title": "AI generated image",
        "Description": SECRET,
        "Software": "NovelAI",
        "Source": "NovelAI Diffusion V4 37442FCA",
        "Generation time": "3.5",
        "Comment": NOVELAI,
    },
    "novelai-without-its-name": {"Description": SECRET, "Comment": NOVELAI},
    "midjourney": {"Description": f"{SECRET} --ar 3:2 Job ID: 01234567-89ab-cdef-0123-456789abcdef"},
}
KEPT = {"Author": "Jo", "Copyright": "© Jo", "Title2": "Fox", "AIGC": AIGC}


def png_with(texts: dict[str, str], *, compressed: bool = False) -> bytes:
    info = PngImagePlugin.PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text, zip=compressed)
    file = io.BytesIO()
    with Image.open(io.BytesIO(drawn("png-alpha-exif-icc-text").data)) as image:
        options: dict[str, Any] = {key: image.info[key] for key in ("exif", "icc_profile")}
        image.save(file, "PNG", pnginfo=info, **options)
    return file.getvalue()


def exif_block(fields: dict[int, str], comment: bytes | None = None) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = 6
    for tag, text in fields.items():
        block[tag] = text
    inner = block.get_ifd(0x8769)
    inner[0x9003] = "2026:11:23 12:00:00"
    if comment is not None:
        inner[0x9286] = comment
    return block


def saved(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    with Image.open(io.BytesIO(drawn("jpeg-exif-icc-comment").data)) as image:
        image.load()
        image.info.pop("exif")
        options.setdefault("icc_profile", image.info["icc_profile"])
        image.save(file, kind, **options)
    return file.getvalue()


def traces_found(data: bytes, mime: str) -> list[str]:
    return [layer.layer for layer, _ in read_hints(data, mime) if layer.layer in ("chunks", "exif")]


def same_but_metadata(before: bytes, after: bytes) -> bool:
    with Image.open(io.BytesIO(before)) as one, Image.open(io.BytesIO(after)) as other:
        same = [picture.info.get("icc_profile") for picture in (one, other)]
        turned = [picture.getexif().get(0x0112) for picture in (one, other)]
    return same[0] == same[1] and turned[0] == turned[1] and pixels(before) == pixels(after)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("tool", TOOLS)
def test_png_text_of_a_tool_goes_and_other_text_stays(tool: str, compressed: bool) -> None:
    data = png_with({**TOOLS[tool], **KEPT}, compressed=compressed)
    clean = strip(data, "image/png")
    assert png.read_text(clean) == KEPT
    assert traces_found(clean, "image/png") == []
    assert same_but_metadata(data, clean)
    assert strip(clean, "image/png") == clean
    assert not compressed or SECRET.encode() not in clean


def test_a_recipe_behind_a_harmless_text_of_the_same_keyword_goes_too() -> None:
    data = png_with({"Comment": "painted by hand", "Author": "Jo"})
    at = data.index(b"IDAT") - 4
    second = png_with({"Comment": NOVELAI})
    start = second.index(b"tEXtComment") - 4
    chunk = second[start : start + 12 + int.from_bytes(second[start : start + 4], "big")]
    assert png.read_text(strip(data[:at] + chunk + data[at:], "image/png")) == {"Author": "Jo"}


@pytest.mark.parametrize(
    ("fields", "comment"),
    [
        ({0x0131: "NovelAI"}, b"UNICODE\0" + PARAMETERS.encode("utf-16-be")),
        ({}, b"ASCII\0\0\0" + PARAMETERS.encode()),
        ({0x0110: f"prompt:{GRAPH}", 0x010F: f"workflow:{WORKFLOW}"}, None),
        ({0x0110: f"workflow:{WORKFLOW}", 0x010F: f"prompt:{GRAPH}", 0x010E: f"extra:{GRAPH}"}, None),
        ({0x010E: PARAMETERS}, b"ASCII\0\0\0" + NOVELAI.encode()),
    ],
    ids=["automatic1111", "forge", "comfyui", "comfyui-three", "description"],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "JXL"])
def test_exif_of_a_tool_goes_and_the_rest_of_it_stays(kind: str, fields: dict[int, str], comment: bytes | None) -> None:
    block = exif_block({**fields, 0x013B: "Jo"}, comment).tobytes()
    if kind == "HEIF":
        data = saved(kind, exif=block, quality=60)
    elif kind == "JXL":
        data = saved(kind, exif=block.removeprefix(b"Exif\0\0"), use_container=True, icc_profile=None)
    else:
        data = saved(kind, exif=block)
    mime = sniff_label(data)
    assert SECRET.encode() in data or SECRET.encode("utf-16-be") in data
    clean = strip(data, mime)
    assert SECRET.encode() not in clean
    assert SECRET.encode("utf-16-be") not in clean
    assert len(clean) == len(data)
    assert traces_found(clean, mime) == []
    assert same_but_metadata(data, clean)
    left = READABLE[mime].read_exif(clean)
    assert left is not None
    assert not exif.read(left)
    with Image.open(io.BytesIO(clean)) as image:
        found = image.getexif()
        assert found[0x013B] == "Jo"
        assert found.get_ifd(0x8769)[0x9003] == "2026:11:23 12:00:00"
    assert strip(clean, mime) == clean


def test_what_a_camera_and_a_label_say_stays() -> None:
    block = exif_block(
        {0x010F: "Canon", 0x0110: "EOS", 0x0131: "Brush", 0x010E: "A fox"}, b"ASCII\0\0\0" + AIGC.encode()
    )
    for kind in ("JPEG", "WEBP", "PNG", "TIFF"):
        data = saved(kind, exif=block.tobytes())
        assert strip(data, sniff_label(data)) == data


def test_an_exif_directory_without_a_next_one_as_piexif_writes_it() -> None:
    comment = b"ASCII\0\0\0" + PARAMETERS.encode()
    block = b"MM\0*" + struct.pack(">IHHHII", 8, 1, 0x8769, 4, 1, 26) + bytes(4)
    block += struct.pack(">HHHII", 1, 0x9286, 7, len(comment), 40) + comment
    clean = exif.without(block, lambda name, _: name == "UserComment")
    assert clean == block[:26] + bytes(len(block) - 26)
    assert exif.read(clean) == {}


def test_an_exif_value_that_overlaps_what_stays_is_not_cleared() -> None:
    shared = b"II*\0" + struct.pack("<IHHHIIHHIII", 8, 2, 0x010E, 2, 20, 38, 0x013B, 2, 10, 48, 0) + PARAMETERS.encode()
    directory = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x010E, 2, 20, 6, 0) + bytes(9)
    for block in (shared, directory):
        with pytest.raises(Undecodable, match="shares"):
            exif.without(block, lambda name, _: name == "ImageDescription")


def test_a_jpeg_comment_goes_if_it_is_a_recipe() -> None:
    for comment, stays in ((PARAMETERS, False), (f"workflow:{WORKFLOW}", False), ("painted by hand", True)):
        data = saved("JPEG", comment=comment.encode())
        clean = strip(data, "image/jpeg")
        assert (comment.encode() in clean) == stays
        assert (clean == data) == stays
        assert same_but_metadata(data, clean)


@pytest.mark.parametrize("picture", [*pictures(), *drawings()], ids=lambda one: one.name)
def test_xmp_keeps_everything_but_the_recipe(picture: Drawn) -> None:
    carrier = WRITABLE[picture.mime]
    said = {xmp.CREDIT: "Jo", xmp.DIGITAL_SOURCE_TYPE: "trainedAlgorithmicMedia", xmp.AIGC: AIGC}
    label = xmp.write(said)
    base = strip(picture.data, picture.mime)
    assert strip(carrier.write_xmp(base, label), picture.mime) == carrier.write_xmp(base, label)
    recipe = xmp.write({xmp.CREATOR_TOOL: PARAMETERS, xmp.AI_PROMPT_INFORMATION: SECRET}, label)
    clean = strip(carrier.write_xmp(base, recipe), picture.mime)
    packet = carrier.read_xmp(clean)
    assert packet is not None
    assert xmp.read(packet) == {name: (text,) for name, text in said.items()}
    assert picture.mime == "image/tiff" or SECRET.encode() not in clean  # a TIFF only grows
    assert picture.mime == "image/svg+xml" or pixels(clean) == pixels(picture.data)


def test_a_recipe_inside_an_xmp_structure_is_found() -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:e="urn:e/" e:a="%s">'
        b"<dc:description><rdf:Alt><rdf:li xml:lang='x-default'>%s</rdf:li></rdf:Alt></dc:description>"
        b"<e:b rdf:parseType='Resource'><e:c>%s</e:c></e:b><e:d>stays</e:d></rdf:Description></rdf:RDF></x:xmpmeta>"
    ) % tuple(PARAMETERS.replace("\n", "&#10;").encode() for _ in range(3))
    clean = xmp.without(packet, lambda _, text: traces.is_recipe(text))
    assert xmp.read(clean) == {xmp.Name("urn:e/", "d"): ("stays",)}
    assert SECRET.encode() not in clean
    assert xmp.without(clean, lambda _, text: traces.is_recipe(text)) == clean


@pytest.mark.parametrize("text", ["", "Steps: 20", "{", "[]", "a: {}", '{"Label": "1"}', "Steps: one, Seed: 1", AIGC])
def test_other_text_is_no_recipe(text: str) -> None:
    assert not traces.is_recipe(text)


def test_long_text_made_of_beginnings_is_read_in_one_pass() -> None:
    # With the square of its length this would take hours.
    assert not traces.is_recipe("Steps: 1, \n" * 500_000)
    assert not traces.is_recipe("a:" * 500_000 + "{")


def test_broken_metadata_is_not_called_clean() -> None:
    data = png_with({"parameters": PARAMETERS}, compressed=True)
    at = data.index(b"zTXt") + 30
    with pytest.raises(Undecodable):
        strip(data[:at] + b"\xff" + data[at + 1 :], "image/png")
    packet = WRITABLE["image/jpeg"].write_xmp(drawn("jpeg").data, b"<x:xmpmeta")
    with pytest.raises(Undecodable):
        strip(packet, "image/jpeg")


def test_formats_without_a_carrier_come_back_as_they_are() -> None:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "BMP")
    assert strip(file.getvalue(), "image/bmp") == file.getvalue()


@pytest.mark.parametrize("mime", EXIF_WRITABLE)
def test_there_must_be_exif_to_replace(mime: str) -> None:
    name = {"webp": "webp-lossy", "tiff": "tiff-big-endian"}.get(mime.split("/")[1], mime.split("/")[1])
    if mime != "image/tiff":  # a TIFF is its own EXIF
        with pytest.raises(Undecodable):
            EXIF_WRITABLE[mime].replace_exif(drawn(name).data, b"II*\0")


# -- the text chunk of the profile `cn`


def test_a_text_is_written_before_the_picture_and_replaces_its_keyword() -> None:
    data = png_with({"AIGC": "old", "Author": "Jo"}, compressed=True)
    written = png.write_text(data, "AIGC", AIGC)
    assert png.read_text(written) == {"AIGC": AIGC, "Author": "Jo"}
    assert written.count(b"AIGC\0") == 1
    assert written.index(b"tEXtAIGC\0") < written.index(b"IDAT")
    assert png.write_text(written, "AIGC", AIGC) == written
    assert same_but_metadata(data, written)
    ascii_only = json.dumps(json.loads(AIGC))
    assert png.read_text(png.write_text(data, "AIGC", ascii_only))["AIGC"] == ascii_only
    assert [layer.layer for layer, _ in read_hints(written, "image/png")] == ["cn"]


@pytest.mark.parametrize(
    ("keyword", "text"), [("", "a"), (" a", "a"), ("a ", "a"), ("a" * 80, "a"), ("字", "a"), ("a", "\0")]
)
def test_a_keyword_or_text_that_png_cannot_hold_is_refused(keyword: str, text: str) -> None:
    with pytest.raises(InvalidLabelRequest):
        png.write_text(drawn("png").data, keyword, text)


@pytest.mark.data
def test_files_of_real_tools(data_dir: Path) -> None:
    changed = 0
    for folder in ("sd-parsers", "ComfyUI_examples"):
        for file in sorted((data_dir / "provenance" / folder).iterdir()):
            data = file.read_bytes()
            try:
                mime = sniff_label(data)
            except NotAPicture:
                continue
            clean = strip(data, mime)
            assert traces_found(clean, mime) == [], file
            assert (clean != data) == bool(traces_found(data, mime)), file
            assert pixels(clean) == pixels(data), file
            changed += clean != data
    assert changed >= 15
