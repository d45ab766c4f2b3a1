"""Fingerprints of the parts of a picture: PDQ's bits over squares around the points that are found again in a copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remarque.errors import MissingExtra
from remarque.fingerprints.blocks import SIDE, block_hashes, dct_blocks, mirrored_down, qualities
from remarque.fingerprints.decode import Picture

Floats = NDArray[np.float32]

#: Longest side of the frame that regions are cut from, and of a larger one for pages and screenshots.
FRAME, BIG_FRAME, BIG = 512, 768, 700
KEYPOINT_SIDES = 8
LEAST_SIDE = 36
LEAST_QUALITY = 20
STORED = ((320, 96), (256, 32))
ASKED = ((256, 192),)
GRID, BAND, BANDS = 4, 48, 3


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    hashes: NDArray[np.uint8]
    places: Floats
    says: NDArray[np.uint8]
    mirrored: NDArray[np.bool_]
    width: int
    height: int

    def __len__(self) -> int:
        return len(self.hashes)


def stored_regions(picture: Picture) -> Regions:
    return _regions(picture, FRAME, STORED, mirror=False)


def asked_regions(picture: Picture) -> Regions:
    return _regions(picture, FRAME, ASKED, mirror=True)


def fit(luma, longest):
    import cv2

    h, w = luma.shape
    f = longest / max(h, w)
    if abs(f - 1) <= 0.05:
        return luma
    size = (max(1, round(w * f)), max(1, round(h * f)))
    return cv2.resize(luma, size, interpolation=cv2.INTER_AREA if f < 1 else cv2.INTER_LINEAR)


def keypoints(frame, longest, contrast=0.01):
    """Places (n, 4) x, y, size, angle in pixels of frame, and response."""
    import cv2

    small = fit(frame, longest)
    sift = cv2.SIFT_create(nfeatures=0, contrastThreshold=contrast)
    found = sift.detect(np.clip(small + 0.5, 0, 255).astype(np.uint8), None)
    table = np.array([(*k.pt, k.size, k.angle, k.response) for k in found], np.float32).reshape(-1, 5)
    f = np.float32(max(frame.shape) / max(small.shape))
    table[:, :2] = (table[:, :2] + np.float32(0.5)) * f - np.float32(0.5)
    table[:, 2] *= f * KEYPOINT_SIDES
    return table


def choose(table, shape, keep):
    x, y, side, angle, response = table.T
    turn = np.radians(angle)
    half = side / 2 * (np.abs(np.cos(turn)) + np.abs(np.sin(turn)))
    h, w = shape
    inside = (x - half >= -1) & (y - half >= -1) & (x + half <= w) & (y + half <= h) & (side >= LEAST_SIDE)
    t = table[inside]
    t = t[np.lexsort((t[:, 3], t[:, 1], t[:, 0], -t[:, 4]))]
    column = np.clip(t[:, 0] / w * GRID, 0, GRID - 1).astype(int)
    row = np.clip(t[:, 1] / h * GRID, 0, GRID - 1).astype(int)
    band = np.clip(np.log2(t[:, 2] / BAND), 0, BANDS - 1).astype(int)
    cell = (row * GRID + column) * BANDS + band
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], cell[order])
    rank = np.empty(len(t), int)
    rank[order] = np.arange(len(t)) - starts
    return t[np.argsort(rank, kind="stable")][:keep]


def cut(frame, table):
    """float32 (n, 64, 64)."""
    import cv2

    levels = [np.clip(frame + 0.5, 0, 255).astype(np.uint8)]
    while min(levels[-1].shape) > 80:
        levels.append(cv2.pyrDown(levels[-1]))
    cells = np.empty((len(table), SIDE, SIDE), np.uint8)
    for i, (x, y, side, angle, _) in enumerate(table.tolist()):
        level = min(len(levels) - 1, max(0, int(np.floor(np.log2(side / 64)))))
        f = 0.5**level
        step = side * f / SIDE
        c, s = np.cos(np.radians(angle)) * step, np.sin(np.radians(angle)) * step
        cx, cy = (x + 0.5) * f - 0.5, (y + 0.5) * f - 0.5
        m = (SIDE - 1) / 2
        cv2.warpAffine(
            levels[level],
            np.array([[c, -s, cx - m * (c - s)], [s, c, cy - m * (s + c)]]),
            (SIDE, SIDE),
            cells[i],
            cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            cv2.BORDER_REFLECT,
        )
    return cells.astype(np.float32)


def says_of(cells):
    """How many of the 64 parts of each patch hold texture in both directions."""
    half = cells.reshape(-1, 32, 2, 32, 2).mean((2, 4))
    gx = np.zeros_like(half)
    gy = np.zeros_like(half)
    gx[:, :, 1:-1] = half[:, :, 2:] - half[:, :, :-2]
    gy[:, 1:-1] = half[:, 2:] - half[:, :-2]

    def pool(a):
        return a.reshape(-1, 8, 4, 8, 4).mean((2, 4))

    xx, yy, xy = pool(gx * gx), pool(gy * gy), pool(gx * gy)
    least = (xx + yy - np.sqrt((xx - yy) ** 2 + 4 * xy * xy)) / 2
    return (least > 64).sum((1, 2)).astype(np.uint8)


def _regions(picture, longest, scales, *, mirror):
    import cv2

    cv2.setNumThreads(1)
    frame = fit(picture.luma, longest)
    table = np.concatenate([choose(keypoints(frame, detect), frame.shape, keep) for detect, keep in scales])
    cells = cut(frame, table)
    q = qualities(cells)
    table, cells = table[q >= LEAST_QUALITY], cells[q >= LEAST_QUALITY]
    blocks = dct_blocks(cells)
    f = picture.width / frame.shape[1]
    places = table[:, :4].copy()
    places[:, :2] = (places[:, :2] + 0.5) * f
    places[:, 2] *= f
    says = says_of(cells)
    hashes = block_hashes(blocks)
    flags = np.zeros(len(table), bool)
    if mirror:
        other = places.copy()
        other[:, 0] = picture.width - other[:, 0]
        other[:, 3] = (180 - other[:, 3]) % 360
        hashes = np.concatenate([hashes, block_hashes(mirrored_down(blocks))])
        places = np.concatenate([places, other])
        says = np.concatenate([says, says])
        flags = np.concatenate([flags, ~flags])
    return Regions(hashes, places, says, flags, picture.width, picture.height)
