"""XMP and EXIF in AVIF and HEIC: items of the ``meta`` box (ISO/IEC 23008-12, annex A; ISO/IEC 14496-12, 8.11).

XMP is a ``mime`` item of type application/rdf+xml that describes the primary item, EXIF an ``Exif`` item. A new packet
goes into a new mdat at the end of the file; where meta grows, every offset that points behind it is moved: item
locations, and the chunk tables of image sequences.
"""

import struct

from remarque.errors import Undecodable
from remarque.labels.carriers import items
from remarque.labels.carriers.boxes import Box, Numbers, box, boxes

_XMP_TYPE = b"application/rdf+xml"
#: The boxes that lead from moov to the chunk tables.
_ON_THE_WAY = frozenset({b"trak", b"mdia", b"minf", b"stbl"})
#: Movie fragments carry offsets of their own; no still picture has them.
_NOT_MOVED = frozenset({b"moof", b"sidx", b"mfra"})


def read_xmp(data: bytes) -> bytes | None:
    """Return the XMP packet that describes the picture."""
    meta = _Meta(data)
    found = meta.xmp_item()
    return None if found is None else meta.content(found.id)


def read_exif(data: bytes) -> bytes | None:
    """Return the EXIF block; its item begins with the distance to the byte order mark."""
    meta = _Meta(data)
    item = meta.exif_item()
    if item is None:
        return None
    content = meta.content(item.id)
    start = 4 + int.from_bytes(content[:4], "big")
    if start >= len(content):
        raise Undecodable("the EXIF item is shorter than it says")
    return content[start:]


def replace_exif(data: bytes, block: bytes) -> bytes:
    """Put a block of the same length in the place of the one that is there."""
    meta = _Meta(data)
    item = meta.exif_item()
    if item is None:
        raise Undecodable("the file holds no EXIF")
    content = meta.content(item.id)
    rest = content[: len(content) - len(block)] + block
    edited = bytearray(data)
    for at, length in meta.spans(item.id):
        edited[at : at + length], rest = rest[:length], rest[length:]
    return bytes(edited)


def write_xmp(data: bytes, packet: bytes) -> bytes:
    """Add or replace the XMP item. An old packet stays as unused bytes, unless it stands alone at the end."""
    meta = _Meta(_without_last_packet(data))
    data, last = meta.data, meta.top[-1]
    if meta.top_unknown_offsets():
        raise Undecodable("the file is fragmented like a stream; its offsets cannot be moved")
    found = meta.xmp_item()
    identifier = found.id if found else max((item.id for item in meta.items), default=0) + 1
    table = meta.items if found else (*meta.items, items.new_item(identifier, _XMP_TYPE))
    others = tuple(one for one in meta.locations if one.id != identifier)
    # How much meta grows does not depend on the offsets' values, but for the step from four bytes to eight.
    placed = items.Location(identifier, 0, 0, (items.Extent(len(data), len(packet)),))
    growth = len(meta.rebuilt(table, (*others, placed), identifier, new=found is None)) - (
        meta.box.end - meta.box.start
    )
    end = meta.box.end
    moved = tuple(one.moved(end, growth) for one in others)
    placed = items.Location(identifier, 0, 0, (items.Extent(len(data) + growth + 8, len(packet)),))
    rebuilt = meta.rebuilt(table, (*moved, placed), identifier, new=found is None)
    if len(rebuilt) != growth + end - meta.box.start:
        raise Undecodable("the file is too large for its item locations")
    rest = _with_moved_chunks(data, meta.top, end, growth)
    closed = struct.pack(">I", last.end - last.start) if data[last.start : last.start + 4] == bytes(4) else None
    if closed and last.start >= end:  # the last box ran to the end of the file; now something follows
        rest[last.start : last.start + 4] = closed
    return bytes(rest[: meta.box.start]) + rebuilt + bytes(rest[end:]) + box(b"mdat", packet)


class _Meta:
    """The ``meta`` box of a file, with its tables read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.top = list(boxes(data, 0, len(data)))
        if not self.top or self.top[0].kind != b"ftyp":
            raise Undecodable("not an ISO media file: it does not begin with its type")
        self.box = _only(self.top, b"meta")
        self._children = list(boxes(data, self.box.body + 4, self.box.end))
        self.items = items.read_items(self._content_of(b"iinf"))
        self.locations = items.read_locations(self._content_of(b"iloc"))

    def top_unknown_offsets(self) -> bool:
        """Whether boxes are there whose offsets are not known here."""
        return any(one.kind in _NOT_MOVED for one in self.top)

    def xmp_item(self) -> items.Item | None:
        """The item that holds XMP."""
        return next((item for item in self.items if item.kind == b"mime" and item.content_type == _XMP_TYPE), None)

    def exif_item(self) -> items.Item | None:
        """The item that holds EXIF."""
        return next((item for item in self.items if item.kind == b"Exif"), None)

    def content(self, identifier: int) -> bytes:
        """The bytes of one item, its extents joined."""
        return b"".join(self.data[at : at + length] for at, length in self.spans(identifier))

    def spans(self, identifier: int) -> list[tuple[int, int]]:
        """Where in the file the bytes of one item lie: start and length of each run."""
        location = next((one for one in self.locations if one.id == identifier), None)
        if location is None or location.data_reference != 0 or location.method > 1:
            raise Undecodable("the bytes of a metadata item are not in this file")
        start, end = 0, len(self.data)
        if location.method == 1:
            start, end = _only(self._children, b"idat")[1:3]
        if any(start + e.offset + e.length > end for e in location.extents):
            raise Undecodable("the bytes of a metadata item lie outside the file")
        return [(start + e.offset, e.length) for e in location.extents]

    def rebuilt(
        self, table: tuple[items.Item, ...], locations: tuple[items.Location, ...], described_by: int, *, new: bool
    ) -> bytes:
        """The meta box with these tables; a new item is said to describe the primary one."""
        fresh = {b"iinf": items.write_items(table), b"iloc": items.write_locations(locations)}
        if new:
            fresh[b"iref"] = items.add_description(self._content_or_none(b"iref"), described_by, self._primary())
        parts = [self.data[self.box.body : self.box.body + 4]]
        for child in self._children:
            parts.append(fresh.pop(child.kind, b"") or self.data[child.start : child.end])
        return box(b"meta", b"".join([*parts, *fresh.values()]))

    def _primary(self) -> int:
        numbers = Numbers(self._content_of(b"pitm"))
        version = numbers.take(1)
        numbers.take_bytes(3)
        return numbers.take(2 if version == 0 else 4)

    def _content_of(self, kind: bytes) -> bytes:
        one = _only(self._children, kind)
        return self.data[one.body : one.end]

    def _content_or_none(self, kind: bytes) -> bytes | None:
        return self._content_of(kind) if any(child.kind == kind for child in self._children) else None


def _without_last_packet(data: bytes) -> bytes:
    """The file without the mdat at its end, if that holds the XMP item and nothing else (as written here)."""
    meta = _Meta(data)
    last, found = meta.top[-1], meta.xmp_item()
    whole = (items.Extent(last.body, last.end - last.body),)
    alone = any(one.id == found.id and one.method == 0 and one.extents == whole for one in meta.locations if found)
    return data[: last.start] if alone and last.kind == b"mdat" and last.start >= meta.box.end else data


def _only(found: list[Box], kind: bytes) -> Box:
    of_kind = [one for one in found if one.kind == kind]
    if len(of_kind) != 1:
        raise Undecodable(f"the file does not have exactly one {kind.decode('latin-1')} box")
    return of_kind[0]


def _with_moved_chunks(data: bytes, top: list[Box], after: int, by: int) -> bytearray:
    """The file with the chunk offsets of its tracks (stco, co64) moved in place where they point behind ``after``."""
    moved = bytearray(data)
    waiting = [one for one in top if one.kind == b"moov"]
    while waiting:
        for child in boxes(data, *waiting.pop()[1:3]):
            if child.kind in _ON_THE_WAY:
                waiting.append(child)
            elif child.kind in (b"stco", b"co64"):
                _move_table(moved, child, after, by)
    return moved


def _move_table(data: bytearray, table: Box, after: int, by: int) -> None:
    width, form = (4, ">I") if table.kind == b"stco" else (8, ">Q")
    if table.end - table.body < 8:
        raise Undecodable("a chunk table breaks off")
    (count,) = struct.unpack_from(">I", data, table.body + 4)
    if table.body + 8 + count * width != table.end:
        raise Undecodable("a chunk table does not hold as many offsets as it says")
    for at in range(table.body + 8, table.end, width):
        (offset,) = struct.unpack_from(form, data, at)
        if offset >= after:
            if offset + by >= 1 << 8 * width:
                raise Undecodable("the file would grow past what its chunk table can reach")
            struct.pack_into(form, data, at, offset + by)
