"""Where the bytes of a manifest store lie in a file, and writing a store of the same length in its place.

In most formats the store lies in one piece (PNG adds a checksum behind it). JPEG cuts it into APP11 segments, each with
a header and, from the second on, the first eight bytes of the store again (ISO/IEC 19566-5, annex D); GIF into
sub-blocks of 255 bytes; SVG holds it as base64.

Nothing is parsed here: the store holds a fresh random identifier, so its bytes can be searched for. A hostile file can
be made of anything but copies of what did not exist when it was made.
"""

import base64
import zlib
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from remarque.errors import Undecodable

Form = Literal["bytes", "base64", "checksum"]

_JPEG, _PNG, _GIF, _SVG = "image/jpeg", "image/png", "image/gif", "image/svg+xml"
#: A JUMBF segment of a JPEG: marker, length (2 bytes), "JP", box instance (2), packet number (4), then the box.
_APP11, _JUMBF = b"\xff\xeb", b"JP"
_MARKER, _LENGTH, _JUMBF_HEADER, _BOX_HEADER = 2, 2, 12, 8
_GIF_OPENING = b"!\xff\x0bC2PA_GIF\x01\x00\x00"
#: The chunk of a PNG that holds the store (C2PA 2.4, "Embedding manifests into PNG").
_PNG_CHUNK = b"caBX"


class Fragment(NamedTuple):
    """``store[start:stop]`` stands at ``at`` of the file: as it is, or as base64; or its PNG chunk's checksum does."""

    at: int
    start: int
    stop: int
    form: Form = "bytes"


def fragments(data: bytes, mime: str, store: bytes) -> tuple[Fragment, ...]:
    """Where every byte of ``store`` lies in ``data``, in the order of the file.

    Raises Undecodable unless the store is there exactly once.
    """
    if mime == _JPEG:
        found = _in_segments(data, store)
    elif mime == _GIF:
        found = _in_sub_blocks(data, store)
    elif mime == _SVG:
        found = [[Fragment(at, 0, len(store), "base64")] for at in _places(data, base64.b64encode(store))]
    else:
        found = [[Fragment(at, 0, len(store))] for at in _places(data, store)]
    if len(found) != 1:
        raise Undecodable("the manifest that was written is not found in the file, or is there more than once")
    only = found[0]
    if mime == _PNG:
        only = [*only, Fragment(only[0].at + len(store), 0, len(store), "checksum")]
    return tuple(only)


def replaced(data: bytes, places: Sequence[Fragment], store: bytes) -> bytes:
    """The file with another store, of the same length, at these places."""
    pieces: list[bytes | memoryview] = []
    whole = memoryview(data)
    end = 0
    for place in places:
        written = _written(place, store)
        pieces += [whole[end : place.at], written]
        end = place.at + len(written)
    return b"".join([*pieces, whole[end:]])


def _written(place: Fragment, store: bytes) -> bytes:
    part = store[place.start : place.stop]
    if place.form == "base64":
        return base64.b64encode(part)
    if place.form == "checksum":
        return zlib.crc32(_PNG_CHUNK + part).to_bytes(4, "big")
    return part


def _places(data: bytes, needle: bytes) -> Iterator[int]:
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)


def _in_segments(data: bytes, store: bytes) -> list[list[Fragment]]:
    """The store in the segments of a JPEG, as often as it is there."""
    found: list[list[Fragment]] = []
    pieces: list[Fragment] = []
    for at in _places(data, _APP11):
        if not data.startswith(_JUMBF, at + _MARKER + _LENGTH):
            continue
        begin = at + _JUMBF_HEADER
        stop = at + _MARKER + int.from_bytes(data[at + _MARKER : at + _MARKER + _LENGTH], "big")
        position = pieces[-1].stop if pieces else 0
        if position == 0:
            first = Fragment(begin, 0, stop - begin)
        else:
            first = Fragment(begin + _BOX_HEADER, position, position + stop - begin - _BOX_HEADER)
        repeated = data[begin : begin + _BOX_HEADER] == store[:_BOX_HEADER]
        if repeated and first.stop > first.start and data[first.at : stop] == store[first.start : first.stop]:
            pieces.append(first)
            if first.stop == len(store):
                found.append(pieces)
                pieces = []
    return found


def _in_sub_blocks(data: bytes, store: bytes) -> list[list[Fragment]]:
    """The store in the application extensions of a GIF, as often as it is there."""
    found = []
    for opening in _places(data, _GIF_OPENING):
        at, position = opening + len(_GIF_OPENING), 0
        pieces: list[Fragment] = []
        while size := int.from_bytes(data[at : at + 1], "big"):  # a size of zero ends them
            piece = Fragment(at + 1, position, position + size)
            if data[piece.at : piece.at + size] != store[position : piece.stop]:
                break
            pieces.append(piece)
            at, position = at + 1 + size, piece.stop
        if position == len(store) and data[at : at + 1] == b"\0":
            found.append(pieces)
    return found
