"""HEIC and JPEG XL to pixels: orientation once, limits before decoding, and what happens without the plug-ins."""

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401  # makes Pillow write JPEG XL
import pytest
import skimage.data
from PIL import Image

from remarque.errors import MissingExtra, NotAPicture, TooManyPixels, Undecodable
from remarque.fingerprints import Limits, decode, pdq_dihedral, rgb_to_luma, sniff
from remarque.fingerprints.containers import boxes, jxl_header, largest_heif_size

pillow_heif.register_heif_opener()

ASTRONAUT = Image.fromarray(skimage.data.astronaut())
SMALL = ASTRONAUT.crop((100, 0, 292, 128))  # 192 x 128, nothing symmetric about it


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def exactly(image: Image.Image, form: str) -> bytes:
    """Without loss, as far as the format can: HEIC goes through YCbCr."""
    return encoded(image, form, **({"lossless": True} if form == "JXL" else {"quality": -1, "chroma": 444}))


def mean_difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean())


def oriented(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def made_of_jpeg(folder: Path, jpeg: bytes) -> bytes:
    """A JPEG XL from which the JPEG can be restored; the plug-in does that to files only."""
    (folder / "a.jpg").write_bytes(jpeg)
    with Image.open(folder / "a.jpg") as image:
        return encoded(image, "JXL", lossless_jpeg=True)


def without_box(data: bytes, kind: bytes) -> bytes:
    return b"".join(data[one.start : one.end] for one in boxes(data, 0, len(data)) if one.kind != kind)


@pytest.mark.parametrize(("form", "mime"), [("HEIF", "image/heic"), ("JXL", "image/jxl")])
def test_the_same_picture(form: str, mime: str) -> None:
    data = exactly(SMALL, form)
    picture = decode(data)
    assert (sniff(data), picture.mime, picture.width, picture.height) == (mime, mime, 192, 128)
    assert picture.luma.dtype == np.float32
    assert picture.luma.flags.c_contiguous
    assert mean_difference(picture.luma, rgb_to_luma(np.asarray(SMALL))) < 1


@pytest.mark.parametrize("form", ["HEIF", "JXL"])
def test_fingerprints_of_a_lossy_copy_are_those_of_the_picture(form: str) -> None:
    hashes = [pdq_dihedral(decode(encoded(ASTRONAUT, kind)).luma).hashes[0] for kind in ("PNG", form)]
    assert int(np.bitwise_count(hashes[0] ^ hashes[1]).sum()) <= 4


@pytest.mark.parametrize("form", ["HEIF", "JXL"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_transparency_shows_white(form: str, mode: str) -> None:
    alpha = Image.fromarray((np.arange(192 * 128) % 256).reshape(128, 192).astype(np.uint8))
    image = SMALL.convert(mode)
    opaque = decode(encoded(image, "PNG")).luma
    image.putalpha(alpha)
    expected = 255 + (opaque - 255) * np.asarray(alpha) / 255.0
    assert mean_difference(decode(exactly(image, form)).luma, expected) < 0.5


def test_grey_of_all_depths() -> None:
    ramp = np.arange(256, dtype=np.uint16)[None].repeat(16, axis=0)
    sixteen, floats = Image.fromarray(ramp * 257), Image.fromarray((ramp / 255).astype(np.float32))
    for image in (sixteen, floats, Image.fromarray(ramp.astype(np.uint8))):
        assert np.abs(decode(exactly(image, "JXL")).luma - ramp).max() < 0.01
    assert np.abs(decode(exactly(sixteen, "HEIF")).luma - ramp).max() <= 1  # HEVC has 10 or 12 bits


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_heic_is_turned_once(orientation: int) -> None:
    """Written with irot and imir, and EXIF that says the same, as telephones do; EXIF alone turns nothing."""
    expected = decode(encoded(SMALL, "PNG", exif=oriented(orientation))).luma
    both = encoded(SMALL, "HEIF", quality=-1, chroma=444, exif=oriented(orientation).tobytes())
    assert (b"irot" in both or b"imir" in both) == (orientation > 1)
    picture = decode(both)
    assert (picture.height, picture.width) == expected.shape
    assert mean_difference(picture.luma, expected) < 1
    exif_alone = encoded(SMALL, "HEIF", quality=-1, chroma=444, exif=oriented(orientation))
    assert mean_difference(decode(exif_alone).luma, decode(encoded(SMALL, "PNG")).luma) < 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_xl_is_turned_once(orientation: int, tmp_path: Path) -> None:
    jpeg = encoded(SMALL, "JPEG", quality=95, exif=oriented(orientation))
    expected = decode(jpeg)
    restorable = made_of_jpeg(tmp_path, jpeg)
    picture = decode(restorable)
    assert picture.mime == "image/jxl"
    assert np.array_equal(picture.luma, expected.luma)
    decoded = decode(without_box(restorable, b"jbrd"))  # pixels from the codestream, which knows the orientation
    assert (decoded.width, decoded.height) == (expected.width, expected.height)
    assert mean_difference(decoded.luma, expected.luma) < 1


def test_tiles_and_thumbnails_are_the_whole_picture() -> None:
    data = encoded(ASTRONAUT, "HEIF", quality=90, tile_size=128, thumbnails=[512, 128])
    assert decode(data).luma.shape == (512, 512)
    assert mean_difference(decode(data).luma, rgb_to_luma(np.asarray(ASTRONAUT))) < 2


def test_the_primary_picture_of_several() -> None:
    black, white = Image.new("RGB", (64, 64)), Image.new("RGB", (64, 64), "white")
    for primary in (0, 1):
        data = encoded(black, "HEIF", save_all=True, append_images=[white], primary_index=primary)
        assert decode(data).luma.mean().round() == (0, 255)[primary]


# -- limits


@pytest.mark.parametrize("form", ["HEIF", "JXL"])
def test_too_many_pixels_are_refused_before_decoding(form: str) -> None:
    data = encoded(SMALL, form)
    assert decode(data, Limits(max_pixels=192 * 128)).width == 192
    with pytest.raises(TooManyPixels, match="192 x 128"):
        decode(data, Limits(max_pixels=192 * 128 - 1))
    half = data[: len(data) // 2] if form == "JXL" else data  # nothing of the picture is needed to say so
    with pytest.raises(TooManyPixels):
        decode(half, Limits(max_pixels=100))


def test_a_heic_that_crops_a_larger_picture_counts_in_full() -> None:
    data = encoded(SMALL, "HEIF")
    size = struct.pack(">I4sI", 20, b"ispe", 0)
    assert largest_heif_size(data) == (192, 128)
    at = data.index(size) + len(size)
    huge = data[:at] + struct.pack(">II", 20_000, 20_000) + data[at + 8 :]
    with pytest.raises(TooManyPixels, match="20000 x 20000"):
        decode(huge)
    small = data[:at] + struct.pack(">II", 16, 16) + data[at + 8 :]
    with pytest.raises(Undecodable):  # what is coded is larger than it says: refused by libheif before decoding
        decode(small)


def test_the_header_of_a_jpeg_xl_is_read_in_all_its_forms() -> None:
    sizes = [(1, 1), (8, 8), (192, 128), (257, 300), (640, 480), (641, 480), (256, 8), (5000, 1), (1, 9000), (600, 500)]
    for size in sizes:
        for container in (False, True):
            data = encoded(Image.new("RGB", size), "JXL", use_container=container, effort=1)
            assert jxl_header(data) == (*size, False)


def bits(*fields: tuple[int, int]) -> bytes:
    """Fields of (value, width), least significant bit first."""
    number, at = 0, 0
    for value, width in fields:
        number |= value << at
        at += width
    return b"\xff\x0a" + number.to_bytes(at // 8 + 1, "little")


def test_an_animated_jpeg_xl_is_refused_by_its_header() -> None:
    size, intrinsic = [(1, 1), (3, 5), (1, 3)], [(0, 1), (0, 2), (99, 9), (0, 3), (1, 2), (49, 13)]
    preview = [(1, 1), (2, 2), (3, 5), (0, 3), (0, 2)]
    for extra in ([(0, 1), (0, 1)], [(1, 1), *intrinsic, (0, 1)], [(0, 1), (1, 1), *preview]):
        for animated in (0, 1):
            data = bits(*size, (0, 1), (1, 1), (5, 3), *extra, (animated, 1), (1, 1))
            assert jxl_header(data) == (32, 32, bool(animated))
    with pytest.raises(NotAPicture, match="animated"):
        decode(data)
    with pytest.raises(TooManyPixels):
        decode(bits((0, 1), (3, 2), ((1 << 30) - 1, 30), (7, 3), (1, 1)))


# -- refusals


@pytest.mark.parametrize("form", ["HEIF", "JXL"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
def test_a_picture_cut_short_is_refused(form: str, part: float) -> None:
    data = encoded(SMALL, form)
    with pytest.raises(Undecodable) as caught:
        decode(data[: max(32, int(len(data) * part))])
    assert "0x" not in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"])
def test_headers_alone_are_no_picture(data: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(data)


@pytest.mark.parametrize(("form", "plugin"), [("HEIF", "pillow_heif"), ("JXL", "pillow_jxl")])
def test_without_the_plugin_the_extra_is_named(form: str, plugin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(SMALL, form)
    monkeypatch.setitem(sys.modules, plugin, None)
    with pytest.raises(MissingExtra, match=r"remarque\[filter\]"):
        decode(data)


@pytest.mark.data
def test_real_files(data_dir: Path) -> None:
    (sample,) = (data_dir / "provenance" / "c2pa-python").glob("*sample1.heic")
    picture = decode(sample.read_bytes())
    assert (picture.width, picture.height, picture.mime) == (1440, 960, "image/heic")
    assert picture.luma.std() > 20
    for dummy in (data_dir / "provenance" / "exiftool").glob("*.jxl"):
        with pytest.raises(Undecodable):
            decode(dummy.read_bytes())
