"""XMP and EXIF in WebP: RIFF chunks ``XMP `` and ``EXIF`` announced by flags of VP8X (RFC 9649, 2.3 to 2.7)."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from remarque.errors import Undecodable

_ALPHA_FLAG, _XMP_FLAG = 0x10, 0x04


class _Chunk(NamedTuple):
    start: int  # of the header
    end: int  # after the padding byte
    kind: bytes
    body: bytes


def read_xmp(data: bytes) -> bytes | None:
    """Return the XMP packet."""
    return _first(data, b"XMP ")


def read_exif(data: bytes) -> bytes | None:
    """Return the EXIF block; some writers put JPEG's ``Exif`` heading before it."""
    block = _first(data, b"EXIF")
    return None if block is None else block.removeprefix(b"Exif\x00\x00")


def write_xmp(data: bytes, packet: bytes) -> bytes:
    """Put the packet where one is, else at the end; a simple file becomes an extended one with the same canvas."""
    chunks = list(_chunks(data))
    new = _chunk(b"XMP ", packet)
    parts: list[bytes] = []
    if chunks[0].kind != b"VP8X":
        parts.append(_chunk(b"VP8X", _extended_header(chunks[0])))
    placed = False
    for old in chunks:
        if old.kind == b"VP8X":
            parts.append(_chunk(b"VP8X", bytes([old.body[0] | _XMP_FLAG]) + old.body[1:]))
        elif old.kind != b"XMP ":
            parts.append(data[old.start : old.end])
        elif not placed:
            parts.append(new)
            placed = True
    if not placed:
        parts.append(new)
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def replace_exif(data: bytes, block: bytes) -> bytes:
    """Put a block of the same length in the place of the one that is there."""
    for chunk in _chunks(data):
        if chunk.kind == b"EXIF":
            end = chunk.start + 8 + len(chunk.body)
            return data[: end - len(block)] + block + data[end:]
    raise Undecodable("the WebP holds no EXIF")


def _first(data: bytes, kind: bytes) -> bytes | None:
    for chunk in _chunks(data):
        if chunk.kind == kind:
            return chunk.body
    return None


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) % 2)


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Walk the chunks; the RIFF length must cover the file, a missing last padding byte excepted."""
    if len(data) < 20 or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise Undecodable("not a WebP: the RIFF heading is missing")
    if struct.unpack_from("<I", data, 4)[0] + 8 not in (len(data), len(data) + 1):
        raise Undecodable("the WebP's length does not fit the file")
    position = 12
    while position < len(data):
        if position + 8 > len(data):
            raise Undecodable("the WebP breaks off")
        (length,) = struct.unpack_from("<I", data, position + 4)
        kind, body = data[position : position + 4], data[position + 8 : position + 8 + length]
        if len(body) != length:
            raise Undecodable("a WebP chunk is longer than the file")
        if position == 12 and kind not in (b"VP8X", b"VP8 ", b"VP8L"):
            raise Undecodable("the WebP does not begin with a picture or its extended header")
        if kind == b"VP8X" and (length != 10 or position != 12):
            raise Undecodable("the WebP's extended header is not well formed")
        end = min(position + 8 + length + length % 2, len(data))
        yield _Chunk(position, end, kind, body)
        position = end


def _extended_header(picture: _Chunk) -> bytes:
    """The VP8X body for a simple file: flags, three reserved bytes, width - 1 and height - 1 in 24 bits each."""
    width, height, alpha = _lossy_size(picture.body) if picture.kind == b"VP8 " else _lossless_size(picture.body)
    flags = _XMP_FLAG | (_ALPHA_FLAG if alpha else 0)
    return bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def _lossy_size(body: bytes) -> tuple[int, int, bool]:
    """RFC 6386, 9.1: three bytes of frame tag, the start code, then 14 bits each."""
    if len(body) < 10 or body[3:6] != b"\x9d\x01\x2a":
        raise Undecodable("the WebP's picture has no start code")
    width, height = (size & 0x3FFF for size in struct.unpack_from("<HH", body, 6))
    if not width or not height:
        raise Undecodable("the WebP's picture has no size")
    return width, height, False


def _lossless_size(body: bytes) -> tuple[int, int, bool]:
    """RFC 9649, 3.4: a signature byte, then 14 bits of width - 1, 14 of height - 1, one for alpha."""
    if len(body) < 5 or body[0] != 0x2F:
        raise Undecodable("the WebP's picture has no signature")
    (bits,) = struct.unpack_from("<I", body, 1)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
