"""Regions: squares that are found again in crops, turns and mirror images, with their places."""

from __future__ import annotations

import io
import pickle

import cv2
import numpy as np
import pytest
from PIL import Image

from remarque.fingerprints.blocks import block_hashes, dct_blocks, dihedral, mirrored_down, qualities
from remarque.fingerprints.decode import Picture, decode
from remarque.fingerprints.jarosz import quality
from remarque.fingerprints.pdq import pdq_dihedral
from remarque.fingerprints.regions import LEAST_PIXELS, Regions, asked_regions, stored_regions


def picture(image: Image.Image) -> Picture:
    file = io.BytesIO()
    image.save(file, "PNG")
    return decode(file.getvalue())


def distances(query: Regions, known: Regions, *, mirrored: bool) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    chosen = query.mirrored == mirrored
    pairs: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    pairs = np.bitwise_count(query.hashes[chosen][:, None] ^ known.hashes[None]).sum(2, dtype=np.int64)
    return pairs


@pytest.fixture(scope="module")
def known(astronaut: Image.Image) -> Regions:
    return stored_regions(picture(astronaut))


def test_columns_and_bounds(known: Regions) -> None:
    assert 100 <= len(known) <= 160
    assert {len(known.places), len(known.says), len(known.mirrored)} == {len(known)}
    assert not known.mirrored.any()
    assert (known.width, known.height) == (512, 512)
    x, y, side, angle = known.places.T
    assert np.all(side >= LEAST_PIXELS)
    assert np.all((x > side / 2 - 2) & (x < 514 - side / 2) & (y > side / 2 - 2) & (y < 514 - side / 2))
    assert np.all((angle >= 0) & (angle <= 360))
    assert known.says.max() <= 64


def test_the_same_pixels_give_the_same_regions_also_after_pickling(astronaut: Image.Image, known: Regions) -> None:
    again = pickle.loads(pickle.dumps(stored_regions(picture(astronaut))))  # noqa: S301 - our own
    assert np.array_equal(again.hashes, known.hashes)
    assert np.array_equal(again.places, known.places)


def test_a_crop_shares_regions_at_the_right_places(astronaut: Image.Image, known: Regions) -> None:
    query = asked_regions(picture(astronaut.crop((100, 50, 420, 370))))
    i, j = np.nonzero(distances(query, known, mirrored=False) <= 31)
    assert len(i) >= 5
    off = np.abs(query.places[i, :2] + [100, 50] - known.places[j, :2]).max(1)
    assert np.median(off) < 3


@pytest.mark.parametrize("degrees", [5, 33, 90])
def test_turned_regions_tell_by_how_much(astronaut: Image.Image, known: Regions, degrees: int) -> None:
    query = asked_regions(picture(astronaut.rotate(degrees, Image.Resampling.BICUBIC, expand=True)))
    i, j = np.nonzero(distances(query, known, mirrored=False) <= 31)
    turned = (known.places[j, 3] - query.places[i, 3] + 180) % 360 - 180  # Pillow turns counter-clockwise
    assert len(i) >= 10
    assert np.median(turned) == pytest.approx(degrees, abs=3)


def test_the_mirror_image_is_found_by_the_mirrored_rows_alone(astronaut: Image.Image, known: Regions) -> None:
    query = asked_regions(picture(astronaut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
    i, j = np.nonzero(distances(query, known, mirrored=True) <= 31)
    assert len(i) >= 20
    there = query.places[query.mirrored][i]
    assert np.median(np.abs(there[:, :2] - known.places[j, :2]).max(1)) < 3
    assert np.median(np.abs((there[:, 3] - known.places[j, 3] + 180) % 360 - 180)) < 5
    assert np.count_nonzero(distances(query, known, mirrored=False) <= 31) < 3


def test_places_are_pixels_of_the_full_picture(astronaut: Image.Image, known: Regions) -> None:
    twice = stored_regions(picture(astronaut.resize((1024, 1024), Image.Resampling.BICUBIC)))
    pairs = np.bitwise_count(twice.hashes[:, None] ^ known.hashes[None]).sum(2)
    i, j = np.nonzero(pairs <= 20)
    assert np.median(twice.places[i, 2] / known.places[j, 2]) == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (40, 40), (300, 300)])
def test_blank_and_tiny_pictures_have_no_regions(size: tuple[int, int]) -> None:
    assert len(asked_regions(picture(Image.new("RGB", size, "grey")))) == 0
    assert stored_regions(picture(Image.new("RGB", size, "grey"))).places.shape == (0, 4)


def test_flat_shapes_say_less_than_pictures(known: Regions) -> None:
    flat = np.full((512, 512), 255, np.uint8)
    for i in range(12):
        left, top = 20 + 120 * (i % 4), 40 + 150 * (i // 4)
        cv2.rectangle(flat, (left, top), (left + 60 + 5 * i, top + 50), 40, -1)
    shapes = stored_regions(picture(Image.fromarray(flat)))
    assert len(shapes)
    assert np.median(shapes.says) < np.median(known.says) / 2


def test_blocks_are_the_steps_of_pdq() -> None:
    cells = np.random.default_rng(3).uniform(0, 255, (4, 64, 64)).astype(np.float32)
    cells = np.stack([cv2.GaussianBlur(cell, (0, 0), 3) for cell in cells])
    for cell, block in zip(cells, dct_blocks(cells), strict=True):
        reference = pdq_dihedral(np.ascontiguousarray(cell)).hashes  # at 64 x 64 its blur is one pixel wide
        got = block_hashes(dihedral(block))
        assert np.bitwise_count(reference ^ got).sum(1).max() <= 4
    turned = block_hashes(dct_blocks(np.ascontiguousarray(cells[:, ::-1])))
    assert np.bitwise_count(turned ^ block_hashes(mirrored_down(dct_blocks(cells)))).sum() <= 8
    assert np.abs(qualities(cells) - [quality(np.ascontiguousarray(cell)) for cell in cells]).max() <= 1
