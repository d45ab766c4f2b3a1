"""pHash-64 beside the package it comes from."""

import io

import imagehash
import numpy as np
import pytest
import skimage.data
from PIL import Image

from remarque.fingerprints import decode, phash


def encoded(rgb: np.ndarray, form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket", "camera"])
def test_a_lossless_picture_has_imagehash_s_phash(name: str) -> None:
    pixels = getattr(skimage.data, name)()
    assert phash(decode(encoded(pixels, "PNG"))).hex() == str(imagehash.phash(Image.fromarray(pixels)))


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_a_reduced_jpeg_stays_within_four_bits(name: str) -> None:
    large = np.asarray(Image.fromarray(getattr(skimage.data, name)()).resize((2400, 1700)))
    data = encoded(large, "JPEG")
    expected = imagehash.phash(Image.open(io.BytesIO(data)))
    picture = decode(data)
    assert picture.luma.shape[0] < 1700
    assert (int(phash(picture).hex(), 16) ^ int(str(expected), 16)).bit_count() <= 4


def test_it_is_eight_bytes_and_changes_with_the_picture() -> None:
    hashes = [phash(decode(encoded(getattr(skimage.data, name)(), "PNG"))) for name in ("astronaut", "coffee")]
    assert [len(value) for value in hashes] == [8, 8]
    assert hashes[0] != hashes[1]
