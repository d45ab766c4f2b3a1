"""XMP in SVG: the packet stands in a ``metadata`` element of the root (XMP specification 3, 1.1.9; SVG 1.1, 21.2).

The text is edited, not written anew: expat says where elements begin, and every byte outside the packet stays. Only
UTF-8 is read. Entities and internal DTD subsets are refused; a bare DOCTYPE, which many drawing programs write, is not:
nothing is loaded for it.
"""

import re
from typing import NamedTuple
from xml.parsers.expat import ExpatError, ParserCreate

from remarque.errors import Undecodable

#: Where a start tag ends: attribute values may hold ``>``.
_START_TAG = re.compile(rb"<[^\s/>\"']+(?:[^\"'>]|\"[^\"]*\"|'[^']*')*?(/?)>")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_PACKET_BEGIN = re.compile(rb"<\?xpacket\s+begin=[^>]*\?>\s*\Z")
_PACKET_END = re.compile(rb"\s*<\?xpacket\s+end=[^>]*\?>")


class _Found(NamedTuple):
    """Byte positions: of the root's start tag, of the first metadata element's, and of the packet (first, behind)."""

    root: int
    metadata: int | None
    packet: tuple[int, int] | None


def read_xmp(data: bytes) -> bytes | None:
    """Return the XMP packet, its frame of processing instructions included."""
    found = _locate(data)
    return None if found.packet is None else data[slice(*found.packet)]


def read_exif(data: bytes) -> None:
    """SVG has no place for EXIF. Parses the text all the same: what is broken is Undecodable."""
    _locate(data)


def write_xmp(data: bytes, packet: bytes) -> bytes:
    """Put the packet where one is, else first into the root's metadata, which is made if there is none."""
    found = _locate(data)
    if found.packet is not None:
        start, end = found.packet
        return data[:start] + packet + data[end:]
    if found.metadata is not None:
        return _inside(data, found.metadata, packet)
    prefix, colon, _ = _name(data, found.root).rpartition(b":")
    tag = prefix + colon + b"metadata"
    return _inside(data, found.root, b"<" + tag + b">" + packet + b"</" + tag + b">")


def _inside(data: bytes, at: int, text: bytes) -> bytes:
    """The file with ``text`` as the first content of the element whose start tag is at ``at``."""
    tag = _START_TAG.match(data, at)
    if tag is None:
        raise Undecodable("a tag of the SVG has no end")
    if not tag[1]:
        return data[: tag.end()] + text + data[tag.end() :]
    return data[: tag.end() - 2] + b">" + text + b"</" + _name(data, at) + b">" + data[tag.end() :]


def _name(data: bytes, at: int) -> bytes:
    return re.split(rb"[\s/>]", data[at + 1 : at + 200], maxsplit=1)[0]


def _locate(data: bytes) -> _Found:
    """Parse the file once. Raises Undecodable if it is not well formed, not UTF-8, or no SVG."""
    if data.startswith(_UTF16_MARKS):  # expat would follow it
        raise Undecodable("the SVG is in another encoding than UTF-8")
    finder = _Finder()
    try:
        finder.parser.Parse(data, True)
    except ExpatError as error:
        raise Undecodable("the SVG is not well-formed XML in UTF-8") from error
    if finder.root is None:
        raise Undecodable("not an SVG: the root is another element")
    return _Found(finder.root, finder.metadata, finder.packet(data))


class _Finder:
    """Notes where things begin while expat parses. Names are taken as written: prefixes may lack a declaration."""

    def __init__(self) -> None:
        self.parser = ParserCreate("UTF-8")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.XmlDeclHandler = self._declaration
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = _refuse
        self.parser.ExternalEntityRefHandler = _refuse
        self.parser.SkippedEntityHandler = _refuse
        self.root: int | None = None
        self.metadata: int | None = None
        self._path: list[str] = []
        self._inner: list[int] = []  # where the packet's outer element begins, and where its end tag does
        self._depth = 0  # of that element

    def packet(self, data: bytes) -> tuple[int, int] | None:
        """The span of the packet, with the processing instructions around it where both are there."""
        if len(self._inner) != 2:
            return None
        start, end = self._inner
        tag = _START_TAG.match(data, start)
        end = tag.end() if tag and tag[1] else data.index(b">", end) + 1  # an empty element has no end tag
        before, after = _PACKET_BEGIN.search(data, max(0, start - 200), start), _PACKET_END.match(data, end)
        return (before.start(), after.end()) if before and after else (start, end)

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        at = self.parser.CurrentByteIndex
        if not self._path:
            if local != "svg":
                raise Undecodable("not an SVG: the root is another element")
            self.root = at
        elif self._path == ["svg"] and local == "metadata" and self.metadata is None:
            self.metadata = at
        elif self._path[:2] == ["svg", "metadata"] and local == "xmpmeta" and not self._inner:
            self._inner.append(at)
            self._depth = len(self._path)
        self._path.append(local)

    def _end(self, _name: str) -> None:
        self._path.pop()
        if len(self._inner) == 1 and len(self._path) == self._depth:
            self._inner.append(self.parser.CurrentByteIndex)

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            raise Undecodable("the SVG is in another encoding than UTF-8")

    def _doctype(self, _name: str, _system: str | None, _public: str | None, has_internal_subset: bool) -> None:
        if has_internal_subset:
            _refuse()


def _refuse(*_: object) -> int:
    raise Undecodable("the SVG declares entities or a document type of its own, which is not read here")
