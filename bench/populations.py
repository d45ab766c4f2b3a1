"""Hashes to fill an index with: random ones, and PDQ of real pictures, cropped at random, in their eight forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE, KEPT = 64, 16
#: Crops of a picture that are hashed at once.
TOGETHER = 200
#: A crop has 35 to 100 % of each side of its picture.
SMALLEST = 0.35
#: As at registration: pictures that hold less are refused.
MIN_QUALITY = 50
#: Pictures that are kept out of the index; crops of them are the queries that should find nothing.
KEPT_OUT = 60
LARGEST = (1024, 1024)

Hashes = NDArray[np.uint8]

_DCT = np.sqrt(2 / SIDE) * np.cos(np.pi / 2 / SIDE * np.outer(np.arange(1, KEPT + 1), 2 * np.arange(SIDE) + 1))
_SIGNS = np.array([-1.0, 1.0] * (KEPT // 2))


def random_hashes(n: int, seed: int) -> Hashes:
    return np.random.default_rng(seed).integers(0, 256, (n, 32), dtype=np.uint8)


def real_hashes(folder: Path, n: int, seed: int) -> tuple[Hashes, Hashes]:
    """``n`` hashes of crops of the pictures under photos/ and art/, and 20,000 of pictures that are not among them.

    Cells are means over their area, which costs a hundredth of the blur of PDQ for many crops of one picture; the
    transform, the median and the eight forms are PDQ's.
    """
    random = np.random.default_rng(seed)
    kinds = {".jpg", ".jpeg", ".png"}
    paths = sorted(p for name in ("photos", "art") for p in (folder / name).rglob("*") if p.suffix.lower() in kinds)
    if len(paths) <= KEPT_OUT:
        raise SystemExit(f"{folder} must hold more than {KEPT_OUT} pictures in photos/ and art/")
    random.shuffle(paths)
    pictures = [_sums(path) for path in paths]
    return _many(pictures[KEPT_OUT:], n, random), _many(pictures[:KEPT_OUT], 20_000, random)


def _many(pictures: list[NDArray[np.float64]], n: int, random: np.random.Generator) -> Hashes:
    hashes, have = [np.empty((0, 32), np.uint8)], 0
    while have < n:
        before = have
        for sums in pictures:
            hashes.append(_hashes(_crops(sums, max(1, min(TOGETHER, n // len(pictures))), random)))
            have += len(hashes[-1])
        if have == before:
            raise SystemExit("every picture is too plain")
    return np.concatenate(hashes)[random.permutation(have)[:n]]


def _sums(path: Path) -> NDArray[np.float64]:
    """The sums of all pixels above and left of each corner."""
    with Image.open(path) as opened:
        gray = opened.convert("L")
    gray.thumbnail(LARGEST)
    sums = np.zeros((gray.height + 1, gray.width + 1))
    sums[1:, 1:] = np.asarray(gray, np.float64).cumsum(0).cumsum(1)
    return sums


def _crops(sums: NDArray[np.float64], count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """float64 (count, 64, 64): random rectangles of the picture, as means of 64 x 64 cells."""
    cells = np.empty((count, SIDE, SIDE))
    for i in range(count):
        (top, bottom), (left, right) = (_edges(size - 1, random) for size in sums.shape)
        total = sums[np.ix_(bottom, right)] - sums[np.ix_(top, right)]
        total += sums[np.ix_(top, left)] - sums[np.ix_(bottom, left)]
        cells[i] = total / np.outer(bottom - top, right - left)
    return cells


def _edges(size: int, random: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    length = random.uniform(SMALLEST, 1) * size
    edges = np.floor(random.random() * (size - length) + np.arange(SIDE + 1) * length / SIDE + 0.5).astype(np.int64)
    ends = np.maximum(edges[1:], edges[:-1] + 1).clip(max=size)
    return np.minimum(edges[:-1], ends - 1), ends


def _hashes(cells: NDArray[np.float64]) -> Hashes:
    """The eight PDQ of each crop that is not too plain, uint8 (8 k, 32)."""
    steps = [np.trunc(np.abs(np.diff(cells, axis=axis)) * 100 / 255).sum((1, 2)) for axis in (1, 2)]
    blocks = _DCT @ cells[(steps[0] + steps[1]) // 90 >= MIN_QUALITY] @ _DCT.T
    across, down, both = blocks * _SIGNS, blocks * _SIGNS[:, None], blocks * _SIGNS * _SIGNS[:, None]
    plain = [blocks, across, down, both]
    forms = np.stack([*plain, *(form.transpose(0, 2, 1) for form in plain)], 1).reshape(-1, KEPT * KEPT)
    medians = np.partition(forms, KEPT * KEPT // 2 - 1, axis=1)[:, KEPT * KEPT // 2 - 1, None]
    return np.packbits((forms > medians)[:, ::-1], axis=1)


def changed(hashes: Hashes, most: int, random: np.random.Generator) -> tuple[Hashes, NDArray[np.int64]]:
    """Each hash with 0 to ``most`` of its bits changed, and how many that are."""
    bits = np.unpackbits(hashes, axis=1)
    counts = random.integers(0, most + 1, len(bits))
    for row, count in zip(bits, counts, strict=True):
        row[random.choice(len(row), count, replace=False)] ^= 1
    return np.packbits(bits, axis=1), counts
