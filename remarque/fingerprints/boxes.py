"""Where in a picture another picture seems to lie: inside a border, between lines of text, on a ground of one colour.

Boxes are whole pixels of the luma they were found in: left, top, right, bottom, the last two exclusive.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from remarque.fingerprints.luma import Luma

Box = tuple[int, int, int, int]
Mask = NDArray[np.uint8]

#: Longest side of the small copy on which boxes are looked for.
COARSE = 320
#: A pixel belongs to no border if it differs by more than this from the ground, of 255: above the noise of JPEG q50.
CONTRAST = 14
#: Where less than this share of the four edges is ground, there is no ground: most photographs, told in 0.1 ms. Bars
#: above and below a tall picture make up 0.46 of its edges, a page or a border nearly all.
GROUND_SHARE = 0.3
#: A border ends at the first row or column of which this share differs from the ground; a speck does not end it.
BORDER_SHARE = 0.03
#: A pasted picture fills this share of its rows, and of its columns; at the full size, of both.
ROW_SHARE, COLUMN_SHARE, EDGE_SHARE = 0.6, 0.3, 0.5
#: The least height of a run of such rows, and the least area of a connected part: shares of the whole.
LEAST_RUN, LEAST_AREA = 0.12, 0.04
#: No box has a shorter side than this, in pixels.
LEAST_SIDE = 24
#: Two boxes are the same if no edge differs by more than this share of the side.
SAME = 0.008
#: The most boxes, the full frame among them (the mean over plain photographs was 1.9).
MOST = 6


def trimmed(luma: Luma) -> Box:
    """The picture without a border of one grey; the full frame if there is none. ``luma``: float32 (h, w), 0..255."""
    full = (0, 0, luma.shape[1], luma.shape[0])
    if not _has_ground(luma):
        return full
    small, scale = _coarse(luma)
    box = _trim(_mask(small, _ground(small)))
    if box is None:
        return full
    refined = _refined(luma, _scaled(box, scale, luma), scale, BORDER_SHARE)
    return full if _same(refined, full, luma) or _narrow(refined) else refined


def proposals(luma: Luma) -> list[Box]:
    """The full frame first, then the boxes that may hold a picture, at most MOST. ``luma``: float32 (h, w), 0..255."""
    full = (0, 0, luma.shape[1], luma.shape[0])
    kept = [full]
    if not _has_ground(luma):
        return kept
    small, scale = _coarse(luma)
    mask = _mask(small, _ground(small))
    trim = _trim(mask)
    found = [] if trim is None else [_refined(luma, _scaled(trim, scale, luma), scale, BORDER_SHARE)]
    found += [_even(box, luma) for box in found]
    found += [_refined(luma, _scaled(box, scale, luma), scale, EDGE_SHARE) for box in _runs(mask) + _parts(mask)]
    for box in found:
        if len(kept) < MOST and not _narrow(box) and not any(_same(box, other, luma) for other in kept):
            kept.append(box)
    return kept


def _coarse(luma: Luma) -> tuple[Luma, float]:
    import cv2

    height, width = luma.shape
    scale = max(1.0, max(height, width) / COARSE)
    if scale == 1:
        return luma, 1.0
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32), scale


def _edges(luma: Luma) -> Luma:
    return np.concatenate([luma[0], luma[-1], luma[:, 0], luma[:, -1]])


def _has_ground(luma: Luma) -> bool:
    edges = _edges(luma)
    return bool(np.count_nonzero(np.abs(edges - np.median(edges)) <= CONTRAST) >= GROUND_SHARE * len(edges))


def _ground(luma: Luma) -> float:
    """The median of the four edges."""
    return float(np.median(_edges(luma)))


def _mask(luma: Luma, ground: float) -> Mask:
    """1 where the picture differs from the ground."""
    return ((luma > ground + CONTRAST) | (luma < ground - CONTRAST)).view(np.uint8)


def _filled(mask: Mask, axis: int) -> NDArray[np.float32]:
    """The share of each column (axis 0) or row (axis 1) that is not ground."""
    import cv2

    return np.asarray(cv2.reduce(mask, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F), np.float32).ravel()


def _span(lines: NDArray[np.bool_]) -> tuple[int, int] | None:
    places = np.flatnonzero(lines)
    return None if len(places) == 0 else (int(places[0]), int(places[-1]) + 1)


def _trim(mask: Mask, share: float = BORDER_SHARE) -> Box | None:
    rows, columns = _span(_filled(mask, 1) > share), _span(_filled(mask, 0) > share)
    return None if rows is None or columns is None else (columns[0], rows[0], columns[1], rows[1])


def _even(box: Box, luma: Luma) -> Box:
    """The box with borders of one width left and right, and of one above and below.

    Tools pad evenly; where the picture itself has the colour of the border, more than the border was trimmed.
    """
    height, width = luma.shape
    side, end = min(box[0], width - box[2]), min(box[1], height - box[3])
    return side, end, width - side, height - end


def _runs(mask: Mask) -> list[Box]:
    """Runs of rows that are mostly not ground, inside them the columns that are not."""
    import cv2

    closed = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)
    full = np.concatenate([[False], _filled(closed, 1) > ROW_SHARE, [False]])
    ends = np.flatnonzero(full[1:] != full[:-1])
    boxes = []
    for top, bottom in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
        columns = _span(_filled(closed[top:bottom], 0) > COLUMN_SHARE)
        if bottom - top >= LEAST_RUN * len(mask) and columns:
            boxes.append((columns[0], top, columns[1], bottom))
    return boxes


def _parts(mask: Mask) -> list[Box]:
    """The three largest connected parts, once lines of text are rubbed out."""
    import cv2

    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    half = np.ascontiguousarray(opened[::2, ::2])  # at a quarter of the time; edges are found again anyway
    _, _, table, _ = cv2.connectedComponentsWithStats(half)
    parts = sorted(np.asarray(table)[1:].tolist(), key=lambda part: -part[4])[:3]
    large = (part for part in parts if part[4] > LEAST_AREA * half.size)
    return [(2 * x, 2 * y, 2 * (x + w), 2 * (y + h)) for x, y, w, h, _ in large]


def _scaled(box: Box, scale: float, luma: Luma) -> Box:
    height, width = luma.shape
    left, top, right, bottom = (round(edge * scale) for edge in box)
    return min(width, left), min(height, top), min(width, right), min(height, bottom)


def _refined(luma: Luma, box: Box, scale: float, share: float) -> Box:
    """The box with its edges found again at the full size, a little around where they were found in the small copy."""
    height, width = luma.shape
    pad = 4 + int(2 * scale)
    left, top = max(0, box[0] - pad), max(0, box[1] - pad)
    right, bottom = min(width, box[2] + pad), min(height, box[3] + pad)
    part = luma[top:bottom, left:right]
    if part.size == 0:
        return box
    tight = _trim(_mask(part, _ground(part)), share)
    if tight is None or tight[2] - tight[0] < 8 or tight[3] - tight[1] < 8:
        return box
    return left + tight[0], top + tight[1], left + tight[2], top + tight[3]


def _narrow(box: Box) -> bool:
    return min(box[2] - box[0], box[3] - box[1]) < LEAST_SIDE


def _same(one: Box, other: Box, luma: Luma) -> bool:
    height, width = luma.shape
    sides = (width, height, width, height)
    return all(abs(a - b) <= SAME * side for a, b, side in zip(one, other, sides, strict=True))
