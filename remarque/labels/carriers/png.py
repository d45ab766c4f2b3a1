"""XMP, EXIF and text in PNG: iTXt ``XML:com.adobe.xmp``, eXIf, tEXt, zTXt (PNG 3rd edition, 11.3; XMP specification 3).

CRCs are checked for the chunks that are used; pixel chunks are stepped over.
"""

import re
import struct
import zlib
from collections.abc import Collection, Iterator
from typing import NamedTuple

from remarque.errors import InvalidLabelRequest, Undecodable

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = b"XML:com.adobe.xmp"
#: A compressed text may grow to this; the workflows that generators store were seen up to 0.6 MB.
_MAX_TEXT = 8 << 20
#: Printable Latin-1, no space at either end (PNG 3rd edition, 11.3.3.1).
_KEYWORD = re.compile(r"(?! )[ -~\xa1-\xff]{1,79}(?<! )")
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


class _Chunk(NamedTuple):
    start: int
    end: int
    kind: bytes


def read_xmp(data: bytes) -> bytes | None:
    """Return the XMP packet, inflated if it was stored compressed."""
    for chunk in _chunks(data):
        if _is_xmp(data, chunk):
            return _international(_body(data, chunk))[1]
    return None


def read_exif(data: bytes) -> bytes | None:
    """Return the eXIf block."""
    for chunk in _chunks(data):
        if chunk.kind == b"eXIf":
            return _body(data, chunk)
    return None


def read_text(data: bytes) -> dict[str, str]:
    """Return every keyword with its text, from tEXt, zTXt and iTXt but XMP; the first of equal keywords counts."""
    found: dict[str, str] = {}
    for keyword, text in texts(data):
        found.setdefault(keyword, text)
    return found


def texts(data: bytes) -> list[tuple[str, str]]:
    """Return all keywords with their texts in file order, equal keywords as often as they are there."""
    return [(keyword, text) for _, keyword, text in _texts(data)]


def write_text(data: bytes, keyword: str, text: str) -> bytes:
    """Put a tEXt chunk before the first IDAT; text chunks of that keyword that were there go.

    The standard knows Latin-1 here alone. Other text is written in UTF-8, as generators do and ``read_text`` expects;
    whoever can should send ASCII (JSON can be escaped). Raises InvalidLabelRequest for what does not fit.
    """
    if not _KEYWORD.fullmatch(keyword) or _NOT_TEXT.search(text):
        raise InvalidLabelRequest(
            "a PNG keyword has 1 to 79 letters without spaces around them, its text no zeros or half characters"
        )
    data = without_text(data, {keyword})
    body = keyword.encode("latin-1") + b"\x00" + text.encode()
    for old in _chunks(data):
        if old.kind == b"IDAT":
            return data[: old.start] + _chunk(b"tEXt", body) + data[old.start :]
    raise Undecodable("the PNG holds no picture")


def without_text(data: bytes, keywords: Collection[str]) -> bytes:
    """Return the file without the text chunks of these keywords; XMP is none of them."""
    parts, kept_from = [], 0
    for chunk, keyword, _ in _texts(data):
        if keyword in keywords:
            parts.append(data[kept_from : chunk.start])
            kept_from = chunk.end
    return b"".join([*parts, data[kept_from:]])


def _texts(data: bytes) -> Iterator[tuple[_Chunk, str, str]]:
    for chunk in _chunks(data):
        if chunk.kind in (b"tEXt", b"zTXt"):
            keyword, separator, rest = _body(data, chunk).partition(b"\x00")
            if not separator:
                raise Undecodable("a PNG text chunk has no keyword")
            # Latin-1 is what the specification says; several generators write UTF-8 all the same.
            text = rest if chunk.kind == b"tEXt" else _inflate(rest[1:])
            yield chunk, keyword.decode("latin-1"), _lenient(text)
        elif chunk.kind == b"iTXt" and not _is_xmp(data, chunk):
            name, text = _international(_body(data, chunk))
            yield chunk, name.decode("latin-1"), text.decode("utf-8", "replace")


def has_manifest(data: bytes) -> bool:
    """Whether a C2PA manifest store is there (C2PA 2.4, "Embedding manifests into PNG")."""
    return any(chunk.kind == b"caBX" for chunk in _chunks(data))


def write_xmp(data: bytes, packet: bytes) -> bytes:
    """Put the packet before the first IDAT, uncompressed; packets that were there go."""
    body = _XMP_KEYWORD + b"\x00\x00\x00\x00\x00" + packet
    chunk = _chunk(b"iTXt", body)
    parts = [_SIGNATURE]
    placed = False
    kept_from = len(_SIGNATURE)
    for old in _chunks(data):
        if _is_xmp(data, old):
            parts.append(data[kept_from : old.start])
            kept_from = old.end
        elif old.kind == b"IDAT" and not placed:
            parts += [data[kept_from : old.start], chunk]
            kept_from, placed = old.start, True
    if not placed:
        raise Undecodable("the PNG holds no picture")
    return b"".join([*parts, data[kept_from:]])


def replace_exif(data: bytes, block: bytes) -> bytes:
    """Put the block in the place of the one that is there."""
    for chunk in _chunks(data):
        if chunk.kind == b"eXIf":
            return data[: chunk.start] + _chunk(b"eXIf", block) + data[chunk.end :]
    raise Undecodable("the PNG holds no EXIF")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Walk all chunks; IHDR comes first and IEND last. What follows IEND is not looked at."""
    if not data.startswith(_SIGNATURE):
        raise Undecodable("not a PNG: the signature is missing")
    position = len(_SIGNATURE)
    while True:
        if position + 12 > len(data):
            raise Undecodable("the PNG breaks off")
        (length,) = struct.unpack_from(">I", data, position)
        kind = data[position + 4 : position + 8]
        end = position + 12 + length
        if end > len(data):
            raise Undecodable("a PNG chunk is longer than the file")
        if (kind == b"IHDR") != (position == len(_SIGNATURE)):
            raise Undecodable("the PNG does not begin with its one header")
        yield _Chunk(position, end, kind)
        if kind == b"IEND":
            return
        position = end


def _is_xmp(data: bytes, chunk: _Chunk) -> bool:
    return chunk.kind == b"iTXt" and data.startswith(_XMP_KEYWORD + b"\x00", chunk.start + 8, chunk.end - 4)


def _body(data: bytes, chunk: _Chunk) -> bytes:
    body = data[chunk.start + 8 : chunk.end - 4]
    if zlib.crc32(chunk.kind + body) != struct.unpack_from(">I", data, chunk.end - 4)[0]:
        raise Undecodable(f"the checksum of a PNG {chunk.kind.decode('latin-1')} chunk is wrong")
    return body


def _international(body: bytes) -> tuple[bytes, bytes]:
    """Return keyword and text of an iTXt body."""
    keyword, separator, rest = body.partition(b"\x00")
    fields = rest[2:].split(b"\x00", 2)  # language tag, translated keyword, text
    if not separator or len(rest) < 2 or len(fields) != 3 or rest[0] > 1 or rest[1] != 0:
        raise Undecodable("a PNG iTXt chunk is not well formed")
    return keyword, _inflate(fields[2]) if rest[0] else fields[2]


def _inflate(packed: bytes) -> bytes:
    decompressor = zlib.decompressobj()
    try:
        text = decompressor.decompress(packed, _MAX_TEXT)
    except zlib.error as error:
        raise Undecodable("a compressed PNG text cannot be inflated") from error
    if not decompressor.eof:
        raise Undecodable("a compressed PNG text breaks off or is too long")
    return text


def _lenient(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")
