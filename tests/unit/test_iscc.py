"""The Image-Code beside the reference implementation of ISO 24138 (iscc-core), which is the judge here."""

import io
from typing import Any

import iscc_core
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps

from remarque.fingerprints import decode, fingerprint, image_code
from remarque.fingerprints.iscc import code_of

NAMES = ["astronaut", "coffee", "chelsea", "rocket", "camera", "immunohistochemistry"]


def drawn(name: str) -> Image.Image:
    return Image.fromarray(getattr(skimage.data, name)())


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def reference(pixels: Any) -> bytes:
    code: bytes = iscc_core.soft_hash_image_v0(np.asarray(pixels).ravel().tolist(), bits=256)
    return code


def prepared(image: Image.Image) -> Image.Image:
    """What ISO 24138 has done to a picture first, written down plainly: upright, over white, trimmed, grey, 32 x 32."""
    image = ImageOps.exif_transpose(image)
    if image.mode == "RGBA":
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    image = image.convert("RGB")
    ground = Image.new("RGB", image.size, image.getpixel((0, 0)))
    image = image.crop(ImageChops.difference(image, ground).getbbox())
    return image.convert("L").resize((32, 32), Image.Resampling.BICUBIC)


def apart(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def made(kind: str, seed: int) -> NDArray[np.uint8]:
    """Pixels of several characters; symmetric and flat ones have frequencies that are zero but for rounding."""
    noise = np.random.default_rng(seed).integers(0, 256, (32, 32)).astype(np.uint8)
    match kind:
        case "steps":
            return noise // 64 * 64
        case "stripes":
            return np.tile(noise[:1], (32, 1))
        case "symmetric":
            return noise // 2 + noise[:, ::-1] // 2
        case "flat":
            return np.full((32, 32), noise[0, 0])
        case _:
            return noise


@given(st.sampled_from(["noise", "steps", "stripes", "symmetric", "flat"]), st.integers(0, 2**32 - 1))
def test_the_code_of_pixels_is_that_of_the_reference_bit_for_bit(kind: str, seed: int) -> None:
    pixels = made(kind, seed)
    assert code_of(pixels) == reference(pixels)


@pytest.mark.parametrize("name", NAMES)
def test_a_lossless_picture_has_the_code_of_the_standard_s_preparation(name: str) -> None:
    image = drawn(name)
    assert image_code(decode(encoded(image))) == reference(prepared(image))


@pytest.mark.parametrize("name", NAMES)
def test_a_reduced_jpeg_stays_within_four_bits(name: str) -> None:
    data = encoded(drawn(name).resize((2400, 1700)), "JPEG")
    picture = decode(data)
    assert picture.luma.shape[0] < 1700
    assert apart(image_code(picture), reference(prepared(Image.open(io.BytesIO(data))))) <= 4


def test_a_border_of_one_colour_is_cut_off_and_one_picture_of_one_colour_is_not() -> None:
    image = drawn("coffee")
    framed = ImageOps.expand(image, 57, (10, 20, 30))
    assert image_code(decode(encoded(framed))) == image_code(decode(encoded(image)))
    half = Image.new("RGB", image.size, (10, 20, 30))
    half.paste(image, (0, 200))
    assert image_code(decode(encoded(half))) == reference(prepared(half))
    flat = Image.new("RGB", (50, 40), (10, 20, 30))
    assert image_code(decode(encoded(flat))) == reference(prepared(flat))


def test_orientation_and_transparency_are_undone_first() -> None:
    image = drawn("astronaut")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(image.transpose(Image.Transpose.ROTATE_90), exif=exif)
    assert image_code(decode(turned)) == image_code(decode(encoded(image)))
    clear = image.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(image.size))
    assert apart(image_code(decode(encoded(clear))), reference(prepared(clear))) <= 4


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (33, 32), (5000, 3)])
def test_any_size_has_a_code(size: tuple[int, int]) -> None:
    image = drawn("coffee").resize(size)
    # Of a few pixels, grey levels that were rounded otherwise decide some bits.
    assert apart(image_code(decode(encoded(image))), reference(prepared(image))) <= 24


@pytest.mark.parametrize("name", NAMES)
def test_half_the_size_as_a_poor_jpeg_is_near_and_another_picture_is_not(name: str) -> None:
    image = drawn(name).convert("RGB")
    code = image_code(decode(encoded(image)))
    copy = image.resize((image.width // 2, image.height // 2))
    assert apart(image_code(decode(encoded(copy, "JPEG", quality=50))), code) <= 40
    others = [image_code(decode(encoded(drawn(other)))) for other in NAMES if other != name]
    assert min(apart(other, code) for other in others) > 80


def test_it_is_among_the_fingerprints_where_asked_for() -> None:
    data = encoded(drawn("chelsea"))
    assert fingerprint(data, regions=False).iscc is None
    assert not [item for item in fingerprint(data, regions=False).to_items() if item.alg == "iscc"]
    asked = fingerprint(data, regions=False, interop=False, iscc=True)
    [item] = [item for item in asked.to_items() if item.alg == "iscc"]
    assert asked.iscc == image_code(decode(data)) == bytes.fromhex(item.value)
