"""The few EXIF fields that generators use (Exif 2.32, 4.6.4 and 4.6.5): reading them as text, taking them out."""

import struct
from collections.abc import Callable, Iterator

from remarque.errors import Undecodable
from remarque.labels.carriers import ifd

_DIRECTORY = 0x8769
_USER_COMMENT = 0x9286
_NAMES = {
    0x010D: "DocumentName",
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    _USER_COMMENT: "UserComment",
}


def read(block: bytes) -> dict[str, str]:
    """Return those fields that are there, as text. Raises Undecodable if the structure is broken."""
    order = ifd.byte_order(block)
    found: dict[str, str] = {}
    for directory in _directories(block, order):
        for entry in directory.entries:
            if name := _NAMES.get(entry.tag):
                found.setdefault(name, _text(block, order, entry))
    return found


def without(block: bytes, drop: Callable[[str, str], bool]) -> bytes:
    """Return the block without those fields for which ``drop(name, text)`` is true.

    The block keeps its length and every other value its place, so that offsets inside it, a maker's note's too, stay
    true; what was there is zero afterwards. Raises Undecodable if the structure is broken, or if a value to be removed
    overlaps something that stays.
    """
    order = ifd.byte_order(block)
    cleared = bytearray(block)
    kept: list[range] = [range(8)]
    gone: list[range] = []
    for number, directory in enumerate(_directories(block, order)):
        # Only the first directory has a next one; some writers let the values of the other begin at that place.
        next_one = struct.pack(order + "I", directory.next) if number == 0 else b""
        whole = range(directory.at, directory.at + 2 + 12 * len(directory.entries) + len(next_one))
        kept.append(whole)
        staying = []
        for entry in directory.entries:
            name = _NAMES.get(entry.tag)
            dropped = name is not None and drop(name, _text(block, order, entry))
            (gone if dropped else kept).extend(ifd.outside(order, entry))
            if not dropped:
                staying.append(entry.raw)
        if len(staying) < len(directory.entries):
            table = struct.pack(order + "H", len(staying)) + b"".join(staying) + next_one
            cleared[whole.start : whole.stop] = table.ljust(len(whole), b"\x00")
    for span in gone:
        if any(span.start < other.stop and other.start < span.stop for other in kept):
            raise Undecodable("an EXIF value shares its bytes with another")
        cleared[span.start : span.stop] = bytes(len(span))
    return bytes(cleared)


def _directories(block: bytes, order: str) -> Iterator[ifd.Directory]:
    """The first directory, and the EXIF directory that it points to."""
    first = ifd.first_directory(block)
    yield first
    for entry in first.entries:
        if entry.tag == _DIRECTORY and entry.kind == 4 and entry.number == 1:
            (at,) = struct.unpack_from(order + "I", entry.raw, 8)
            yield ifd.directory(block, order, at)


def _text(block: bytes, order: str, entry: ifd.Entry) -> str:
    value = ifd.value(block, order, entry)
    return _comment(value) if entry.tag == _USER_COMMENT else _plain(value)


def _plain(value: bytes) -> str:
    return value.rstrip(b"\x00 ").decode("utf-8", "replace")


def _comment(value: bytes) -> str:
    """A comment begins with eight bytes that name its encoding; UNICODE is UTF-16 of either order."""
    code, rest = value[:8], value[8:]
    if code != b"UNICODE\x00":
        return _plain(rest if code in (b"ASCII\x00\x00\x00", bytes(8)) else value)
    # Generators write Latin text: the order that puts zeros into the high bytes is the one that was meant.
    big = rest[0::2].count(0) >= rest[1::2].count(0)
    return rest.decode("utf-16-be" if big else "utf-16-le", "replace").rstrip("\x00 ")
