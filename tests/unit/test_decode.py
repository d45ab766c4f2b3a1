"""Bytes to pixels: every mode a picture can come in, every way it can be broken."""

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageOps

from remarque.errors import BodyTooLarge, NotAPicture, TooManyPixels, Undecodable
from remarque.fingerprints import Limits, decode, pdq_dihedral, rgb_to_luma, sniff

ASTRONAUT = Image.fromarray(skimage.data.astronaut())
SMALL = ASTRONAUT.crop((100, 0, 292, 128))  # 192 x 128, nothing symmetric about it


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def mean_difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize(
    ("form", "mime"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("AVIF", "image/avif"),
        ("TIFF", "image/tiff"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
        ("JPEG2000", "image/jp2"),
    ],
)
def test_every_format_gives_the_same_picture(form: str, mime: str) -> None:
    picture = decode(encoded(SMALL, form))
    assert (picture.mime, picture.width, picture.height) == (mime, 192, 128)
    assert picture.luma.dtype == np.float32
    assert picture.luma.shape == (128, 192)
    assert picture.luma.flags.c_contiguous
    # GIF's palette is the coarsest of them.
    assert mean_difference(picture.luma, rgb_to_luma(np.asarray(SMALL))) < 8


def test_luma_of_a_lossless_picture_is_the_reference_formula() -> None:
    rgb = np.asarray(SMALL)
    expected = (rgb[..., 0] * 0.299 + rgb[..., 1] * 0.587 + rgb[..., 2] * 0.114).astype(np.float32)
    assert np.array_equal(decode(encoded(SMALL, "PNG")).luma, expected)


def test_a_jpeg_with_several_pictures_is_its_first() -> None:
    data = encoded(SMALL, "MPO", save_all=True, append_images=[SMALL.rotate(180)])
    assert decode(data).mime == "image/jpeg"
    assert np.array_equal(decode(data).luma, decode(encoded(SMALL, "JPEG")).luma)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_is_its_first_frame(form: str) -> None:
    black, white = Image.new("RGB", (20, 10)), Image.new("RGB", (20, 10), "white")
    assert decode(encoded(black, form, save_all=True, append_images=[white])).luma.max() < 5


def test_a_large_jpeg_is_reduced_and_keeps_its_size_in_name() -> None:
    large = ASTRONAUT.resize((2100, 1100))
    picture = decode(encoded(large, "JPEG"))
    assert (picture.width, picture.height) == (2100, 1100)
    assert picture.luma.shape == (550, 1050)  # halved: a quarter would bring the short side under 512
    assert decode(encoded(large.resize((1023, 2000)), "JPEG")).luma.shape == (2000, 1023)


# -- modes


def test_transparency_shows_white() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    rgba = np.stack([ramp * 0 + 10, ramp * 0 + 20, ramp * 0 + 30, ramp], axis=2)
    expected = 255 + (rgb_to_luma(rgba[..., :3]) - 255) * ramp / 255.0
    image = Image.fromarray(rgba)
    for form in ("PNG", "TIFF"):
        assert np.abs(decode(encoded(image, form)).luma - expected).max() < 0.01
    grey = Image.merge("LA", [Image.fromarray(ramp * 0 + 7), Image.fromarray(ramp)])
    assert np.abs(decode(encoded(grey, "PNG")).luma - (255 - 248 * (ramp / 255.0))).max() < 0.01


def test_one_colour_may_be_the_transparent_one() -> None:
    cells = np.indices((8, 8)).sum(axis=0) % 2
    for mode, colour in (("L", 50), ("RGB", (50, 60, 70))):
        image = Image.new(mode, (8, 8), colour)
        image.paste(0, mask=Image.fromarray((cells * 255).astype(np.uint8)))
        assert np.array_equal(decode(encoded(image, "PNG", transparency=colour)).luma, np.where(cells, 0.0, 255.0))
    palette = Image.new("P", (8, 8))
    palette.putdata(cells.ravel().tolist())
    palette.putpalette([200, 0, 0, 0, 0, 0])
    for form in ("PNG", "GIF"):
        assert np.array_equal(decode(encoded(palette, form, transparency=0)).luma, np.where(cells, 0.0, 255.0))


def test_a_palette_may_carry_an_alpha_for_each_colour() -> None:
    palette = Image.new("P", (2, 1))
    palette.putdata([0, 1])
    palette.putpalette([0, 0, 0, 0, 0, 0])
    assert decode(encoded(palette, "PNG", transparency=b"\x00\xff")).luma.tolist() == [[255.0, 0.0]]


def test_premultiplied_colour_is_divided_again() -> None:
    # TIFF 6.0, ExtraSamples (338): 2 is plain alpha, as Pillow writes it, 1 is alpha that colour was multiplied with.
    plain = encoded(Image.new("RGBA", (8, 8), (64, 64, 64, 128)), "TIFF")
    premultiplied = plain.replace(struct.pack("<HHIH", 338, 3, 1, 2), struct.pack("<HHIH", 338, 3, 1, 1))
    assert premultiplied != plain
    luma = decode(premultiplied).luma
    assert np.abs(luma - (255 + (127 - 255) * 128 / 255)).max() < 1


def test_black_and_white_and_palettes() -> None:
    bits = SMALL.convert("1")
    for form in ("PNG", "TIFF", "BMP"):
        assert np.array_equal(decode(encoded(bits, form)).luma, np.asarray(bits) * 255.0)
    few = SMALL.quantize(200)
    assert np.array_equal(decode(encoded(few, "PNG")).luma, rgb_to_luma(np.asarray(few.convert("RGB"))))


def test_print_colours_look_as_they_should() -> None:
    expected = rgb_to_luma(np.asarray(SMALL))
    for mode, form in (("CMYK", "JPEG"), ("CMYK", "TIFF"), ("LAB", "TIFF"), ("YCbCr", "TIFF")):
        assert mean_difference(decode(encoded(SMALL.convert(mode), form)).luma, expected) < 3, (mode, form)


def test_sixteen_bits_of_grey_are_scaled_not_clipped() -> None:
    ramp = (np.arange(256, dtype=np.uint16) * 257)[None].repeat(4, axis=0)
    for form in ("PNG", "TIFF", "JPEG2000"):
        luma = decode(encoded(Image.fromarray(ramp), form)).luma
        assert np.abs(luma - np.arange(256)).max() < 1e-4, form
    assert decode(encoded(Image.fromarray(ramp), "PNG", transparency=0)).luma[0, 0] == 255


def test_numbers_without_a_white_are_stretched() -> None:
    ramp = np.linspace(-3, 7, 256)[None].repeat(4, axis=0)
    for values in (ramp.astype(np.float32), (ramp * 1_000_000).astype(np.int32)):
        luma = decode(encoded(Image.fromarray(values), "TIFF")).luma
        assert np.abs(luma - np.arange(256)).max() < 0.01
    broken = ramp.astype(np.float32)
    broken[0, :3] = [np.nan, np.inf, -np.inf]
    assert decode(encoded(Image.fromarray(broken), "TIFF")).luma[0, :4].round().tolist() == [0, 0, 0, 3]
    tall = np.arange(1_200_000, dtype=np.int32).reshape(-1, 300)  # several strips, one scale
    assert np.abs(decode(encoded(Image.fromarray(tall), "TIFF")).luma - tall * (255 / 1_199_999)).max() < 0.01
    for flat in (np.full((4, 4), np.nan, np.float32), np.full((4, 4), 7, np.int32)):
        assert not decode(encoded(Image.fromarray(flat), "TIFF")).luma.any()


# -- orientation


def with_orientation(value: object) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_orientation_is_applied(form: str, orientation: int) -> None:
    data = encoded(SMALL, form, exif=with_orientation(orientation))
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    picture = decode(data)
    assert (picture.width, picture.height) == shown.size
    assert (picture.width < picture.height) == (orientation >= 5)
    assert mean_difference(picture.luma, rgb_to_luma(np.asarray(shown.convert("RGB")))) < 0.6


def test_compressed_tiffs_are_turned_once() -> None:
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate"):
        picture = decode(encoded(SMALL, "TIFF", compression=compression, exif=with_orientation(6)))
        assert (picture.width, picture.height) == (128, 192)
        assert np.array_equal(picture.luma, np.rot90(rgb_to_luma(np.asarray(SMALL)), -1))


def test_a_broken_orientation_counts_as_upright() -> None:
    upright = decode(encoded(SMALL, "PNG")).luma
    header = b"MM\0*\0\0\0\x08\0\x01"
    # Field type (TIFF 6.0: 2 text, 3 short, 4 long, 5 rational, 11 float), count, value or its place.
    for kind, count, value in (
        (3, 1, 0),
        (3, 1, 9 << 16),
        (4, 1, 70000),
        (2, 2, 0x36000000),
        (5, 1, 99),
    ):
        block = header + struct.pack(">HHIII", 0x0112, kind, count, value, 0)
        assert np.array_equal(decode(encoded(SMALL, "PNG", exif=b"Exif\0\0" + block)).luma, upright), (kind, value)
    for block in (b"", b"II*\0", b"nonsense", header[:8] + b"\xff\xff\x01\x12"):
        assert np.array_equal(decode(encoded(SMALL, "PNG", exif=b"Exif\0\0" + block)).luma, upright), block
    sound = header + struct.pack(">HHIII", 0x0112, 3, 1, 6 << 16, 0)
    assert decode(encoded(SMALL, "PNG", exif=b"Exif\0\0" + sound)).luma.shape == (192, 128)


# -- refusals


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"BM",
        b"BMW is not a bitmap, it is a car.",
        b"GIF",
        b"%PDF-1.7",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"RIFF\x00\x00\x00\x00WAVE",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\0\0\0\x18ftypmp42\0\0\0\0isomavc1",
        b"SIMPLE  =                    T",
        b"P6 1 1 255\n\0\0\0",
    ],
)
def test_other_bytes_are_no_picture(data: bytes) -> None:
    with pytest.raises(NotAPicture):
        sniff(data)
    with pytest.raises(NotAPicture):
        decode(data)


def test_formats_outside_the_list_are_not_opened() -> None:
    for form in ("EPS", "PPM", "TGA", "ICO", "PCX", "PDF", "SGI", "DDS"):
        with pytest.raises(NotAPicture):
            decode(encoded(SMALL, form))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "JPEG2000"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
def test_a_picture_cut_short_is_refused(form: str, part: float) -> None:
    data = encoded(SMALL, form)
    cut = data[: max(32, int(len(data) * part))]
    with pytest.raises(Undecodable) as caught:
        decode(cut)
    assert "0x" not in str(caught.value)


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(BodyTooLarge, match="limit is 10"):
        decode(b"neither a picture nor read", Limits(max_bytes=10))


def bomb(width: int, height: int) -> bytes:
    """A PNG that announces so many pixels and holds none."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_too_many_pixels_are_refused_on_the_header() -> None:
    assert decode(encoded(SMALL, "PNG"), Limits(max_pixels=192 * 128)).width == 192
    with pytest.raises(TooManyPixels, match="192 x 128"):
        decode(encoded(SMALL, "PNG"), Limits(max_pixels=192 * 128 - 1))
    with pytest.raises(TooManyPixels):  # between Pillow's warning and its error
        decode(bomb(10_001, 10_000))
    with pytest.raises(TooManyPixels):  # beyond Pillow's error
        decode(bomb(65_000, 65_000))


def test_pictures_without_pixels_are_refused() -> None:
    for width, height in ((0, 5), (5, 0)):
        with pytest.raises(Undecodable):
            decode(bomb(width, height))


def test_pillows_warnings_stay_inside() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\x00\x02\x01\x12\x00\x03\xff\xff\xff\xff\x00\x06\x00\x00"
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decode(encoded(SMALL, "JPEG", exif=exif))
        with pytest.raises(Undecodable):
            decode(bomb(9_900, 9_900), Limits(max_pixels=200_000_000))
    assert caught == []
    assert list(warnings.filters) == before


def test_threads_leave_the_warning_filters_as_they_were() -> None:
    before = list(warnings.filters)
    data = encoded(SMALL, "JPEG")
    threads = [threading.Thread(target=lambda: [decode(data) for _ in range(20)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


@pytest.mark.data
def test_photographs_turned_by_cameras_are_the_same_upright(data_dir: Path) -> None:
    for scene in ("Landscape", "Portrait"):
        files = sorted((data_dir / "broken" / "exif-orientation-examples").glob(f"{scene}_*.jpg"))
        hashes = [pdq_dihedral(decode(file.read_bytes()).luma).hashes[0] for file in files]
        assert len(hashes) >= 3
        assert max(int(np.bitwise_count(a ^ b).sum()) for a in hashes for b in hashes) <= 10
