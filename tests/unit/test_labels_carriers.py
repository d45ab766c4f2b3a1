"""XMP goes into each container and comes back; nothing else moves; other programs see it."""

import io
import json
import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from remarque.errors import InvalidLabelRequest, Undecodable
from remarque.labels import xmp
from remarque.labels.carriers import WRITABLE, avif, items, jpeg, png, scan_for_packet, tiff, webp
from remarque.labels.carriers.boxes import box, boxes
from tests.label_pictures import Drawn, drawn, pictures, pixels

PACKET = xmp.write({xmp.CREDIT: "Éxample & <Studio>", xmp.DOCUMENT_ID: "urn:uuid:1"})
OTHER = xmp.write({xmp.CREDIT: "Another", xmp.AI_SYSTEM_USED: "longer than before " * 20})

every_picture = pytest.mark.parametrize("picture", pictures(), ids=lambda picture: picture.name)


@pytest.fixture(scope="module")
def exiftool() -> Callable[[bytes], dict[str, Any]]:
    """Debian's libimage-exiftool-perl, the independent reader. It must be there in CI."""
    path = shutil.which("exiftool")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("exiftool is not installed (apt-get install libimage-exiftool-perl)")
        pytest.skip("exiftool is not installed")

    def read(data: bytes) -> dict[str, Any]:
        done = subprocess.run([path, "-j", "-G", "-"], input=data, capture_output=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)[0]
        return found

    return read


@every_picture
def test_a_packet_comes_back_and_the_pixels_stay(picture: Drawn) -> None:
    carrier = WRITABLE[picture.mime]
    assert carrier.read_xmp(picture.data) is None
    written = carrier.write_xmp(picture.data, PACKET)
    assert carrier.read_xmp(written) == PACKET
    assert pixels(written) == pixels(picture.data)


@every_picture
def test_a_packet_replaces_the_one_before(picture: Drawn) -> None:
    carrier = WRITABLE[picture.mime]
    first = carrier.write_xmp(picture.data, PACKET)
    second = carrier.write_xmp(first, OTHER)
    assert carrier.read_xmp(second) == OTHER
    assert pixels(second) == pixels(picture.data)
    if picture.mime != "image/tiff":  # a TIFF only grows
        assert second == carrier.write_xmp(picture.data, OTHER)
        assert PACKET not in second


@every_picture
def test_exif_and_colour_profile_stay(picture: Drawn) -> None:
    carrier = WRITABLE[picture.mime]
    written = carrier.write_xmp(picture.data, PACKET)
    if picture.mime != "image/tiff":
        assert carrier.read_exif(written) == carrier.read_exif(picture.data)
    with Image.open(io.BytesIO(picture.data)) as before, Image.open(io.BytesIO(written)) as after:
        assert after.info.get("icc_profile") == before.info.get("icc_profile")
        assert dict(after.getexif()) == {
            **dict(before.getexif()),
            **({700: PACKET} if picture.mime == "image/tiff" else {}),
        }
    if "exif" in picture.name:
        assert carrier.read_exif(picture.data)


@every_picture
def test_exiftool_reads_the_same_and_warns_of_nothing(
    picture: Drawn, exiftool: Callable[[bytes], dict[str, Any]]
) -> None:
    before, after = exiftool(picture.data), exiftool(WRITABLE[picture.mime].write_xmp(picture.data, PACKET))
    assert after["XMP:Credit"] == "Éxample & <Studio>"
    assert after["XMP:DocumentID"] == "urn:uuid:1"
    for group in ("EXIF", "PNG", "ICC_Profile"):
        assert _group(after, group) == _group(before, group)
    assert after.get("ExifTool:Warning") == before.get("ExifTool:Warning")


@pytest.mark.parametrize("picture", [p for p in pictures() if p.mime == "image/png"], ids=lambda p: p.name)
def test_every_other_png_chunk_stays_as_it_was(picture: Drawn) -> None:
    before, after = _png_chunks(picture.data), _png_chunks(png.write_xmp(picture.data, PACKET))
    added = [chunk for chunk in after if chunk[0] == b"iTXt" and chunk[1].startswith(b"XML:com.adobe.xmp\0")]
    assert len(added) == 1
    assert [chunk for chunk in after if chunk is not added[0]] == before
    kinds = [kind for kind, _ in after]
    assert kinds.index(b"iTXt") == kinds.index(b"IDAT") - 1


@pytest.mark.parametrize("picture", [p for p in pictures() if p.mime == "image/webp"], ids=lambda p: p.name)
def test_every_other_webp_chunk_stays_and_the_canvas_is_right(picture: Drawn) -> None:
    before, after = _riff_chunks(picture.data), _riff_chunks(webp.write_xmp(picture.data, PACKET))
    others = [chunk for chunk in after if chunk[0] not in (b"VP8X", b"XMP ")]
    assert others == [chunk for chunk in before if chunk[0] != b"VP8X"]
    header = dict(after)[b"VP8X"]
    assert (int.from_bytes(header[4:7], "little") + 1, int.from_bytes(header[7:10], "little") + 1) == (90, 61)
    assert header[0] & 0x04
    assert bool(header[0] & 0x10) == ("alpha" in picture.name)


def test_a_jpeg_packet_goes_behind_app0_and_exif() -> None:
    written = jpeg.write_xmp(drawn("jpeg-exif-icc-comment").data, PACKET)
    starts = [
        written.index(mark) for mark in (b"JFIF\0", b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0")
    ]
    assert starts == sorted(starts)


def test_a_jpeg_segment_holds_no_more_than_it_can() -> None:
    data = drawn("jpeg").data
    room = 0xFFFF - 2 - len(b"http://ns.adobe.com/xap/1.0/\0")
    assert jpeg.read_xmp(jpeg.write_xmp(data, b"x" * room)) == b"x" * room
    with pytest.raises(InvalidLabelRequest, match="64 KB"):
        jpeg.write_xmp(data, b"x" * (room + 1))


def test_a_compressed_png_packet_is_read_and_a_bomb_is_not() -> None:
    data = drawn("png").data
    assert png.read_xmp(_with_compressed_packet(data, PACKET)) == PACKET
    with pytest.raises(Undecodable, match="too long"):
        png.read_xmp(_with_compressed_packet(data, bytes(20 << 20)))
    assert png.read_xmp(png.write_xmp(_with_compressed_packet(data, PACKET), OTHER)) == OTHER


def test_png_text_is_read_in_all_three_forms() -> None:
    data = drawn("png").data
    at = data.index(b"IDAT") - 4
    chunks = (
        _png_chunk(b"tEXt", b"a\0caf\xc3\xa9")
        + _png_chunk(b"zTXt", b"b\0\0" + zlib.compress("naïve".encode("latin-1")))
        + _png_chunk(b"iTXt", b"c\0\1\0en\0\0" + zlib.compress("漢".encode()))
    )
    assert png.read_text(data[:at] + chunks + data[at:]) == {"a": "café", "b": "naïve", "c": "漢"}


@pytest.mark.parametrize("name", ["avif", "avif-alpha-exif-icc"])
def test_an_avif_whose_data_comes_before_its_tables(name: str) -> None:
    data = drawn(name).data
    turned = _mdat_first(data)
    assert pixels(turned) == pixels(data)
    written = avif.write_xmp(turned, PACKET)
    assert avif.read_xmp(written) == PACKET
    assert pixels(written) == pixels(data)


def test_the_packet_of_an_avif_describes_the_picture() -> None:
    written = avif.write_xmp(drawn("avif").data, PACKET)
    with Image.open(io.BytesIO(written)) as image:
        assert image.info["xmp"] == PACKET


def test_an_avif_whose_last_box_runs_to_the_end() -> None:
    data = drawn("avif").data
    last = list(boxes(data, 0, len(data)))[-1]
    open_ended = data[: last.start] + bytes(4) + data[last.start + 4 :]
    assert pixels(avif.write_xmp(open_ended, PACKET)) == pixels(data)
    assert avif.read_xmp(avif.write_xmp(open_ended, PACKET)) == PACKET


def test_a_fragmented_file_is_refused() -> None:
    with pytest.raises(Undecodable, match="fragmented"):
        avif.write_xmp(drawn("avif").data + box(b"moof", b""), PACKET)


def test_the_other_pages_of_a_tiff_stay() -> None:
    written = tiff.write_xmp(drawn("tiff-pages-lzw").data, PACKET)
    assert len(pixels(written)) == 3
    assert written[8:].startswith(drawn("tiff-pages-lzw").data[8:])


@pytest.mark.parametrize(
    ("mutation", "name", "change"),
    [
        ("empty", "jpeg", lambda d: b""),
        ("cut-in-header", "jpeg", lambda d: d[:10]),
        ("segment-past-end", "jpeg", lambda d: d[:4] + b"\xff\xff" + d[6:30]),
        ("no-scan", "jpeg", lambda d: d[: d.index(b"\xff\xda")]),
        ("junk-between-segments", "jpeg", lambda d: d[:20] + b"junk" + d[20:]),
        ("cut-in-chunk", "png", lambda d: d[:60]),
        ("no-end", "png", lambda d: d[:-12]),
        ("no-picture", "png", lambda d: d[:33] + d[-12:]),
        ("second-header", "png", lambda d: d[:33] + d[8:]),
        ("riff-length-wrong", "webp-lossy", lambda d: d[:4] + b"\xff\0\0\0" + d[8:]),
        ("chunk-past-end", "webp-lossy", lambda d: d[:16] + b"\xff\xff\0\0" + d[20:]),
        ("unknown-first-chunk", "webp-lossy", lambda d: d[:12] + b"JUNK" + d[16:]),
        ("no-start-code", "webp-lossy", lambda d: d[:23] + b"\0\0\0" + d[26:]),
        ("cut", "avif", lambda d: d[:100]),
        ("no-tables", "avif", lambda d: d.replace(b"iloc", b"free")),
        ("two-meta", "avif", lambda d: d + box(b"meta", bytes(4))),
        ("directory-outside", "tiff-little-endian", lambda d: d[:4] + b"\xff\xff\xff\x7f" + d[8:]),
        ("bigtiff", "tiff-little-endian", lambda d: b"II+\0" + d[4:]),
        ("header-alone", "tiff-big-endian", lambda d: d[:8]),
    ],
)
def test_a_broken_container_is_undecodable(mutation: str, name: str, change: Callable[[bytes], bytes]) -> None:
    picture = drawn(name)
    with pytest.raises(Undecodable):
        WRITABLE[picture.mime].write_xmp(change(picture.data), PACKET)


def test_other_formats_are_scanned() -> None:
    assert (
        scan_for_packet(b"GIF89a..." + PACKET + b"...")
        == PACKET[PACKET.index(b"<x:xmpmeta") : PACKET.index(b"<?xpacket end")]
    )
    assert scan_for_packet(b"GIF89a <x:xmpmeta> and no end") is None


# Slow and obvious: what the carriers are judged by.


def _group(tags: dict[str, Any], group: str) -> dict[str, Any]:
    return {key: value for key, value in tags.items() if key.startswith(f"{group}:")}


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, rest = [], data[8:]
    while rest:
        size = int.from_bytes(rest[:4], "big")
        kind, body = rest[4:8], rest[8 : 8 + size]
        assert int.from_bytes(rest[8 + size : 12 + size], "big") == zlib.crc32(kind + body)
        found.append((kind, body))
        rest = rest[12 + size :]
    return found


def _riff_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    found, rest = [], data[12:]
    while rest:
        size = int.from_bytes(rest[4:8], "little")
        found.append((rest[:4], rest[8 : 8 + size]))
        rest = rest[8 + size + size % 2 :]
    return found


def _with_compressed_packet(data: bytes, packet: bytes) -> bytes:
    body = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(packet)
    at = data.index(b"IDAT") - 4
    return data[:at] + _png_chunk(b"iTXt", body) + data[at:]


def _mdat_first(data: bytes) -> bytes:
    """The same AVIF with mdat before meta."""
    parts = {one.kind: one for one in boxes(data, 0, len(data))}
    ftyp, meta, mdat = (parts[kind] for kind in (b"ftyp", b"meta", b"mdat"))
    assert [ftyp.end, meta.end, mdat.end] == [meta.start, mdat.start, len(data)]
    children = []
    for child in boxes(data, meta.body + 4, meta.end):
        raw = data[child.start : child.end]
        if child.kind == b"iloc":
            moved = [one.moved(0, meta.start - meta.end) for one in items.read_locations(data[child.body : child.end])]
            raw = items.write_locations(tuple(moved))
        children.append(raw)
    rebuilt = box(b"meta", data[meta.body : meta.body + 4] + b"".join(children))
    return data[: ftyp.end] + data[mdat.start : mdat.end] + rebuilt
