"""GIF, SVG, JPEG XL, HEIC: what each does with a packet that the general tests of carriers do not show."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from defusedxml.minidom import parseString
from PIL import Image

from remarque.errors import InvalidLabelRequest, NotAPicture, Undecodable
from remarque.labels import xmp
from remarque.labels.carriers import WRITABLE, avif, gif, jxl, svg
from remarque.labels.carriers.boxes import box, boxes
from remarque.labels.formats import sniff_label
from remarque.labels.reading import read_store
from tests.label_pictures import Drawn, development, drawings, drawn, pictures, pixels, signed_saying

PACKET = xmp.write({xmp.CREDIT: "Éxample & <Studio>", xmp.DOCUMENT_ID: "urn:uuid:1"})
OTHER = xmp.write({xmp.CREDIT: "Another", xmp.AI_SYSTEM_USED: "longer than before " * 20})
STAYING = (b"hdlr", b"idat", b"pitm", b"iprp")
AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

every_drawing = pytest.mark.parametrize("picture", drawings(), ids=lambda one: one.name)
every_new_format = pytest.mark.parametrize(
    "picture",
    [one for one in (*pictures(), *drawings()) if one.mime.split("/")[1] in ("gif", "svg+xml", "jxl", "heic")],
    ids=lambda one: one.name,
)


@pytest.mark.parametrize("picture", [*pictures(), *drawings()], ids=lambda one: one.name)
def test_the_format_is_told_from_the_bytes_before_and_after(picture: Drawn) -> None:
    assert sniff_label(picture.data) == picture.mime
    assert sniff_label(WRITABLE[picture.mime].write_xmp(picture.data, PACKET)) == picture.mime


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1avif", "image/heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "image/avif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1vvic", "image/heic"),
        (b" \r\n<!DOCTYPE svg [<!ENTITY a 'b'>]>\n<svg>", "image/svg+xml"),
        (b"<?xml version='1.0'?><?a b?><!--c--><s:svg/>", "image/svg+xml"),
        (b"BM" + bytes(12) + b"\x28\0\0\0", "image/bmp"),
    ],
)
def test_formats_that_are_not_drawn_here(data: bytes, mime: str) -> None:
    assert sniff_label(data) == mime


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><svg></html>",
        b"<svgs/>",
        b"<!-- <svg> -->",
        b"text with <svg>",
        b"<?a " * 9_000,
        b"<!--a-->" * 8_000,
        b"\0\0\0\x18ftypmp42\0\0\0\0isomavc1",
    ],
    ids=range(8),
)
def test_other_bytes_carry_no_label(data: bytes) -> None:
    with pytest.raises(NotAPicture):
        sniff_label(data)


@every_new_format
def test_writing_twice_is_writing_once(picture: Drawn) -> None:
    carrier = WRITABLE[picture.mime]
    once = carrier.write_xmp(picture.data, PACKET)
    assert carrier.read_xmp(once) == PACKET
    assert carrier.write_xmp(once, PACKET) == once
    assert carrier.write_xmp(carrier.write_xmp(once, OTHER), PACKET) == once


@every_new_format
def test_a_signature_over_the_written_file_holds(picture: Drawn) -> None:
    key, root = development()
    written = WRITABLE[picture.mime].write_xmp(picture.data, PACKET)
    signed = signed_saying(written, picture.mime, key, source_type=AI)
    assert read_store(signed, picture.mime, trust_anchors=root).state == "trusted"
    assert WRITABLE[picture.mime].read_xmp(signed) == PACKET
    if picture.mime != "image/svg+xml":
        assert pixels(signed) == pixels(picture.data)


# -- SVG


@every_drawing
def test_an_svg_grows_by_the_packet_and_nothing_else_changes(picture: Drawn) -> None:
    written = svg.write_xmp(picture.data, PACKET)
    at = written.index(PACKET)
    before, after = written[:at], written[at + len(PACKET) :]
    # What is added around the packet is the element that holds it, or the end of an empty one.
    added = re.compile(rb"<(\w+:)?metadata>\Z"), re.compile(rb"\A</(\w+:)?metadata>(</svg:svg>)?")
    if picture.name != "svg-described":
        before, after = added[0].sub(b"", before), added[1].sub(b"", after)
    joined = before + after
    if picture.name in ("svg-prefixed", "svg-empty-metadata"):  # <a/> had to become <a></a>
        joined = before.removesuffix(b">") + b"/>" + after
    assert joined == picture.data


@every_drawing
def test_the_packet_stands_in_the_metadata_of_the_root(picture: Drawn) -> None:
    root = parseString(svg.write_xmp(picture.data, PACKET), forbid_dtd=False).documentElement
    children = [child for child in root.childNodes if child.localName == "metadata"]
    assert len(children) == 1
    assert children[0].namespaceURI == "http://www.w3.org/2000/svg"
    assert next(child.localName for child in children[0].childNodes if child.localName) == "xmpmeta"


def test_a_packet_without_its_frame_is_found_and_replaced() -> None:
    meta = PACKET[PACKET.index(b"<x:xmpmeta") : PACKET.index(b"<?xpacket end")]
    text = b"<svg><metadata>\n %b \n</metadata><metadata>%b</metadata></svg>" % (meta, meta)
    assert svg.read_xmp(text) == meta
    assert svg.write_xmp(text, OTHER) == text.replace(meta, OTHER, 1)
    empty = b"<svg><metadata><x:xmpmeta xmlns:x='adobe:ns:meta/'/></metadata></svg>"
    assert svg.read_xmp(empty) == b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    assert svg.read_xmp(svg.write_xmp(empty, PACKET)) == PACKET


@pytest.mark.parametrize(
    ("mutation", "text"),
    [
        ("entity", b'<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>'),
        ("external-entity", b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>'),
        ("parameter-entity", b'<!DOCTYPE svg [<!ENTITY % a SYSTEM "http://127.0.0.1/"> %a;]><svg/>'),
        ("internal-subset", b"<!DOCTYPE svg [<!ATTLIST svg a CDATA 'b'>]><svg/>"),
        ("undeclared-entity", b'<!DOCTYPE svg SYSTEM "a.dtd"><svg>&a;</svg>'),
        ("not-closed", b"<svg><metadata></svg>"),
        ("two-roots", b"<svg/><svg/>"),
        ("another-root", b"<html><svg/></html>"),
        ("latin-1", b"<?xml version='1.0' encoding='iso-8859-1'?><svg>\xe9</svg>"),
        ("latin-1-unsaid", b"<svg>\xe9</svg>"),
        ("utf-16", "<svg/>".encode("utf-16")),
        ("empty", b""),
    ],
)
def test_an_svg_that_is_broken_or_hostile_is_undecodable(mutation: str, text: bytes) -> None:
    for function in (svg.read_xmp, svg.read_exif, lambda data: svg.write_xmp(data, PACKET)):
        with pytest.raises(Undecodable):
            function(text)


# -- GIF


def test_a_gif_reader_that_knows_no_xmp_steps_over_it() -> None:
    for name in ("gif", "gif-animated-comment"):
        written = gif.write_xmp(drawn(name).data, PACKET)
        assert written.startswith(b"GIF89a")
        with Image.open(io.BytesIO(written)) as image:
            assert image.info.get("loop") == (0 if "animated" in name else None)
    # Wherever the jumps from text byte to text byte lead, the trailer catches them.
    for length in range(1, 600):
        assert pixels(gif.write_xmp(drawn("gif").data, b"\xff" * length)) == pixels(drawn("gif").data)


def test_a_gif_packet_goes_behind_the_loop_count_and_replaces_all_before() -> None:
    data = drawn("gif-animated-comment").data
    written = gif.write_xmp(data, PACKET)
    assert written.index(b"NETSCAPE2.0") < written.index(b"XMP DataXMP") < written.index(b"\x21\xfe\x02hi")
    start, end = written.index(b"\x21\xff\x0bXMP"), written.index(b"\x01\x00\x00", written.index(b"xpacket end")) + 3
    doubled = written[:-1] + written[start:end] + written[-1:]
    assert gif.write_xmp(doubled, OTHER) == gif.write_xmp(data, OTHER)


def test_a_gif_takes_no_packet_that_would_end_early() -> None:
    for packet in (b"", b"a\0b"):
        with pytest.raises(InvalidLabelRequest):
            gif.write_xmp(drawn("gif").data, packet)


# -- JPEG XL


def test_a_naked_codestream_is_put_into_a_container_as_it_is() -> None:
    naked = drawn("jxl").data
    written = jxl.write_xmp(naked, PACKET)
    found = list(boxes(written, 0, len(written)))
    assert [one.kind for one in found] == [b"JXL ", b"ftyp", b"xml ", b"jxlc"]
    assert written[found[-1].body :] == naked


def test_other_boxes_of_a_jxl_stay() -> None:
    data = drawn("jxl-container-alpha-exif").data
    written = jxl.write_xmp(data, PACKET)
    assert written.replace(box(b"xml ", PACKET), b"") == data
    assert jxl.read_exif(written) == jxl.read_exif(data)
    spaced = data.replace(b"Exif", b"Exif\0\0\0\0", 1)  # the distance to the byte order mark, as the standard has it
    at = spaced.index(b"Exif") - 4
    spaced = spaced[:at] + (int.from_bytes(spaced[at : at + 4], "big") + 4).to_bytes(4, "big") + spaced[at + 4 :]
    assert jxl.read_exif(spaced) == jxl.read_exif(data)


def test_compressed_metadata_of_a_jxl_is_not_called_absent() -> None:
    data = drawn("jxl-container-alpha-exif").data
    at = data.index(b"jxlp") - 4
    packed = data[:at] + box(b"brob", b"xml " + b"\x0b\x00") + box(b"brob", b"Exif\x0b\x00") + data[at:]
    with pytest.raises(Undecodable, match="Brotli"):
        jxl.read_xmp(packed)
    written = jxl.write_xmp(packed, PACKET)  # what cannot be read can be replaced
    assert jxl.read_xmp(written) == PACKET
    assert b"xml \x0b" not in written


def test_a_replaced_packet_takes_the_recipe_for_the_old_jpeg_with_it(tmp_path: Path) -> None:
    with Image.open(io.BytesIO(drawn("jpeg").data)) as image:
        for name, packet in (("without", None), ("with", OTHER)):
            image.save(tmp_path / f"{name}.jpg", **({"xmp": packet} if packet else {}))
    made: dict[str, bytes] = {}
    for name in ("without", "with"):
        with Image.open(tmp_path / f"{name}.jpg") as image:
            file = io.BytesIO()
            image.save(file, "JXL", lossless_jpeg=True)
            made[name] = file.getvalue()
    assert b"jbrd" in made["without"]
    assert b"jbrd" in made["with"]
    kept, dropped = (jxl.write_xmp(made[name], PACKET) for name in ("without", "with"))
    assert b"jbrd" in kept
    assert b"jbrd" not in dropped
    assert pixels(kept) == pixels(made["without"])
    assert len(pixels(dropped)) == 1  # still a picture


# -- HEIC


def test_the_packet_of_a_heic_describes_the_picture() -> None:
    for name in ("heic", "heic-alpha", "heic-grid-exif-icc"):
        written = avif.write_xmp(drawn(name).data, PACKET)
        with Image.open(io.BytesIO(written)) as image:
            assert image.info["xmp"].rstrip(b"\0") == PACKET


def test_a_heic_of_tiles_as_telephones_write_it_is_among_the_drawn_ones() -> None:
    data = drawn("heic-grid-exif-icc").data
    assert all(mark in data for mark in (b"grid", b"idat", b"irot", b"thmb", b"Exif"))
    written = avif.write_xmp(data, PACKET)
    inside = [next(one for one in boxes(file, 0, len(file)) if one.kind == b"meta") for file in (data, written)]
    kept = [
        [file[child.start : child.end] for child in boxes(file, meta.body + 4, meta.end) if child.kind in STAYING]
        for file, meta in zip((data, written), inside, strict=True)
    ]
    assert kept[0] == kept[1]


@pytest.mark.data
def test_real_files_take_a_label(data_dir: Path) -> None:
    files = [
        *(data_dir / "provenance" / "c2pa-python").glob("*sample1.*"),
        *(data_dir / "provenance" / "exiftool").glob("*.svg"),
        *(data_dir / "provenance" / "exiftool").glob("*.heic"),
        *(data_dir / "broken" / "wuffs").glob("*hippo*regular.gif"),
    ]
    seen = set()
    for file in files:
        data = file.read_bytes()
        try:
            mime = sniff_label(data)
        except NotAPicture:
            continue
        seen.add(mime)
        written = WRITABLE[mime].write_xmp(data, PACKET)
        assert WRITABLE[mime].read_xmp(written) == PACKET
        if mime != "image/svg+xml" and file.parent.name != "exiftool":  # those hold no picture
            assert pixels(written) == pixels(data)
    assert {"image/heic", "image/gif", "image/svg+xml", "image/avif"} <= seen


# -- all of them broken


@pytest.mark.parametrize(
    ("mutation", "name", "change"),
    [
        ("no-trailer", "gif", lambda d: d[:-1]),
        ("cut-in-picture", "gif", lambda d: d[:-200]),
        ("cut-in-header", "gif", lambda d: d[:11]),
        ("unknown-block", "gif", lambda d: d[:-1] + b"\x99"),
        ("xmp-without-end", "gif", lambda d: gif.write_xmp(d, PACKET).replace(bytes(range(255, 200, -1)), bytes(55))),
        ("not-closed", "svg", lambda d: d[:-8]),
        ("no-picture", "jxl-container-alpha-exif", lambda d: d.replace(b"jxlp", b"free")),
        ("no-type", "jxl-container-alpha-exif", lambda d: d[:12] + d[32:]),
        ("box-past-end", "jxl-container-alpha-exif", lambda d: d[:-1]),
        ("another-format", "jxl", lambda d: b"\xff\x0b" + d[2:]),
        ("no-tables", "heic", lambda d: d.replace(b"iinf", b"free")),
        ("cut", "heic", lambda d: d[:200]),
    ],
)
def test_a_broken_container_is_undecodable(mutation: str, name: str, change: Callable[[bytes], bytes]) -> None:
    picture = drawn(name)
    broken = change(picture.data)
    carrier = WRITABLE[picture.mime]
    with pytest.raises(Undecodable):
        carrier.read_xmp(broken)
    if mutation != "xmp-without-end":  # that one can be replaced
        with pytest.raises(Undecodable):
            carrier.write_xmp(broken, PACKET)
