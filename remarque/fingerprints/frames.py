"""Fingerprints of the whole picture, and of the pictures that seem to lie inside it.

Two hashes of each frame. PDQ as its reference computes it, of the full frame alone: what everybody else stores. And the
same bits from the 64 x 64 means of a box of pixels (*area* hash): it does not depend on how many pixels there are,
which PDQ does below 512 (it samples every so many pixels, and filters little), so that small works are found again.
Both live in one index; they are 4 to 16 bits apart on large pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from remarque.errors import MissingExtra
from remarque.fingerprints.blocks import SIDE, block_hashes, dct_blocks, dihedral, qualities
from remarque.fingerprints.boxes import Box, proposals, trimmed
from remarque.fingerprints.decode import Picture
from remarque.fingerprints.luma import Luma
from remarque.fingerprints.pdq import MIN_QUALITY, ORIENTATIONS, Pdq, pdq_dihedral

T = TypeVar("T")

#: Bits of a frame whose frequencies lie closer to their median than this are decided by rounding: fine weaves and
#: dotted grounds that look grey all hash alike (0 to 0.8; the least of 489 works of art and photographs was 3.7).
FIRM = 2.0
#: Radius of a deep check, in bits, for frames of LEAST_DEEP_SIDE and more: it adds watermarks, captions and slight
#: crops. Between different works of that size the nearest pair lay at 66; icons of 32 pixels lie nearer.
DEEP_RADIUS, LEAST_DEEP_SIDE = 48, 64


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Hashes of frames of one picture; row 0 is the PDQ of the full frame, upright, bit for bit.

    ``hashes``: uint8 (n, 32). ``quality``: int32 (n,), 0-100, of each. ``boxes``: float32 (n, 4), left, top, right,
    bottom as shares of the picture. ``sides``: int32 (n,), shorter side of each box in pixels of the picture.
    ``counts``: bool (n,), whether the frame holds enough to be told from others. ``orientations``: n of ORIENTATIONS.
    """

    hashes: NDArray[np.uint8]
    quality: NDArray[np.int32]
    boxes: NDArray[np.float32]
    sides: NDArray[np.int32]
    counts: NDArray[np.bool_]
    orientations: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.hashes)


def stored_frames(picture: Picture, pdq: Pdq | None = None) -> Frames:
    """What is declared: PDQ in its eight forms, the area hash of the full frame in eight; where the picture has a
    border of its own, that of what is inside in eight, and where it is no square, that of its middle: 16 to 32 rows.

    ``pdq``: the PDQ of the same picture, where it is known already. Raises MissingExtra without the extra ``filter``.
    """
    upright = pdq or pdq_dihedral(picture.luma)
    full = _full(picture.luma)
    inside = _located(trimmed, picture.luma)
    boxes = [full, *(box for box in (inside, _centre(picture.luma)) if box != full)]
    return _frames(picture, upright, boxes, len(ORIENTATIONS))


def asked_frames(picture: Picture, pdq: Pdq | None = None) -> Frames:
    """What is asked about: PDQ and area hash of the full frame, area hashes of up to five boxes inside, upright.

    ``pdq`` and errors as in ``stored_frames``.
    """
    upright = pdq or pdq_dihedral(picture.luma)
    return _frames(picture, upright, _located(proposals, picture.luma), 1)


def _frames(picture: Picture, pdq: Pdq, boxes: list[Box], forms: int) -> Frames:
    """PDQ of the full frame and area hashes of the boxes, the first of which is the full frame; so many forms each."""
    luma = picture.luma
    blocks, quality = _area_blocks(luma, boxes)
    hashes = np.concatenate([pdq.hashes[:forms], *(block_hashes(dihedral(block)[:forms]) for block in blocks)])
    boxes = [boxes[0], *boxes]
    height, width = luma.shape
    shares: NDArray[np.float32] = (np.array(boxes) / [width, height, width, height]).astype(np.float32)
    wide, high = (shares[:, 2:] - shares[:, :2]).T
    sides = np.minimum(wide * picture.width, high * picture.height).round().astype(np.int32)
    each = np.array([pdq.quality, *quality], np.int32)
    firm = _firmness(blocks) >= FIRM
    counts = (each >= MIN_QUALITY) & np.concatenate([firm[:1], firm])
    rows = np.repeat(np.arange(len(boxes)), forms)
    return Frames(hashes, each[rows], shares[rows], sides[rows], counts[rows], ORIENTATIONS[:forms] * len(boxes))


def _full(luma: Luma) -> Box:
    return 0, 0, luma.shape[1], luma.shape[0]


def _centre(luma: Luma) -> Box:
    """The largest square in the middle: what dataset tools and thumbnails keep."""
    height, width = luma.shape
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _located(look: Callable[[Luma], T], luma: Luma) -> T:
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("filter", "Fingerprinting pictures") from error
    cv2.setNumThreads(1)  # the caller has processes; a pool for each would fight over the cores
    return look(luma)


def _area_blocks(luma: Luma, boxes: list[Box]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The means of 64 x 64 parts of each box, transformed. Blocks float32 (n, 16, 16), qualities int32 (n,)."""
    import cv2

    cells = np.empty((len(boxes), SIDE, SIDE), np.float32)
    for i, (left, top, right, bottom) in enumerate(boxes):
        cells[i] = cv2.resize(luma[top:bottom, left:right], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return dct_blocks(cells), qualities(cells)


def _firmness(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far from the median, in grey levels, all but a quarter of the frequencies lie. float32 (n,)."""
    flat = blocks.reshape(len(blocks), -1)
    middle = flat.shape[1] // 2 - 1
    away = np.abs(flat - np.partition(flat, middle, axis=1)[:, middle, None])
    firmness: NDArray[np.float32] = np.partition(away, flat.shape[1] // 4, axis=1)[:, flat.shape[1] // 4]
    return firmness
