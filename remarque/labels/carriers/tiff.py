"""XMP in TIFF: field 700 of the first directory (XMP specification 3, 1.1.5). The file itself is the EXIF block.

Writing appends: the packet and, where the directory has no such field, a new copy of the first directory. Every other
offset of the file stays true because nothing moves. BigTIFF is not written.
"""

import struct

from remarque.errors import Undecodable
from remarque.labels.carriers import ifd

_XMP_TAG = 700
_BYTE = 1


def read_xmp(data: bytes) -> bytes | None:
    """Return the XMP packet."""
    first = ifd.first_directory(data)
    for entry in first.entries:
        if entry.tag == _XMP_TAG:
            return ifd.value(data, ifd.byte_order(data), entry)
    return None


def read_exif(data: bytes) -> bytes | None:
    """Return the file: its first directory holds the same fields as an EXIF block."""
    ifd.first_directory(data)
    return data


def replace_exif(data: bytes, block: bytes) -> bytes:
    """Return the block: it is the file, edited in place."""
    return block


def has_several_pages(data: bytes) -> bool:
    """Whether another directory follows the first."""
    return ifd.first_directory(data).next != 0


def write_xmp(data: bytes, packet: bytes) -> bytes:
    """Append the packet and point field 700 to it."""
    order = ifd.byte_order(data)
    first = ifd.first_directory(data)
    body = data + b"\x00" * (len(data) % 2)  # offsets must be even (TIFF 6.0, section 2)
    field = struct.pack(order + "HHII", _XMP_TAG, _BYTE, len(packet), len(body))
    body += packet + b"\x00" * (len(packet) % 2)
    if len(body) + 12 * (len(first.entries) + 1) + 6 > 0xFFFFFFFF:
        raise Undecodable("the TIFF would grow past the 4 GB that its offsets can reach")
    if len(packet) <= 4:
        raise Undecodable("an XMP packet of four bytes or less is none")
    for entry in first.entries:
        if entry.tag == _XMP_TAG:
            return body[: entry.at] + field + body[entry.at + 12 :]
    raws = [*(entry.raw for entry in first.entries), field]
    fields = sorted(raws, key=lambda raw: int(struct.unpack_from(order + "H", raw)[0]))
    table = struct.pack(order + "H", len(fields)) + b"".join(fields) + struct.pack(order + "I", first.next)
    return body[:4] + struct.pack(order + "I", len(body)) + body[8:] + table
