"""Where each file format keeps XMP and EXIF, edited at byte level.

Every carrier has three functions. ``read_xmp(data)`` and ``read_exif(data)`` return the packet (XML bytes) and the EXIF
block (a TIFF structure that begins with its byte order mark) or None. ``write_xmp(data, packet)`` returns the file with
that packet in place of the one it had, if any; coded pixels, ICC profile, EXIF and every other part keep their bytes.
All raise Undecodable on a container that is not well formed. Only the container is walked: no pixel is decoded.
"""

from collections.abc import Mapping
from typing import Protocol

from remarque.labels.carriers import avif, gif, jpeg, jxl, png, svg, tiff, webp


class Carrier(Protocol):
    """What each module of this package offers; ``read_exif`` finds nothing where the format has no place for EXIF."""

    def read_xmp(self, data: bytes) -> bytes | None: ...

    def read_exif(self, data: bytes) -> bytes | None: ...

    def write_xmp(self, data: bytes, packet: bytes) -> bytes: ...


class ExifCarrier(Protocol):
    """What those modules offer besides whose format has a place for EXIF."""

    def read_exif(self, data: bytes) -> bytes | None: ...

    def replace_exif(self, data: bytes, block: bytes) -> bytes:
        """Return the file with ``block``, of the same length, in place of what ``read_exif`` gives."""


#: The formats that can be labelled, by the names that C2PA has for them. HEIC and AVIF are the same container.
WRITABLE: Mapping[str, Carrier] = {
    "image/jpeg": jpeg,
    "image/png": png,
    "image/webp": webp,
    "image/avif": avif,
    "image/heic": avif,
    "image/tiff": tiff,
    "image/gif": gif,
    "image/svg+xml": svg,
    "image/jxl": jxl,
}

#: The formats whose EXIF can be edited in place.
EXIF_WRITABLE: Mapping[str, ExifCarrier] = {
    "image/jpeg": jpeg,
    "image/png": png,
    "image/webp": webp,
    "image/avif": avif,
    "image/heic": avif,
    "image/tiff": tiff,
    "image/jxl": jxl,
}

#: The formats whose metadata is read.
READABLE: Mapping[str, Carrier] = {**WRITABLE, "image/heif": avif}


def scan_for_packet(data: bytes) -> bytes | None:
    """Find an XMP packet in a format without a carrier here, by its outer element (XMP specification 3)."""
    start = data.find(b"<x:xmpmeta")
    end = data.find(b"</x:xmpmeta>", start)
    return None if start < 0 or end < 0 else data[start : end + len(b"</x:xmpmeta>")]
