"""A picture in memory as the bytes of a file, with nothing lost in silence on the way."""

import struct
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from PIL import Image, PngImagePlugin

from remarque.errors import InvalidRequest

#: The modes that each format holds as they are. Pillow would convert some others without a word, or cut their range.
MODES = {
    "PNG": frozenset({"1", "L", "LA", "I;16", "P", "RGB", "RGBA"}),
    "JPEG": frozenset({"L", "RGB", "CMYK"}),
    "WEBP": frozenset({"RGB", "RGBA"}),
    "AVIF": frozenset({"L", "RGB", "RGBA"}),
    "TIFF": frozenset({"1", "L", "LA", "I;16", "P", "RGB", "RGBA", "CMYK"}),
}
#: Longest keyword of a text chunk, in bytes (PNG, third edition, section 11.3.3.2).
_LONGEST_KEYWORD = 79
_XMP = "XML:com.adobe.xmp"
#: Text in ``info`` that says how a file was packed, not what the picture is about.
_PACKING = frozenset({"compression"})
#: What Pillow raises where it cannot write what it was given.
_CANNOT = (OSError, ValueError, TypeError, KeyError, OverflowError, struct.error)


def encode(image: Image.Image, format: str, encoding: Mapping[str, Any] | None = None) -> bytes:
    """The picture as a file of that format (PNG, JPEG, WEBP, AVIF, TIFF), with what its ``info`` carries.

    Kept are the colour profile, EXIF, XMP, and in PNG the text (``parameters``, ``prompt``, ``workflow`` …).
    ``encoding`` are arguments of ``Image.save``, for instance ``{"quality": 95}``. Raises InvalidRequest where the
    format cannot hold the picture as it is, or it cannot be written.
    """
    name = {"JPG": "JPEG"}.get(format.upper(), format.upper())
    if name not in MODES:
        raise InvalidRequest(f"labels are written into {', '.join(MODES)}, not into {format!r}")
    if image.mode not in MODES[name]:
        raise InvalidRequest(f"{name} cannot hold a picture of mode {image.mode}; convert it, or choose another format")
    if name != "PNG" and "transparency" in image.info:
        raise InvalidRequest(f"{name} cannot hold this transparency; convert the picture to RGBA")
    if getattr(image, "n_frames", 1) > 1:
        raise InvalidRequest("the picture has several frames, and only one would be written")
    out = BytesIO()
    try:
        image.save(out, name, **{**_carried(image, name), **(encoding or {})})
    except _CANNOT as error:
        raise InvalidRequest(f"the picture cannot be written as {name}: {error}") from error
    return out.getvalue()


def _carried(image: Image.Image, name: str) -> dict[str, Any]:
    """What goes with the picture, as arguments of ``Image.save``."""
    carried = {key: image.info[key] for key in ("icc_profile", "exif") if image.info.get(key)}
    xmp = image.info.get("xmp")
    if name == "PNG":
        return carried | {"pnginfo": _text(image, xmp)}
    return carried | ({"xmp": xmp} if xmp and name != "TIFF" else {})


def _text(image: Image.Image, xmp: object) -> PngImagePlugin.PngInfo:
    text = PngImagePlugin.PngInfo()
    for key, value in image.info.items():
        if isinstance(value, str) and isinstance(key, str) and key != _XMP and key not in _PACKING:
            if not 1 <= len(key.encode()) <= _LONGEST_KEYWORD:
                raise InvalidRequest(f"{key[:40]!r} cannot name a text in PNG")
            text.add_text(key, value)
    if isinstance(xmp, bytes) and xmp:
        text.add_itxt(_XMP, xmp.decode())
    return text
