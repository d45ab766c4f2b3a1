"""Fingerprints of the whole picture, and of the pictures that seem to lie inside it.

Two hashes of each frame. PDQ as its reference computes it, of the full frame alone: what everybody else stores. And the
same bits from the 64 x 64 means of a box of pixels (*area* hash): it does not depend on how many pixels there are,
which PDQ does below 512 (it samples every so many pixels, and filters little), so that small works are found again.
Both live in one index; they are 4 to 16 bits apart on large pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remarque.errors import MissingExtra
from remarque.fingerprints.blocks import SIDE, block_hashes, dct_blocks, dihedral, qualities
from remarque.fingerprints.boxes import Box, proposals, trimmed
from remarque.fingerprints.decode import Picture
from remarque.fingerprints.luma import Luma
from remarque.fingerprints.pdq import ORIENTATIONS, Pdq, pdq_dihedral


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Hashes of frames of one picture; row 0 is the PDQ of the full frame, upright, bit for bit.

    ``hashes``: uint8 (n, 32). ``quality``: int32 (n,), 0-100, of each. ``boxes``: float32 (n, 4), left, top, right,
    bottom as shares of the picture. ``orientations``: n names of ORIENTATIONS.
    """

    hashes: NDArray[np.uint8]
    quality: NDArray[np.int32]
    boxes: NDArray[np.float32]
    orientations: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.hashes)


def stored_frames(picture: Picture, pdq: Pdq | None = None) -> Frames:
    """What is declared: PDQ in its eight forms, the area hash of the full frame in eight, and, where the picture has a
    border of its own, that of what is inside in eight: 16 or 24 rows.

    ``pdq``: the PDQ of the same picture, where it is known already. Raises MissingExtra without the extra ``filter``.
    """
    upright = pdq or pdq_dihedral(picture.luma)
    full = (0, 0, picture.luma.shape[1], picture.luma.shape[0])
    inside = _trimmed(picture.luma)
    boxes = [full] if inside == full else [full, inside]
    blocks, quality = _area_blocks(picture.luma, boxes)
    hashes = [upright.hashes, *(block_hashes(dihedral(block)) for block in blocks)]
    each = np.repeat(np.array([upright.quality, *quality], np.int32), len(ORIENTATIONS))
    places = np.repeat(_shares([full, *boxes], picture.luma), len(ORIENTATIONS), axis=0)
    return Frames(np.concatenate(hashes), each, places, ORIENTATIONS * (1 + len(boxes)))


def asked_frames(picture: Picture, pdq: Pdq | None = None) -> Frames:
    """What is asked about: PDQ and area hash of the full frame, area hashes of up to five boxes inside, upright.

    ``pdq`` and errors as in ``stored_frames``.
    """
    upright = pdq or pdq_dihedral(picture.luma)
    boxes = _proposals(picture.luma)
    blocks, quality = _area_blocks(picture.luma, boxes)
    hashes = np.concatenate([upright.hashes[:1], block_hashes(blocks)])
    each = np.array([upright.quality, *quality], np.int32)
    return Frames(hashes, each, _shares([boxes[0], *boxes], picture.luma), ORIENTATIONS[:1] * len(hashes))


def _trimmed(luma: Luma) -> Box:
    try:
        return trimmed(luma)
    except ImportError as error:
        raise MissingExtra("filter", "Fingerprinting pictures") from error


def _proposals(luma: Luma) -> list[Box]:
    try:
        return proposals(luma)
    except ImportError as error:
        raise MissingExtra("filter", "Fingerprinting pictures") from error


def _area_blocks(luma: Luma, boxes: list[Box]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The means of 64 x 64 parts of each box, transformed. Blocks float32 (n, 16, 16), qualities int32 (n,)."""
    import cv2

    cells = np.empty((len(boxes), SIDE, SIDE), np.float32)
    for i, (left, top, right, bottom) in enumerate(boxes):
        part = luma[top:bottom, left:right]
        cells[i] = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return dct_blocks(cells), qualities(cells)


def _shares(boxes: list[Box], luma: Luma) -> NDArray[np.float32]:
    height, width = luma.shape
    return np.array(boxes, np.float32) / np.array([width, height, width, height], np.float32)
