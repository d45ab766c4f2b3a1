"""The directory structure of TIFF, which EXIF blocks share (TIFF 6.0, section 2). Classic files of both byte orders."""

import struct
from typing import NamedTuple

from remarque.errors import Undecodable

#: Bytes of one value of each type, 1 BYTE to 13 IFD.
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}


class Entry(NamedTuple):
    """One field of a directory; ``raw`` is its twelve bytes, ``at`` where they stand."""

    tag: int
    kind: int
    number: int
    at: int
    raw: bytes


class Directory(NamedTuple):
    """One directory: its fields in file order, and the offset of the next one (0 = none)."""

    at: int
    entries: tuple[Entry, ...]
    next: int


def byte_order(data: bytes) -> str:
    """Return ``<`` or ``>`` as struct wants it. Raises Undecodable if this is no classic TIFF structure."""
    for mark, order in ((b"II*\x00", "<"), (b"MM\x00*", ">")):
        if data.startswith(mark):
            return order
    raise Undecodable("not a classic TIFF structure: the byte order mark is missing")


def first_directory(data: bytes) -> Directory:
    """Return the directory that the header points to."""
    order = byte_order(data)
    if len(data) < 8:
        raise Undecodable("the TIFF structure breaks off")
    return directory(data, order, struct.unpack_from(order + "I", data, 4)[0])


def directory(data: bytes, order: str, at: int) -> Directory:
    """Return the directory at ``at``; values are not looked at."""
    if at < 8 or at + 2 > len(data):
        raise Undecodable("a TIFF directory lies outside the file")
    (count,) = struct.unpack_from(order + "H", data, at)
    end = at + 2 + 12 * count
    if end + 4 > len(data):
        raise Undecodable("a TIFF directory is longer than the file")
    entries = []
    for position in range(at + 2, end, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, position)
        entries.append(Entry(tag, kind, number, position, data[position : position + 12]))
    return Directory(at, tuple(entries), struct.unpack_from(order + "I", data, end)[0])


def value(data: bytes, order: str, entry: Entry) -> bytes:
    """Return the bytes of a field's value. Raises Undecodable if they lie outside the file or the type is unknown."""
    if entry.kind not in _TYPE_SIZES:
        raise Undecodable("a TIFF field has a type that does not exist")
    length = _TYPE_SIZES[entry.kind] * entry.number
    if length <= 4:
        return entry.raw[8 : 8 + length]
    (at,) = struct.unpack_from(order + "I", entry.raw, 8)
    if at + length > len(data):
        raise Undecodable("a TIFF value lies outside the file")
    return data[at : at + length]


def outside(order: str, entry: Entry) -> list[range]:
    """Return where the value lies if it does not stand in the field itself; nothing for a type that does not exist."""
    length = _TYPE_SIZES.get(entry.kind, 0) * entry.number
    if length <= 4:
        return []
    (at,) = struct.unpack_from(order + "I", entry.raw, 8)
    return [range(at, at + length)]
