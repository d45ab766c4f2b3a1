"""XMP, EXIF and comments in JPEG: APP1 (XMP specification 3, 1.1.3; Exif 2.32, 4.5.4) and COM segments.

Only the segments before the first scan are walked; from SOS on the bytes are copied.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from remarque.errors import InvalidLabelRequest, Undecodable

_SOI = b"\xff\xd8"
_APP0, _APP1, _COM, _SOS = 0xE0, 0xE1, 0xFE, 0xDA
_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_EXIF = b"Exif\x00\x00"
#: A segment's length field has 16 bits and counts itself.
_MAX_PAYLOAD = 0xFFFF - 2
#: Markers without a length: TEM and RST0-7 (ITU T.81, table B.1).
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})


class _Segment(NamedTuple):
    start: int
    end: int
    marker: int
    payload: bytes


def read_xmp(data: bytes) -> bytes | None:
    """Return the main XMP packet; extended XMP is left alone."""
    return _payload_after(data, _XMP)


def read_exif(data: bytes) -> bytes | None:
    """Return the EXIF block without its ``Exif`` heading."""
    return _payload_after(data, _EXIF)


def write_xmp(data: bytes, packet: bytes) -> bytes:
    """Put the packet where one is, else after APP0 and EXIF. Raises InvalidLabelRequest if it exceeds one segment."""
    if len(_XMP) + len(packet) > _MAX_PAYLOAD:
        raise InvalidLabelRequest("the XMP packet would exceed the 64 KB of one JPEG segment; shorten the text")
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(_XMP) + len(packet)) + _XMP + packet
    segments = list(_segments(data))
    for old in segments:
        if _holds(old, _XMP):
            return data[: old.start] + segment + data[old.end :]
    at = len(_SOI)
    for old in segments:
        if old.marker != _APP0 and not _holds(old, _EXIF):
            break
        at = old.end
    return data[:at] + segment + data[at:]


def replace_exif(data: bytes, block: bytes) -> bytes:
    """Put a block of the same length in the place of the one that is there."""
    for segment in _segments(data):
        if _holds(segment, _EXIF):
            return data[: segment.end - len(block)] + block + data[segment.end :]
    raise Undecodable("the JPEG holds no EXIF")


def without_comments(data: bytes, drop: Callable[[str], bool]) -> bytes:
    """Return the file without the comments for which ``drop(text)`` is true."""
    parts, kept_from = [], 0
    for segment in _segments(data):
        if segment.marker == _COM and drop(segment.payload.rstrip(b"\x00").decode("utf-8", "replace")):
            parts.append(data[kept_from : segment.start])
            kept_from = segment.end
    return b"".join([*parts, data[kept_from:]])


def _payload_after(data: bytes, heading: bytes) -> bytes | None:
    for segment in _segments(data):
        if _holds(segment, heading):
            return segment.payload[len(heading) :]
    return None


def _holds(segment: _Segment, heading: bytes) -> bool:
    return segment.marker == _APP1 and segment.payload.startswith(heading)


def _segments(data: bytes) -> Iterator[_Segment]:
    """Walk the marker segments up to the first scan, which must be there."""
    if not data.startswith(_SOI):
        raise Undecodable("not a JPEG: the start marker is missing")
    position = len(_SOI)
    while True:
        start = position
        if data[position : position + 1] != b"\xff":
            raise Undecodable("the JPEG breaks off or holds no marker where one is expected")
        while data[position : position + 1] == b"\xff":  # fill bytes before a marker are allowed (T.81, B.1.1.2)
            position += 1
        if position >= len(data):
            raise Undecodable("the JPEG ends before its picture")
        marker = data[position]
        position += 1
        if marker in _STANDALONE:
            continue
        if position + 2 > len(data):
            raise Undecodable("the JPEG ends before its picture")
        (length,) = struct.unpack_from(">H", data, position)
        end = position + length
        if marker in (0x00, 0xD8, 0xD9) or length < 2 or end > len(data):
            raise Undecodable("a JPEG segment is longer than the file, or out of place")
        if marker == _SOS:
            return
        yield _Segment(start, end, marker, data[position + 2 : end])
        position = end
