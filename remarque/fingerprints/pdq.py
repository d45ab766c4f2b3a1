"""PDQ, the 256-bit perceptual hash of Meta, of a picture and of its seven mirrored and turned forms.

Bit for bit what ``pdqhash.compute_dihedral`` gives for the same pixels. Steps ("PDQ & TMK + PDQF", Meta 2019, and the
source in facebook/ThreatExchange, pdq/cpp): luma, two passes of a box blur, 64 x 64 samples, the frequencies 1 to 16 of
a two-dimensional DCT, one bit each for being above their median. The seven other forms come from the same block: a
mirrored picture changes the sign of its odd frequencies, a transposed picture transposes it.

Needs the extra ``filter``; numba is imported when the first picture is hashed (see ``jarosz``).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remarque.errors import MissingExtra
from remarque.fingerprints.luma import Luma

#: What was done to the picture, by row of ``Pdq.hashes``.
ORIENTATIONS = (
    "identity",
    "mirror_left_right",
    "mirror_top_bottom",
    "rotate_180",
    "transpose",
    "rotate_90_ccw",
    "rotate_90_cw",
    "anti_transpose",
)

#: Below this a picture holds too little to be told from others: blank, flat and tiny pictures match everything. The
#: reference's own threshold (PDQ quality, 0-100), also used for every figure about false matches.
MIN_QUALITY = 50

#: Below this side the reference does not hash: all bits 0, quality 0.
MIN_SIDE = 5

_BITS = 256
_LOWER_MEDIAN = _BITS // 2 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Pdq:
    """``hashes``: uint8 (8, 32), one row for each of ORIENTATIONS, a row = ``bytes.fromhex`` of the reference's hex.

    ``quality``: 0 (flat) to 100, the same for all eight.
    """

    hashes: NDArray[np.uint8]
    quality: int


def pdq_dihedral(luma: Luma) -> Pdq:
    """Hash a picture in its eight forms. ``luma``: float32 (h, w), 0..255.

    A side under 5 gives zero bits and quality 0, as the reference does. Raises MissingExtra without numba.
    """
    try:
        from remarque.fingerprints import jarosz
    except ImportError as error:
        raise MissingExtra("filter", "Fingerprinting pictures") from error
    if min(luma.shape) < MIN_SIDE:
        return Pdq(np.zeros((len(ORIENTATIONS), _BITS // 8), np.uint8), 0)
    cells = jarosz.blur_and_decimate(np.require(luma, np.float32, ["C", "W"]))
    block = jarosz.dct_block(cells, _DCT)
    return Pdq(_hashes(block), int(jarosz.quality(cells)))


def _hashes(block: Luma) -> NDArray[np.uint8]:
    """The hashes of the eight forms, float32 (16, 16) to uint8 (8, 32)."""
    across, down, both = block * _SIGNS, block * _SIGNS[:, None], block * _SIGNS * _SIGNS[:, None]
    forms = np.stack([block, across, down, both, block.T, across.T, down.T, both.T]).reshape(-1, _BITS)
    medians = np.partition(forms, _LOWER_MEDIAN, axis=1)[:, _LOWER_MEDIAN, None]
    return np.packbits((forms > medians)[:, ::-1], axis=1)


def _dct_matrix() -> Luma:
    """Frequencies 1 to 16 over 64 samples, float32 (16, 64). The reference rounds the scale first, and so does this."""
    scale = float(np.float32(math.sqrt(2 / 64)))
    rows = [[scale * math.cos(math.pi / 2 / 64 * k * (2 * x + 1)) for x in range(64)] for k in range(1, 17)]
    return np.array(rows, np.float32)


_DCT = _dct_matrix()
#: A mirrored picture changes the sign of the odd frequencies; the first of the block is frequency 1.
_SIGNS = np.array([-1, 1] * 8, np.float32)
