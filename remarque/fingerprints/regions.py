"""Fingerprints of parts of a picture: PDQ's bits over squares around points that are found again in a copy.

A crop, a page around a picture, a turn by five degrees change every hash of the whole frame. Keypoints (SIFT: Lowe,
"Distinctive Image Features from Scale-Invariant Keypoints", 2004) keep their place, size and angle on the picture, so
the square that belongs to one shows the same in the copy. Each square is turned upright, sampled at 64 x 64 and hashed
like a picture. The mirror image of a square is hashed from the same block: across its axis, mirroring flips rows.

Needs the extra ``filter``; OpenCV is imported when the first picture is read. Same pixels, same regions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remarque.errors import MissingExtra
from remarque.fingerprints.blocks import SIDE, block_hashes, dct_blocks, mirrored_down, qualities
from remarque.fingerprints.decode import Picture
from remarque.fingerprints.luma import Luma

Floats = NDArray[np.float32]

#: Longest side of the frame that squares are cut from, in pixels.
FRAME = 512
#: Detection, as (longest side of the copy searched, regions kept). Two sizes at declaration, because the points of a
#: crop are those of a larger picture; asked at the smaller, where SIFT takes 12 ms instead of 30. Kept 64 and asked
#: 128 found 88 % of crops to a quarter; 96 + 32 and 192 found 94 %, 128 + 32 and 192 95 % (120 works).
STORED = ((320, 128), (256, 32))
ASKED = ((256, 192),)
#: SIFT's own threshold is 0.04 and leaves dark paintings with a dozen points; the strongest are chosen anyway.
CONTRAST = 0.01
#: Side of the square, in sizes of its keypoint (8 found more crops than 12).
KEYPOINTS = 8
#: Least side of a square in pixels of the frame, and of the picture as declared. Under 16 real pixels a square shows
#: the enlarged pixels themselves: all false pairs of icons of 32 pixels came from such squares.
LEAST_SIDE, LEAST_PIXELS = 36, 16
#: PDQ quality of a square, 0-100. 40 left dark paintings without regions; bits of what is flat are held back by says.
LEAST_QUALITY = 20
#: The strongest are taken in turns from each part of the frame (GRID x GRID) and each octave of sizes: a page of text
#: must not take all places from the picture on it.
GRID, OCTAVE, OCTAVES = 4, 48, 3
#: A part of a square (one of 8 x 8) counts as texture where the weaker direction's gradient has this mean square,
#: in grey levels of the square at 32 x 32: edges alone and noise stay below.
TEXTURE = 64


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Squares of one picture.

    ``hashes``: uint8 (n, 32). ``places``: float32 (n, 4), centre x and y, side, in pixels of the picture as declared,
    and angle in degrees clockwise. ``says``: uint8 (n,), how many of its 64 parts show texture in both directions.
    ``mirrored``: bool (n,), of the picture mirrored left to right; its places lie in that mirrored picture.
    ``width``, ``height``: of the picture as declared.
    """

    hashes: NDArray[np.uint8]
    places: Floats
    says: NDArray[np.uint8]
    mirrored: NDArray[np.bool_]
    width: int
    height: int

    def __len__(self) -> int:
        return len(self.hashes)


def stored_regions(picture: Picture) -> Regions:
    """What is declared: up to 160 regions, none mirrored. Raises MissingExtra without the extra ``filter``."""
    return _regions(picture, STORED)


def asked_regions(picture: Picture) -> Regions:
    """What is asked about: up to 192 regions, then the same ones mirrored. Errors as in ``stored_regions``."""
    return _regions(picture, ASKED, mirror=True)


def _regions(picture: Picture, sizes: tuple[tuple[int, int], ...], *, mirror: bool = False) -> Regions:
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("filter", "Fingerprinting pictures") from error
    cv2.setNumThreads(1)  # the caller has processes; a pool for each would fight over the cores
    frame = _fitted(picture.luma, FRAME)
    scale = picture.width / frame.shape[1]
    squares = np.concatenate([_chosen(_keypoints(frame, size), frame, scale, keep) for size, keep in sizes])
    cells = _cut(frame, squares)
    enough = qualities(cells) >= LEAST_QUALITY
    squares, cells = squares[enough], cells[enough]
    blocks = dct_blocks(cells)
    places = squares[:, :4].copy()
    places[:, :2] = (places[:, :2] + np.float32(0.5)) * np.float32(scale)
    places[:, 2] *= np.float32(scale)
    says = _texture(cells)
    hashes, flags = block_hashes(blocks), np.zeros(len(blocks), np.bool_)
    if mirror:
        there = places.copy()
        there[:, 0] = picture.width - there[:, 0]
        there[:, 3] = (180 - there[:, 3]) % 360
        hashes = np.concatenate([hashes, block_hashes(mirrored_down(blocks))])
        places, says = np.concatenate([places, there]), np.concatenate([says, says])
        flags = np.concatenate([flags, ~flags])
    return Regions(hashes, places, says, flags, picture.width, picture.height)


def _fitted(luma: Luma, longest: int) -> Luma:
    """The picture with that longest side, or as it is where it comes within 5 % of it."""
    import cv2

    height, width = luma.shape
    scale = longest / max(height, width)
    if abs(scale - 1) <= 0.05:
        return luma
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(luma, size, interpolation=way), np.float32)


def _grey(luma: Luma) -> NDArray[np.uint8]:
    grey: NDArray[np.uint8] = np.clip(luma + np.float32(0.5), 0, 255).astype(np.uint8)
    return grey


def _keypoints(frame: Luma, longest: int) -> Floats:
    """float32 (n, 5): centre, side and angle of each square in pixels of the frame, response."""
    import cv2

    small = _fitted(frame, longest)
    sift = cv2.SIFT_create(nfeatures=0, contrastThreshold=CONTRAST)  # type: ignore[attr-defined]  # not in its stubs
    found = sift.detect(_grey(small), None)
    table = np.array([(*point.pt, point.size, point.angle, point.response) for point in found], np.float32)
    table = table.reshape(-1, 5)
    scale = np.float32(max(frame.shape) / max(small.shape))
    half = np.float32(0.5)
    table[:, :2] = (table[:, :2] + half) * scale - half
    table[:, 2] *= scale * KEYPOINTS
    return table


def _chosen(squares: Floats, frame: Luma, scale: float, keep: int) -> Floats:
    """Those that lie inside the frame and are large enough, at most ``keep``, in turns from each part and octave."""
    x, y, side, angle, _ = squares.T
    turn = np.radians(angle)
    half = side / 2 * (np.abs(np.cos(turn)) + np.abs(np.sin(turn)))
    height, width = frame.shape
    inside = (x - half >= -1) & (y - half >= -1) & (x + half <= width) & (y + half <= height)
    squares = squares[inside & (side >= LEAST_SIDE) & (side * scale >= LEAST_PIXELS)]
    squares = squares[np.lexsort((squares[:, 3], squares[:, 1], squares[:, 0], -squares[:, 4]))]  # strongest first
    column = np.clip(squares[:, 0] / width * GRID, 0, GRID - 1).astype(np.int64)
    row = np.clip(squares[:, 1] / height * GRID, 0, GRID - 1).astype(np.int64)
    octave = np.clip(np.log2(squares[:, 2] / OCTAVE), 0, OCTAVES - 1).astype(np.int64)
    drawer = (row * GRID + column) * OCTAVES + octave
    order = np.argsort(drawer, kind="stable")
    turns = np.empty(len(squares), np.int64)
    turns[order] = np.arange(len(squares)) - np.searchsorted(drawer[order], drawer[order])
    return squares[np.argsort(turns, kind="stable")[:keep]]


def _cut(frame: Luma, squares: Floats) -> Floats:
    """The squares, upright, at 64 x 64, from the pyramid level where they are 64 to 128 pixels wide. float32."""
    import cv2

    levels = [_grey(frame)]
    while min(levels[-1].shape) > SIDE:
        levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.uint8))
    cells = np.empty((len(squares), SIDE, SIDE), np.uint8)
    middle = (SIDE - 1) / 2
    for i, (x, y, side, angle, _) in enumerate(squares.tolist()):
        level = min(len(levels) - 1, max(0, int(np.floor(np.log2(side / SIDE)))))
        shrunk = 0.5**level
        step = side * shrunk / SIDE
        cos, sin = np.cos(np.radians(angle)) * step, np.sin(np.radians(angle)) * step
        left = (x + 0.5) * shrunk - 0.5 - middle * (cos - sin)
        top = (y + 0.5) * shrunk - 0.5 - middle * (sin + cos)
        cells[i] = cv2.warpAffine(
            levels[level],
            np.array([[cos, -sin, left], [sin, cos, top]]),
            (SIDE, SIDE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
    return cells.astype(np.float32)


def _texture(cells: Floats) -> NDArray[np.uint8]:
    """How many of the 8 x 8 parts of each square have a structure tensor whose smaller eigenvalue exceeds TEXTURE."""
    half = (cells[:, ::2, ::2] + cells[:, 1::2, ::2] + cells[:, ::2, 1::2] + cells[:, 1::2, 1::2]) / np.float32(4)
    across, down = np.zeros_like(half), np.zeros_like(half)
    across[:, :, 1:-1] = half[:, :, 2:] - half[:, :, :-2]
    down[:, 1:-1] = half[:, 2:] - half[:, :-2]
    xx, yy, xy = _means(across * across), _means(down * down), _means(across * down)
    smaller = (xx + yy - np.sqrt((xx - yy) ** 2 + 4 * xy * xy)) / 2
    textured: NDArray[np.uint8] = np.count_nonzero(smaller > TEXTURE, axis=(1, 2)).astype(np.uint8)
    return textured


def _means(values: Floats) -> Floats:
    """Means of 4 x 4 neighbours. float32 (n, 32, 32) to float32 (n, 8, 8)."""
    means: Floats = values.reshape(-1, 8, 4, 8, 4).mean((2, 4))
    return means
