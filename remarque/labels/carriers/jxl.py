"""XMP and EXIF in JPEG XL: boxes ``xml `` and ``Exif`` of the container (ISO/IEC 18181-2, 9).

A naked codestream has no place for either; writing puts it, byte for byte, into a container. Boxes that are compressed
with Brotli (``brob``) are recognised and cannot be read here: they are Undecodable, which is not the same as absent.
"""

from remarque.errors import Undecodable
from remarque.fingerprints.containers import JXL_CODESTREAM, JXL_CONTAINER
from remarque.labels.carriers.boxes import Box, box, boxes

_FILE_TYPE = box(b"ftyp", b"jxl \x00\x00\x00\x00jxl ")
_PICTURE = (b"jxlc", b"jxlp")


def read_xmp(data: bytes) -> bytes | None:
    """Return the XMP packet. Raises Undecodable if it is compressed."""
    return _content(data, b"xml ")


def read_exif(data: bytes) -> bytes | None:
    """Return the EXIF block; its box begins with the distance to the byte order mark, which pillow-jxl leaves out."""
    content = _content(data, b"Exif")
    if content is None or content.startswith((b"II*\x00", b"MM\x00*")):
        return content
    start = 4 + int.from_bytes(content[:4], "big")
    if start >= len(content):
        raise Undecodable("the EXIF box is shorter than it says")
    return content[start:]


def write_xmp(data: bytes, packet: bytes) -> bytes:
    """Put the packet where one is, else before the picture; others go, compressed ones too.

    Where a packet is replaced, ``jbrd`` goes too: it says how to restore the JPEG that the file was made of, old packet
    included, and decoders fail on one that does not fit. The picture itself does not depend on it.
    """
    if data.startswith(JXL_CODESTREAM):
        return JXL_CONTAINER + _FILE_TYPE + box(b"xml ", packet) + box(b"jxlc", data)
    found = _boxes(data)
    replaced = [one for one in found if _inner_kind(data, one) == b"xml "]
    if not replaced:
        replaced = [next(one for one in found if one.kind in _PICTURE)]
        at = replaced[0].start
        return data[:at] + box(b"xml ", packet) + data[at:]
    parts = []
    for one in found:
        if one is replaced[0]:
            parts.append(box(b"xml ", packet))
        elif one not in replaced and one.kind != b"jbrd":
            parts.append(data[one.start : one.end])
    return b"".join(parts)


def replace_exif(data: bytes, block: bytes) -> bytes:
    """Put a block of the same length in the place of the one that is there."""
    for one in _boxes(data):
        if one.kind == b"Exif":
            return data[: one.end - len(block)] + block + data[one.end :]
    raise Undecodable("the JPEG XL holds no EXIF")


def _content(data: bytes, kind: bytes) -> bytes | None:
    if data.startswith(JXL_CODESTREAM):
        return None
    for one in _boxes(data):
        if _inner_kind(data, one) == kind:
            if one.kind == b"brob":
                raise Undecodable("the metadata of the JPEG XL is compressed with Brotli, which is not read here")
            return data[one.body : one.end]
    return None


def _boxes(data: bytes) -> list[Box]:
    if not data.startswith(JXL_CONTAINER):
        raise Undecodable("not a JPEG XL: the signature is missing")
    found = list(boxes(data, 0, len(data)))
    if len(found) < 2 or found[1].kind != b"ftyp" or data[found[1].body : found[1].body + 4] != b"jxl ":
        raise Undecodable("the JPEG XL container does not name its type")
    if not any(one.kind in _PICTURE for one in found):
        raise Undecodable("the JPEG XL holds no picture")
    return found


def _inner_kind(data: bytes, one: Box) -> bytes:
    """The kind of a box, or of what a compressed box holds."""
    return data[one.body : one.body + 4] if one.kind == b"brob" else one.kind
