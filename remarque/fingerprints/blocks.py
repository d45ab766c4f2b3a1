"""From many 64 x 64 pictures to PDQ's bits at once: the steps of ``pdq`` that follow its blur, with numpy alone.

Steps and bit order are those of ``pdq``; the sums are numpy's, so that a bit at the very median may differ.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Hashes = NDArray[np.uint8]

#: Side of the pictures, and frequencies kept on each axis.
SIDE, KEPT = 64, 16

_MATRIX: Floats = (
    math.sqrt(2 / SIDE) * np.cos(np.pi / (2 * SIDE) * np.outer(np.arange(1, KEPT + 1), 2 * np.arange(SIDE) + 1))
).astype(np.float32)
_TURNED = np.ascontiguousarray(_MATRIX.T)
#: A mirrored picture changes the sign of its odd frequencies; the first of a block is frequency 1.
_SIGNS = np.array([-1, 1] * (KEPT // 2), np.float32)


def dct_blocks(cells: Floats) -> Floats:
    """The frequencies 1 to 16 on both axes. float32 (n, 64, 64) to float32 (n, 16, 16)."""
    # One small product at a time: a large one would wake the threads of the BLAS, three times the processor's work.
    blocks: Floats = np.matmul(_MATRIX, np.matmul(np.ascontiguousarray(cells, np.float32), _TURNED))
    return blocks


def block_hashes(blocks: Floats) -> Hashes:
    """One bit for each frequency above the lower median of its block. float32 (n, 16, 16) to uint8 (n, 32)."""
    flat = blocks.reshape(-1, KEPT * KEPT)
    middle = KEPT * KEPT // 2 - 1
    medians = np.partition(flat, middle, axis=1)[:, middle, None] if len(flat) else flat[:, :1]
    return np.packbits((flat > medians)[:, ::-1], axis=1)


def mirrored_down(blocks: Floats) -> Floats:
    """The blocks of the same pictures turned upside down. float32 (n, 16, 16) to the same."""
    return blocks * _SIGNS[:, None]


def dihedral(block: Floats) -> Floats:
    """One block in its eight forms, in the order of ``pdq.ORIENTATIONS``. float32 (16, 16) to float32 (8, 16, 16)."""
    across, down, both = block * _SIGNS, block * _SIGNS[:, None], block * _SIGNS * _SIGNS[:, None]
    return np.stack([block, across, down, both, block.T, across.T, down.T, both.T])


def qualities(cells: Floats) -> NDArray[np.int32]:
    """PDQ's quality of each picture, 0 to 100. float32 (n, 64, 64), 0..255, to int32 (n,)."""
    hundredths = cells * np.float32(100 / 255)
    down = np.abs(np.trunc(hundredths[:, 1:] - hundredths[:, :-1])).sum((1, 2))
    across = np.abs(np.trunc(hundredths[:, :, 1:] - hundredths[:, :, :-1])).sum((1, 2))
    quality: NDArray[np.int32] = np.minimum(100, (down + across) // 90).astype(np.int32)
    return quality
