"""Recall of what img2dataset makes of pictures: each of its resize modes, at its default size.

    python -m bench.resize_tools DIR [--works N] [--cache DIR]

The steps are those of img2dataset's resizer: cv2 decode, area interpolation downwards and Lanczos upwards, white
border, JPEG quality 95. ``no`` encodes without resizing. ``frame`` is found at 31 bits, ``deep`` as bench.robustness.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.extraction import asked, in_parallel, stored
from bench.robustness import chosen_works, found, peers
from bench.transforms import opened
from remarque.matching.regions import RADIUS

SIZE, QUALITY = 256, 95
#: What every mode but center_crop has to reach at frame depth, and center_crop at deep.
REQUIRED = 0.99

Pixels = NDArray[np.uint8]


def scaled(pixels: Pixels, factor: float) -> Pixels:
    """By img2dataset's default interpolations."""
    height, width = pixels.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8)


def border(pixels: Pixels) -> Pixels:
    fitted = scaled(pixels, SIZE / max(pixels.shape[:2]))
    down, across = SIZE - fitted.shape[0], SIZE - fitted.shape[1]
    edges = (down // 2, down - down // 2, across // 2, across - across // 2)
    return np.asarray(cv2.copyMakeBorder(fitted, *edges, cv2.BORDER_CONSTANT, value=[255, 255, 255]), np.uint8)


def keep_ratio(pixels: Pixels) -> Pixels:
    return scaled(pixels, SIZE / min(pixels.shape[:2]))


def keep_ratio_largest(pixels: Pixels) -> Pixels:
    return scaled(pixels, SIZE / max(pixels.shape[:2]))


def center_crop(pixels: Pixels) -> Pixels:
    fitted = keep_ratio(pixels)
    top, left = (fitted.shape[0] - SIZE) // 2, (fitted.shape[1] - SIZE) // 2
    return fitted[top : top + SIZE, left : left + SIZE]


def no(pixels: Pixels) -> Pixels:
    return pixels


MODES: dict[str, Callable[[Pixels], Pixels]] = {
    "border": border,
    "keep_ratio": keep_ratio,
    "keep_ratio_largest": keep_ratio_largest,
    "no": no,
    "center_crop": center_crop,
}


def work_modes(folder: Path, file: str) -> dict[str, list[bool]]:
    """For each mode whether the copy is found: pHash within 10, PDQ within 31, frame, deep."""
    data = (folder / file).read_bytes()
    image = opened(data)
    known, own = stored(data), peers(image)
    pixels = np.ascontiguousarray(np.asarray(image)[..., ::-1])
    results = {}
    for name, mode in MODES.items():
        made = cv2.imencode(".jpg", mode(pixels), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
        query, other = asked(made), peers(opened(made))
        frame, deep, regions = (False, False, False) if known is None or query is None else found(known, query, RADIUS)
        distances = [int(np.count_nonzero(a != b)) for a, b in zip(own, other, strict=True)]
        results[name] = [distances[0] <= 10, distances[1] <= 31, frame, deep or regions]
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--works", type=int, default=400)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    works = chosen_works(options.folder, options.works)
    results = in_parallel(partial(work_modes, options.folder), works, options.cache, "resize-tools")
    table = Table("img2dataset mode", "pHash@10", "pdqhash@31", "frame", "deep", title=f"{len(works)} works, {SIZE} px")
    for name in MODES:
        shares = np.mean([result[name] for result in results], axis=0)
        reached = shares[3 if name == "center_crop" else 2] >= REQUIRED
        table.add_row(name + ("" if reached else " *"), *(f"{share:.3f}" for share in shares))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
