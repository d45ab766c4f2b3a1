"""Frames: what is stored and asked of the whole picture, and of the pictures that seem to lie inside it."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from PIL import Image, ImageOps

from remarque.fingerprints.boxes import proposals, trimmed
from remarque.fingerprints.decode import decode
from remarque.fingerprints.frames import Frames, asked_frames, stored_frames
from remarque.fingerprints.pdq import ORIENTATIONS, pdq_dihedral

RADIUS = 31


def jpeg(image: Image.Image, quality: int = 88) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def asked(image: Image.Image, quality: int = 88) -> Frames:
    return asked_frames(decode(jpeg(image, quality)))


def distance(query: Frames, known: Frames) -> int:
    pairs = query.hashes[query.counts][:, None] ^ known.hashes[known.counts][None]
    return int(np.bitwise_count(pairs).sum(2).min(initial=256))


@pytest.fixture(scope="module")
def declared(coffee: Image.Image) -> Frames:
    return stored_frames(decode(jpeg(coffee, 95)))


def test_the_first_rows_are_pdq_bit_for_bit(coffee: Image.Image) -> None:
    picture = decode(jpeg(coffee, 95))
    pdq = pdq_dihedral(picture.luma)
    stored, queried = stored_frames(picture), asked_frames(picture)
    assert np.array_equal(stored.hashes[:8], pdq.hashes)
    assert np.array_equal(queried.hashes[0], pdq.hashes[0])
    assert stored.orientations[:8] == ORIENTATIONS
    assert stored.quality[0] == queried.quality[0] == pdq.quality


def test_columns_have_one_length(declared: Frames) -> None:
    lengths = {len(column) for column in (declared.quality, declared.boxes, declared.sides, declared.counts)}
    assert lengths == {len(declared)} == {len(declared.orientations)}
    assert declared.boxes[0].tolist() == [0, 0, 1, 1]
    assert declared.sides[0] == 400


def test_the_same_pixels_give_the_same_frames_also_after_pickling(coffee: Image.Image, declared: Frames) -> None:
    again = pickle.loads(pickle.dumps(stored_frames(decode(jpeg(coffee, 95)))))  # noqa: S301 - our own
    assert np.array_equal(again.hashes, declared.hashes)
    assert np.array_equal(again.boxes, declared.boxes)


@pytest.mark.parametrize("share", [0.03, 0.1, 0.3])
@pytest.mark.parametrize("colour", ["white", "black", (90, 120, 200)])
def test_found_inside_a_border(coffee: Image.Image, declared: Frames, share: float, colour: str) -> None:
    query = asked(ImageOps.expand(coffee, round(share * coffee.width), colour))
    assert distance(query, declared) <= RADIUS


def test_found_inside_even_bars_of_the_colour_of_its_sky(coffee: Image.Image) -> None:
    work = coffee.copy()
    work.paste("white", (0, 0, work.width, 60))
    square = ImageOps.pad(work, (256, 256), color="white")
    assert distance(asked(square), stored_frames(decode(jpeg(work, 95)))) <= RADIUS


def test_found_pasted_on_a_page_and_the_box_says_where(coffee: Image.Image, declared: Frames) -> None:
    page = Image.new("RGB", (1000, 1200), "white")
    page.paste(coffee, (200, 300))
    query = asked(page)
    distances = np.bitwise_count(query.hashes[:, None] ^ declared.hashes[None]).sum(2).min(1)
    row = int(distances.argmin())
    assert distances[row] <= RADIUS
    assert query.boxes[row] == pytest.approx([0.2, 0.25, 0.8, 700 / 1200], abs=0.005)
    assert query.sides[row] == pytest.approx(400, abs=4)


@pytest.mark.parametrize("turn", list(Image.Transpose))
def test_found_mirrored_and_turned(coffee: Image.Image, declared: Frames, turn: Image.Transpose) -> None:
    assert distance(asked(coffee.transpose(turn)), declared) <= RADIUS


@pytest.mark.parametrize("side", [96, 128, 200, 300])
def test_small_works_are_found_at_half_their_size(coffee: Image.Image, side: int) -> None:
    work = coffee.resize((side * 3 // 2, side), Image.Resampling.LANCZOS)
    copy = work.resize((work.width // 2, work.height // 2), Image.Resampling.LANCZOS)
    assert distance(asked(copy, 50), stored_frames(decode(jpeg(work, 95)))) <= RADIUS


def test_a_work_with_margins_is_found_without_them(coffee: Image.Image) -> None:
    sheet = ImageOps.expand(coffee, (80, 150, 60, 90), "white")
    known = stored_frames(decode(jpeg(sheet, 95)))
    assert len(known) == 32
    assert distance(asked(coffee), known) <= RADIUS


def test_the_middle_square_is_found(coffee: Image.Image, declared: Frames) -> None:
    assert distance(asked(ImageOps.fit(coffee, (256, 256))), declared) <= RADIUS


def test_another_picture_is_far(astronaut: Image.Image, declared: Frames) -> None:
    assert distance(asked(astronaut), declared) > 64


@pytest.mark.parametrize("size", [(1, 1), (4, 400), (5, 5), (31, 900)])
def test_tiny_and_narrow_pictures_are_no_error(size: tuple[int, int]) -> None:
    frames = asked_frames(decode(jpeg(Image.new("RGB", size, "red"))))
    assert not frames.counts.any()


def test_faint_weaves_do_not_count() -> None:
    weave = np.full((160, 160), 240, np.uint8)
    weave[::4] = 243
    weave[:, ::4] = 243
    picture = decode(_png(Image.fromarray(weave)))
    assert not stored_frames(picture).counts.any()


def test_no_more_than_six_boxes_and_all_inside() -> None:
    page = np.full((900, 1200), 255, np.float32)
    random = np.random.default_rng(1)
    for i in range(9):
        top, left = 20 + 290 * (i // 3), 20 + 390 * (i % 3)
        page[top : top + 200, left : left + 300] = random.uniform(0, 200, (200, 300))
    boxes = proposals(page)
    assert boxes[0] == (0, 0, 1200, 900)
    assert 1 < len(boxes) <= 6
    assert all(0 <= left < right <= 1200 and 0 <= top < bottom <= 900 for left, top, right, bottom in boxes)


def test_trimming_is_exact_to_the_pixel() -> None:
    luma = np.full((700, 900), 255, np.float32)
    luma[101:603, 77:811] = np.random.default_rng(2).uniform(0, 200, (502, 734))
    assert trimmed(luma) == (77, 101, 811, 603)
    assert trimmed(np.full((700, 900), 255, np.float32)) == (0, 0, 900, 700)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
