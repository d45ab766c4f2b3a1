"""The few EXIF fields that generators use: Make, Model, Software, UserComment (Exif 2.32, 4.6.4 and 4.6.5)."""

import struct

from remarque.labels.carriers import ifd

_DIRECTORY = 0x8769
_USER_COMMENT = 0x9286
_NAMES = {0x010F: "Make", 0x0110: "Model", 0x0131: "Software", _USER_COMMENT: "UserComment"}


def read(block: bytes) -> dict[str, str]:
    """Return those of the four that are there, as text. Raises Undecodable if the structure is broken."""
    order = ifd.byte_order(block)
    first = ifd.first_directory(block)
    entries = list(first.entries)
    for entry in first.entries:
        if entry.tag == _DIRECTORY and entry.kind == 4 and entry.number == 1:
            (at,) = struct.unpack_from(order + "I", entry.raw, 8)
            entries += ifd.directory(block, order, at).entries
    found: dict[str, str] = {}
    for entry in entries:
        if name := _NAMES.get(entry.tag):
            value = ifd.value(block, order, entry)
            found.setdefault(name, _comment(value) if entry.tag == _USER_COMMENT else _plain(value))
    return found


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
