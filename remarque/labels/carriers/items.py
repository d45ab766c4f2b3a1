"""The item tables of an ISO base media ``meta`` box: which items there are, where their bytes lie, what they describe.

ISO/IEC 14496-12: iinf and infe 8.11.6, iloc 8.11.3, iref 8.11.12. Each table has a reader and a writer that are inverse
on what they keep; iloc is written in one canonical form with absolute offsets.
"""

from dataclasses import dataclass, replace

from remarque.errors import Undecodable
from remarque.labels.carriers.boxes import Box, Numbers, box, boxes, full_box

_NO_FLAGS = bytes(3)


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of iinf. ``raw`` is the whole infe box."""

    id: int
    kind: bytes
    content_type: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of bytes: ``offset`` from the file's start (method 0) or from the idat's (method 1)."""

    offset: int
    length: int
    index: int = 0


@dataclass(frozen=True, slots=True)
class Location:
    """Where one item's bytes lie. ``method`` is 0 file, 1 idat, 2 another item."""

    id: int
    method: int
    data_reference: int
    extents: tuple[Extent, ...]

    def moved(self, after: int, by: int) -> "Location":
        """The same bytes after everything from file offset ``after`` on has moved ``by`` bytes."""
        if self.method != 0 or self.data_reference != 0:
            return self
        return replace(
            self, extents=tuple(replace(e, offset=e.offset + by) if e.offset >= after else e for e in self.extents)
        )


def read_items(body: bytes) -> tuple[Item, ...]:
    """Read the content of an iinf box."""
    numbers = Numbers(body)
    version = numbers.take(1)
    numbers.take_bytes(3)
    count = numbers.take(2 if version == 0 else 4)
    rest = numbers.rest()
    items = tuple(_read_item(rest, one) for one in boxes(rest, 0, len(rest)))
    if len(items) != count:
        raise Undecodable("the item table does not hold as many items as it says")
    return items


def write_items(items: tuple[Item, ...]) -> bytes:
    """Write an iinf box."""
    version, width = (0, 2) if len(items) <= 0xFFFF else (1, 4)
    return full_box(
        b"iinf", version, _NO_FLAGS, len(items).to_bytes(width, "big") + b"".join(item.raw for item in items)
    )


def new_item(identifier: int, content_type: bytes) -> Item:
    """A ``mime`` item of that content type, without a name or an encoding."""
    version, width = (2, 2) if identifier <= 0xFFFF else (3, 4)
    body = identifier.to_bytes(width, "big") + b"\x00\x00" + b"mime" + b"\x00" + content_type + b"\x00"
    return Item(identifier, b"mime", content_type, full_box(b"infe", version, _NO_FLAGS, body))


def read_locations(body: bytes) -> tuple[Location, ...]:
    """Read the content of an iloc box; base offsets are added to the extents."""
    numbers = Numbers(body)
    version = numbers.take(1)
    if version > 2:
        raise Undecodable("the item locations have a version that is not known")
    numbers.take_bytes(3)
    sizes = numbers.take(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 0xF for shift in (12, 8, 4, 0))
    if version == 0:
        index_size = 0
    if not {offset_size, length_size, base_size, index_size} <= {0, 4, 8}:
        raise Undecodable("the item locations have field sizes that do not exist")
    wide = 4 if version == 2 else 2
    locations = []
    for _ in range(numbers.take(wide)):
        identifier = numbers.take(wide)
        method = numbers.take(2) & 0xF if version else 0
        reference, base = numbers.take(2), numbers.take(base_size)
        extents = tuple(
            # The index comes first in the file; the keyword order here is the reading order.
            Extent(
                index=numbers.take(index_size),
                offset=base + numbers.take(offset_size),
                length=numbers.take(length_size),
            )
            for _ in range(numbers.take(2))
        )
        locations.append(Location(identifier, method, reference, extents))
    numbers.done()
    return tuple(locations)


def write_locations(locations: tuple[Location, ...]) -> bytes:
    """Write an iloc box: no base offsets, four-byte fields where they suffice, the oldest version that can say it."""
    largest = max((max(e.offset, e.length) for one in locations for e in one.extents), default=0)
    size = 4 if largest <= 0xFFFFFFFF else 8
    indexed = 4 if any(e.index for one in locations for e in one.extents) else 0
    version = 0
    if indexed or any(one.method for one in locations):
        version = 1
    if len(locations) > 0xFFFF or any(one.id > 0xFFFF for one in locations):
        version = 2
    wide = 4 if version == 2 else 2
    parts = [(size << 12 | size << 8 | indexed).to_bytes(2, "big"), len(locations).to_bytes(wide, "big")]
    for one in locations:
        parts.append(one.id.to_bytes(wide, "big"))
        if version:
            parts.append(one.method.to_bytes(2, "big"))
        parts += [one.data_reference.to_bytes(2, "big"), len(one.extents).to_bytes(2, "big")]
        for e in one.extents:
            parts += [e.index.to_bytes(indexed, "big"), e.offset.to_bytes(size, "big"), e.length.to_bytes(size, "big")]
    return full_box(b"iloc", version, _NO_FLAGS, b"".join(parts))


def add_description(body: bytes | None, item: int, described: int) -> bytes:
    """Write an iref box: the content of the old one, if any, and a ``cdsc`` from ``item`` to ``described``."""
    version = body[0] if body else int(max(item, described) > 0xFFFF)
    width = 4 if version else 2
    if max(item, described) >= 1 << 8 * width:
        raise Undecodable("the item references cannot name an item of that number")
    old = body[4:] if body else b""
    one = box(b"cdsc", item.to_bytes(width, "big") + b"\x00\x01" + described.to_bytes(width, "big"))
    return full_box(b"iref", version, _NO_FLAGS, old + one)


def _read_item(data: bytes, one: Box) -> Item:
    if one.kind != b"infe":
        raise Undecodable("the item table holds something that is no item")
    numbers = Numbers(data[one.body : one.end])
    version = numbers.take(1)
    numbers.take_bytes(3)
    raw = data[one.start : one.end]
    if version < 2:  # no item type in these; HEIF asks for version 2 and later (ISO/IEC 23008-12, 10.2.1)
        return Item(numbers.take(2), b"", b"", raw)
    identifier = numbers.take(2 if version == 2 else 4)
    numbers.take_bytes(2)
    kind = numbers.take_bytes(4)
    texts = numbers.rest().split(b"\x00")
    return Item(identifier, kind, texts[1] if kind == b"mime" and len(texts) > 1 else b"", raw)
