"""Bytes to pixels: the one path that every fingerprint starts from.

The path is pinned, because another one gives other fingerprints:

1. The format is told from the bytes alone; only the formats named here are opened.
2. The first frame of an animation, the first page of a TIFF, the primary picture of a HEIC. JPEG XL is read still only.
3. Limits are checked on the header, before a pixel is decoded.
4. A JPEG is decoded to grey and reduced by 2, 4 or 8 in the DCT domain as long as its short side stays at 512 or more;
   no resize follows. Everything else is decoded in full.
5. ICC profiles are ignored. CMYK, YCbCr, Lab and palettes become 8-bit RGB as Pillow converts them. Of 16 bits a
   channel, the high byte counts for colour, and ``value / 257`` for grey. 32-bit integers and floats have no fixed
   white: they are stretched from their least to their greatest finite value.
6. ``luma = 0.299 R + 0.587 G + 0.114 B`` in float32 (grey as it is), then alpha over white.
7. The EXIF orientation is applied; a broken one counts as upright. HEIC and JPEG XL have an orientation of their own,
   which their decoders apply; EXIF is not asked there, as their standards say.
8. A JPEG XL that was made of a JPEG without loss is that JPEG again, with its fingerprints.

Needs Pillow and numpy alone, but for HEIC and JPEG XL (see ``plugins``).
"""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from remarque.errors import (
    BodyTooLarge,
    MissingExtra,
    NotAPicture,
    PictureError,
    ReadingStopped,
    TooManyPixels,
    Undecodable,
)
from remarque.fingerprints.containers import JXL_CODESTREAM, JXL_CONTAINER, jxl_header, largest_heif_size
from remarque.fingerprints.luma import (
    Luma,
    finite_span,
    grey_to_luma,
    integers_to_luma,
    over_white,
    rgb_to_luma,
    stretched_to_luma,
)
from remarque.fingerprints.plugins import decode_jxl, open_heic

#: A JPEG is reduced while its short side keeps this many pixels: PDQ then stays within 12 bits of the full decode, at a
#: seventh of the time for 12 megapixels; 256 gives up to 14 bits and saves nothing more (measured on photographs).
REDUCED_SIDE = 512

#: Pixels converted at once, so that the copies in between stay small beside the picture itself.
STRIP_PIXELS = 1 << 18

_FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/avif": "AVIF",
    "image/tiff": "TIFF",
    "image/gif": "GIF",
    "image/bmp": "BMP",
    "image/jp2": "JPEG2000",
    "image/j2c": "JPEG2000",
}

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),  # BigTIFF
    (b"MM\0+", "image/tiff"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/j2c"),
    (JXL_CODESTREAM, "image/jxl"),
    (JXL_CONTAINER, "image/jxl"),
)

#: Brands of pictures and sequences coded as HEVC (ISO/IEC 23008-12, annex B.4).
_HEVC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})

#: Sizes of the bitmap header that exist; "BM" alone would let prose pass for a picture.
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})

#: What turns the stored rows upright, by EXIF orientation (CIPA DC-008, Orientation: where row 0 and column 0 lie).
_UPRIGHT: dict[int, Callable[[Luma], Luma]] = {
    2: lambda luma: luma[:, ::-1],
    3: lambda luma: luma[::-1, ::-1],
    4: lambda luma: luma[::-1],
    5: lambda luma: luma.T,
    6: lambda luma: luma[::-1].T,
    7: lambda luma: luma[::-1, ::-1].T,
    8: lambda luma: luma[:, ::-1].T,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one picture may hold: bytes as sent, pixels as its header announces.

    Pillow refuses 178,956,970 pixels and more by itself (``PIL.Image.MAX_IMAGE_PIXELS``, twice), whatever stands here.
    """

    max_bytes: int = 50_000_000
    max_pixels: int = 100_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture, upright.

    ``luma``: float32 (h, w), 0..255, C-contiguous; of a JPEG possibly reduced. ``width`` and ``height``: pixels of the
    full picture as displayed. ``mime``: its type, told from the bytes.
    """

    luma: Luma
    width: int
    height: int
    mime: str


def sniff(data: bytes) -> str:
    """Return the MIME type that the bytes begin like. Raises NotAPicture if that is none of those read here."""
    for magic, mime in _MAGIC:
        if data.startswith(magic):
            return mime
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "image/bmp"
    if data[4:8] == b"ftyp":
        return _sniff_isobmff(data)
    raise NotAPicture(
        "The bytes are no picture that is read here: JPEG, PNG, WebP, AVIF, HEIC, JPEG XL, TIFF, GIF, BMP, JPEG 2000."
    )


def decode(data: bytes, limits: Limits = Limits()) -> Picture:
    """Decode one picture.

    Raises BodyTooLarge and TooManyPixels before any pixel is decoded, NotAPicture for other bytes, Undecodable for a
    picture that is broken or cut short, ReadingStopped when memory runs out, MissingExtra for HEIC and JPEG XL without
    the extra ``filter``.
    """
    if len(data) > limits.max_bytes:
        raise BodyTooLarge(f"The picture has {len(data)} bytes; the limit is {limits.max_bytes}.")
    mime = sniff(data)
    with _pillow(mime):
        if mime == "image/jxl":
            return _from_jxl(data, limits)
        if mime == "image/heic":
            _require_pixels(*largest_heif_size(data), limits)
            with open_heic(data) as image:
                return _from_image(image, mime, limits)
        with Image.open(BytesIO(data), formats=[_FORMATS[mime]]) as image:
            return _from_image(image, mime, limits)


def _from_jxl(data: bytes, limits: Limits) -> Picture:
    header = jxl_header(data)
    if header.animated:
        raise NotAPicture("An animated JPEG XL is not read here, only a still one.")
    _require_pixels(header.width, header.height, limits)
    decoded = decode_jxl(data)
    if isinstance(decoded, bytes):
        with Image.open(BytesIO(decoded), formats=["JPEG"]) as image:
            return replace(_from_image(image, "image/jpeg", limits), mime="image/jxl")
    return _from_image(decoded, "image/jxl", limits)


def _from_image(image: Image.Image, mime: str, limits: Limits) -> Picture:
    """The picture that Pillow has opened and, but for JPEG XL, not decoded yet."""
    width, height = image.size
    _require_pixels(width, height, limits)
    if mime == "image/jpeg":
        image.draft("L", (REDUCED_SIDE, REDUCED_SIDE))
    image.load()
    if mime == "image/heic":
        width, height = image.size  # what was coded, where the header said something else
    luma = _luma(image)
    orientation = _orientation(image)
    if orientation in _UPRIGHT:
        luma = np.ascontiguousarray(_UPRIGHT[orientation](luma))
    if orientation >= 5:  # the four that exchange rows and columns
        width, height = height, width
    return Picture(luma, width, height, mime)


def _require_pixels(width: int, height: int, limits: Limits) -> None:
    if width < 1 or height < 1:
        raise Undecodable("The picture has no pixels.")
    if width * height > limits.max_pixels:
        raise TooManyPixels(f"The picture has {width} x {height} pixels; the limit is {limits.max_pixels}.")


def _sniff_isobmff(data: bytes) -> str:
    """AVIF and HEIC, by the brands that the file claims; the first one is the one that it prefers."""
    brands = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    claimed = {brands[i : i + 4] for i in range(0, len(brands), 4)}
    if {b"avif", b"avis"} & claimed and brands[:4] not in _HEVC_BRANDS:
        return "image/avif"
    if _HEVC_BRANDS & claimed:
        return "image/heic"
    raise NotAPicture("This kind of picture or film (other ISO media files) is not read here; AVIF and HEIC are.")


@contextmanager
def _pillow(mime: str) -> Iterator[None]:
    """Turn whatever Pillow raises on hostile bytes into our own errors, and keep its warnings quiet."""
    try:
        with _silence:
            yield
    except (PictureError, MissingExtra):
        raise
    except Image.DecompressionBombError as error:
        raise TooManyPixels("The picture has more pixels than are ever read here.") from error
    except UnidentifiedImageError as error:
        raise Undecodable(f"The picture ({mime}) has a broken header, or ends in it.") from error
    except MemoryError as error:
        raise ReadingStopped("Reading the picture took too much memory.") from error
    except Exception as error:
        # Pillow's plug-ins raise OSError, SyntaxError, ValueError, struct.error, IndexError, KeyError, EOFError,
        # OverflowError, ZeroDivisionError and others on broken files: no list of them is complete.
        reason = str(error) or type(error).__name__
        raise Undecodable(f"The picture ({mime}) is broken or cut short: {reason}") from error


class _Silence:
    """Ignores Pillow's warnings while any thread is decoding.

    The filters belong to the whole process and ``catch_warnings`` restores what it saw: with overlapping threads the
    last to leave would put back another thread's silence. So the first to enter sets it, the last to leave ends it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(None, None, None)


_silence = _Silence()


def _luma(image: Image.Image) -> Luma:
    """The luma of a loaded picture, alpha over white; float32 (h, w)."""
    luma = np.empty((image.height, image.width), np.float32)
    if image.mode in ("I", "F"):
        low, high = finite_span(np.asarray(strip) for _, strip in _strips(image))
        for top, strip in _strips(image):
            luma[top : top + strip.height] = stretched_to_luma(np.asarray(strip), low, high)
    else:
        for top, strip in _strips(image):
            luma[top : top + strip.height] = _strip_luma(strip)
    return luma


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _strip_luma(strip: Image.Image) -> Luma:
    if strip.mode.startswith("I;16"):
        return integers_to_luma(np.asarray(strip), strip.info.get("transparency"))
    if strip.has_transparency_data:
        if strip.mode in ("La", "RGBa"):  # premultiplied; Pillow undoes it only on the way to the same bands
            strip = strip.convert(strip.mode.upper())
        rgba = np.asarray(strip.convert("RGBA"))
        return over_white(rgb_to_luma(rgba[..., :3]), rgba[..., 3])
    if strip.mode in ("1", "L"):
        return grey_to_luma(np.asarray(strip.convert("L")))
    return rgb_to_luma(np.asarray(strip.convert("RGB")))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 if there is none or it cannot be read. TIFF and HEIC are upright once they are loaded."""
    block = image.info.get("exif")
    if image.format in ("TIFF", "HEIF") or not block:
        return 1
    exif = Image.Exif()
    try:
        exif.load(block)
        value = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:
        # A viewer shows a picture with broken EXIF as it is stored, and so do we; the pixels are sound.
        return 1
    return value if isinstance(value, int) and value in _UPRIGHT else 1
