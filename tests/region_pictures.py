"""Works made of numbers: regions with random hashes at random places, and copies of them under a known similarity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from remarque.fingerprints.regions import Regions
from remarque.matching.index import Hits, words
from remarque.matching.linear import LinearIndex
from remarque.matching.regions import RADIUS, Declared, RegionMatch, accept

Random = np.random.Generator


def regions(
    hashes: NDArray[np.uint8], places: NDArray[np.float64], size: tuple[int, int], mirrored: bool = False
) -> Regions:
    count = len(hashes)
    says = np.full(count, 64, np.uint8)
    return Regions(hashes, places.astype(np.float32), says, np.full(count, mirrored), size[0], size[1])


def drawn(random: Random, count: int = 60, side: int = 1000) -> Regions:
    """A work of ``count`` regions somewhere in a square."""
    sides = random.uniform(80, 160, count)
    centres = random.uniform(side * 0.15, side * 0.85, (count, 2))
    places = np.column_stack([centres, sides, random.uniform(0, 360, count)])
    return regions(random.integers(0, 256, (count, 32), np.uint8), places, (side, side))


def flipped(hashes: NDArray[np.uint8], bits: int, random: Random) -> NDArray[np.uint8]:
    """The hashes with so many bits of each changed."""
    unpacked = np.unpackbits(hashes, axis=1)
    for row in unpacked:
        row[random.choice(256, bits, replace=False)] ^= 1
    return np.packbits(unpacked, axis=1)


def placed(
    work: Regions, scale: float, degrees: float, bits: int, random: Random, *, mirrored: bool = False
) -> Regions:
    """The work scaled and turned inside a picture that just holds it, hashes changed by ``bits``."""
    turn = np.radians(degrees)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    half = np.array([work.width, work.height]) / 2
    size = int(np.ceil(1.5 * scale * work.width))
    centres = (work.places[:, :2] - half) @ matrix.T + size / 2
    places = np.column_stack([centres, work.places[:, 2] * scale, (work.places[:, 3] + degrees) % 360])
    return regions(flipped(work.hashes, bits, random), places, (size, size), mirrored)


def search(asked: Regions, works: list[Regions], shared: int = 1) -> list[RegionMatch]:
    """All works stored in one index, and what is accepted of them."""
    index = LinearIndex(256)
    for work in works:
        index.append(work.hashes)
    owners = np.repeat(np.arange(len(works)), [len(work) for work in works])
    hits: Hits = index.search(words(asked.hashes), RADIUS)
    return accept(hits, asked, owners, lambda i: Declared(works[i], np.full(len(works[i]), shared, np.int64)))
