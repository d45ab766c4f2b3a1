"""XMP in GIF: an application extension whose text readers skip as if it were sub-blocks (XMP specification 3, 1.1.2).

The packet stands raw behind the heading, so every byte of it is taken for the length of a sub-block by those who skip.
The 258 bytes of the *magic trailer* catch such a reader wherever its last jump lands and lead it to the end. That works
because no byte of UTF-8 text is zero.
"""

from collections.abc import Iterator
from typing import NamedTuple

from remarque.errors import InvalidLabelRequest, Undecodable

_SIGNATURES = (b"GIF87a", b"GIF89a")
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_APPLICATION = 0xFF
#: Extension introducer, application label, eleven bytes of identifier and authentication code.
_HEADING = b"\x21\xff\x0bXMP DataXMP"
_MAGIC_TRAILER = b"\x01" + bytes(range(0xFF, -1, -1)) + b"\x00"


class _Block(NamedTuple):
    start: int
    end: int
    kind: int  # _IMAGE, _TRAILER, or the label of an extension


def read_xmp(data: bytes) -> bytes | None:
    """Return the XMP packet."""
    for block in _blocks(data):
        if _is_xmp(data, block):
            body = data[block.start + len(_HEADING) : block.end]
            if not body.endswith(_MAGIC_TRAILER):
                raise Undecodable("the XMP block of the GIF has no end")
            return body.removesuffix(_MAGIC_TRAILER)
    return None


def read_exif(data: bytes) -> None:
    """GIF has no place for EXIF. Walks the file all the same: what is broken is Undecodable."""
    for _ in _blocks(data):
        pass


def write_xmp(data: bytes, packet: bytes) -> bytes:
    """Put the packet where one is, else behind the application extensions at the start; others of its kind go.

    Extensions came with GIF89a, so an older file says 89a afterwards; a decoder draws the same.
    """
    if not packet or b"\x00" in packet:
        raise InvalidLabelRequest("an XMP packet in a GIF is UTF-8 text without zero bytes")
    block = _HEADING + packet + _MAGIC_TRAILER
    blocks = list(_blocks(data))
    old = [one for one in blocks if _is_xmp(data, one)]
    if old:
        at = old[0].start
    else:
        # Old players look for the number of loops first thing behind the colours.
        at = next(one.start for one in blocks if one.kind != _APPLICATION)
    parts, kept_from = [_SIGNATURES[1]], len(_SIGNATURES[1])
    for one in old or [_Block(at, at, _APPLICATION)]:
        parts.append(data[kept_from : one.start])
        if one.start == at:
            parts.append(block)
        kept_from = one.end
    return b"".join([*parts, data[kept_from:]])


def _is_xmp(data: bytes, block: _Block) -> bool:
    return block.kind == _APPLICATION and data.startswith(_HEADING, block.start, block.end)


def _blocks(data: bytes) -> Iterator[_Block]:
    """Walk the blocks up to the trailer, which must be there. What follows it is not looked at."""
    if not data.startswith(_SIGNATURES):
        raise Undecodable("not a GIF: the signature is missing")
    if len(data) < 13:
        raise Undecodable("the GIF breaks off")
    position = 13 + _table_size(data[10])
    while position < len(data):
        start, kind = position, data[position]
        if kind == _TRAILER:
            yield _Block(start, start + 1, kind)
            return
        if kind == _EXTENSION and position + 1 < len(data):
            kind = data[position + 1]
            position = _after_sub_blocks(data, position + 2)
        elif kind == _IMAGE and position + 9 < len(data):
            # Descriptor, local colours, one byte of code size, then the coded picture.
            position = _after_sub_blocks(data, position + 10 + _table_size(data[position + 9]) + 1)
        else:
            raise Undecodable("the GIF breaks off or holds no block where one is expected")
        yield _Block(start, position, kind)
    raise Undecodable("the GIF has no end")


def _table_size(flags: int) -> int:
    """Bytes of the colour table that these flags announce (GIF89a, 18 and 20)."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, position: int) -> int:
    while position < len(data):
        size = data[position]
        position += 1 + size
        if size == 0:
            return position
    raise Undecodable("the GIF breaks off in a block")
