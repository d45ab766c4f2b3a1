"""The loops of PDQ, compiled: Jarosz blur, decimation, DCT, quality.

A port of downscaling.cpp and pdqhashing.cpp of facebook/ThreatExchange, bit for bit: float32 throughout, sums in the
same order, no fused multiply-add.

numba is imported here and nowhere else among the fingerprints, so that ``import remarque.fingerprints`` stays light;
``pdq`` imports this module when the first picture is hashed. Compiled code is kept beside the source, or, where that
cannot be written, in numba's own cache directory (``NUMBA_CACHE_DIR``, ``~/.cache/numba``); without any writable place
it is compiled anew in each process.
"""

import numpy as np

from remarque.compiled import compiled
from remarque.fingerprints.luma import Luma

#: Side of the picture that is transformed, and number of frequencies kept on each axis.
SIDE, KEPT = 64, 16

#: Rows blurred side by side: the width of the widest vector register there is, in float32.
LANES = 16


@compiled
def _box_down(image: Luma, out: Luma, window: int) -> None:
    """Mean of ``window`` neighbours down every column; at the ends, of those that exist. float32 (h, w) to the same.

    Additions and subtractions come in the order of the reference (box1DFloat), so that they round as it does.
    """
    height, width = image.shape
    ahead = (window + 2) // 2 - 1
    sums = np.zeros(width, np.float32)
    for y in range(ahead):
        for x in range(width):
            sums[x] += image[y, x]
    for y in range(ahead, window):
        count = np.float32(y + 1)
        for x in range(width):
            sums[x] += image[y, x]
            out[y - ahead, x] = sums[x] / count
    full = np.float32(window)
    for y in range(window, height):
        for x in range(width):
            sums[x] = (sums[x] + image[y, x]) - image[y - window, x]
            out[y - ahead, x] = sums[x] / full
    for y in range(height, height + ahead):
        count = np.float32(height - (y - window + 1))
        for x in range(width):
            sums[x] -= image[y - window, x]
            out[y - ahead, x] = sums[x] / count


@compiled
def _rows_to_columns(image: Luma, top: int, strip: Luma) -> int:
    """Copy the rows from ``top`` on, at most LANES, into the columns of ``strip``; return how many there were."""
    height, width = image.shape
    lanes: int = min(LANES, height - top)
    if lanes == LANES:  # a count known to the compiler: a third off the time of the whole blur
        for x in range(width):
            for k in range(LANES):
                strip[x, k] = image[top + k, x]
    else:
        for x in range(width):
            for k in range(lanes):
                strip[x, k] = image[top + k, x]
    return lanes


@compiled
def blur_and_decimate(luma: Luma) -> Luma:
    """The picture that PDQ looks at: float32 (h, w), each side at least 5, to float32 (64, 64).

    Two passes of a box along the rows, then down the columns, with windows of 1/128 of the side, rounded up; then one
    sample for each cell. Rows are taken sixteen at a time, turned into columns, because sixteen sums side by side cost
    what one costs. The second pass is worked out for the sampled columns alone.
    """
    height, width = luma.shape
    across = (width + 2 * SIDE - 1) // (2 * SIDE)
    down = (height + 2 * SIDE - 1) // (2 * SIDE)
    once = np.empty((height, width), np.float32)
    twice = np.empty((height, width), np.float32)
    strip = np.zeros((width, LANES), np.float32)
    blurred = np.empty((width, LANES), np.float32)
    for top in range(0, height, LANES):
        lanes = _rows_to_columns(luma, top, strip)
        _box_down(strip, blurred, across)
        for k in range(lanes):
            for x in range(width):
                once[top + k, x] = blurred[x, k]
    _box_down(once, twice, down)
    narrow = np.empty((height, SIDE), np.float32)
    for top in range(0, height, LANES):
        lanes = _rows_to_columns(twice, top, strip)
        _box_down(strip, blurred, across)
        for k in range(lanes):
            for j in range(SIDE):
                narrow[top + k, j] = blurred[int((j + 0.5) * width / SIDE), k]
    small = np.empty((height, SIDE), np.float32)
    _box_down(narrow, small, down)
    cells = np.empty((SIDE, SIDE), np.float32)
    for i in range(SIDE):
        cells[i] = small[int((i + 0.5) * height / SIDE)]
    return cells


@compiled
def dct_block(cells: Luma, matrix: Luma) -> Luma:
    """``matrix @ cells @ matrix.T`` summed in the reference's order. float32 (64, 64) and (16, 64) to (16, 16)."""
    middle = np.zeros((KEPT, SIDE), np.float32)
    for i in range(KEPT):
        for k in range(SIDE):
            for j in range(SIDE):
                middle[i, j] += matrix[i, k] * cells[k, j]
    turned = np.ascontiguousarray(matrix.T)
    block = np.zeros((KEPT, KEPT), np.float32)
    for i in range(KEPT):
        for k in range(SIDE):
            for j in range(KEPT):
                block[i, j] += middle[i, k] * turned[k, j]
    return block


@compiled
def quality(cells: Luma) -> int:
    """How much the 64 x 64 picture varies from cell to cell: 0 (flat) to 100. Steps under 2.55 do not count."""
    total = 0
    for i in range(SIDE):
        for j in range(SIDE):
            if i + 1 < SIDE:
                total += abs(int((cells[i, j] - cells[i + 1, j]) * np.float32(100) / np.float32(255)))
            if j + 1 < SIDE:
                total += abs(int((cells[i, j] - cells[i, j + 1]) * np.float32(100) / np.float32(255)))
    score: int = min(100, total // 90)
    return score
