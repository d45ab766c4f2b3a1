"""What HEIC and JPEG XL announce before anything is decoded: ISO base media boxes, sizes, animation.

ISO/IEC 14496-12, 4.2 for boxes; ISO/IEC 23008-12, 6.5.3 for ``ispe``; ISO/IEC 18181-1, annex D and 18181-2 for JPEG XL.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from remarque.errors import Undecodable

JXL_CODESTREAM = b"\xff\x0a"
JXL_CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"

#: The headers that are read end long before this many bytes of a codestream.
_JXL_HEAD = 64
#: Width to height, by the ratio field of the size header; 0 means that the width follows.
_JXL_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


class Box(NamedTuple):
    """One box: ``start`` of its header, ``body`` where its content begins, ``end`` after it."""

    start: int
    body: int
    end: int
    kind: bytes


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Walk the boxes that fill ``data[start:end]`` exactly."""
    position = start
    while position < end:
        if position + 8 > end:
            raise Undecodable("the file breaks off inside a box header")
        size, kind = struct.unpack_from(">I4s", data, position)
        body = position + 8
        if size == 1:
            if position + 16 > end:
                raise Undecodable("the file breaks off inside a box header")
            (size,) = struct.unpack_from(">Q", data, position + 8)
            body = position + 16
        elif size == 0:  # up to the end of the file
            size = end - position
        if size < body - position or position + size > end:
            raise Undecodable("a box is longer than what holds it")
        yield Box(position, body, position + size, kind)
        position += size


def largest_heif_size(data: bytes) -> tuple[int, int]:
    """Width and height of the largest picture that any item of a HEIF file is said to have, before it is cropped.

    Raises Undecodable if the file breaks off before that, or says nothing.
    """
    # What follows the meta box is not walked: some phones append data that is no box.
    start, end = 0, len(data)
    for kind, flags in ((b"meta", 4), (b"iprp", 0), (b"ipco", 0)):
        one = next((one for one in boxes(data, start, end) if one.kind == kind), None)
        if one is None:
            raise Undecodable("The picture has no size.")
        start, end = one.body + flags, one.end
    found = [(0, 0)]
    for one in boxes(data, start, end):
        if one.kind == b"ispe" and one.end - one.body >= 12:
            found.append(struct.unpack_from(">II", data, one.body + 4))
    width, height = max(found, key=lambda size: size[0] * size[1])
    if not width or not height:
        raise Undecodable("The picture has no size.")
    return width, height


class JxlHeader(NamedTuple):
    """The size as coded, before the orientation is applied, and whether frames follow each other in time."""

    width: int
    height: int
    animated: bool


def jxl_header(data: bytes) -> JxlHeader:
    """Read the headers of a JPEG XL file, naked or in a container. Raises Undecodable if there is no codestream."""
    head = _jxl_head(data)
    if not head.startswith(JXL_CODESTREAM):
        raise Undecodable("The JPEG XL holds no picture.")
    bits = _Bits(head[2:])
    width, height = _jxl_size(bits)
    animated = False
    if not bits.take(1) and bits.take(1):  # not all as usual, and with extra fields
        bits.take(3)  # orientation
        if bits.take(1):
            _jxl_size(bits)  # the size that it is meant to have on screen
        if bits.take(1):
            _skip_jxl_preview(bits)
        animated = bool(bits.take(1))
    return JxlHeader(width, height, animated)


class _Bits:
    """Numbers out of bytes, least significant bit first; zeros follow the end, and the decoder refuses such a file."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & (1 << count) - 1
        self._rest >>= count
        return value


def _jxl_head(data: bytes) -> bytes:
    """The first bytes of the codestream; a container may hold it in pieces, each behind a number."""
    if not data.startswith(JXL_CONTAINER):
        return data[:_JXL_HEAD]
    head = b""
    for one in boxes(data, 0, len(data)):
        if one.kind == b"jxlc":
            return data[one.body : min(one.end, one.body + _JXL_HEAD)]
        if one.kind == b"jxlp":
            head += data[one.body + 4 : min(one.end, one.body + 4 + _JXL_HEAD)]
    return head[:_JXL_HEAD]


def _jxl_size(bits: _Bits) -> tuple[int, int]:
    eighths = bits.take(1)

    def side() -> int:
        return (bits.take(5) + 1) * 8 if eighths else bits.take((9, 13, 18, 30)[bits.take(2)]) + 1

    height = side()
    ratio = bits.take(3)
    if ratio == 0:
        return side(), height
    over, under = _JXL_RATIOS[ratio]
    return height * over // under, height


def _skip_jxl_preview(bits: _Bits) -> None:
    eighths = bits.take(1)
    widths = (0, 0, 5, 9) if eighths else (6, 8, 10, 12)
    bits.take(widths[bits.take(2)])
    if bits.take(3) == 0:  # no ratio: the width follows
        bits.take(widths[bits.take(2)])
