"""Pictures of a data folder and their fingerprints, shared by the measurements of matching.

What was extracted is kept under ``--cache DIR``, a pickle for each list; delete it when the extraction changes.
"""

from __future__ import annotations

import csv
import hashlib
import pickle
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from remarque.errors import PictureError
from remarque.fingerprints.decode import decode
from remarque.fingerprints.frames import Frames, asked_frames, stored_frames
from remarque.fingerprints.pdq import Pdq, pdq_dihedral
from remarque.fingerprints.regions import Regions, asked_regions, stored_regions

T = TypeVar("T")
R = TypeVar("R")

WORKERS = 2
KINDS = ("painting", "illustration", "photo")


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a check knows of a picture."""

    frames: Frames
    regions: Regions


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """What a declaration knows of a picture; ``refused`` if it is too plain."""

    frames: Frames
    regions: Regions

    @property
    def refused(self) -> bool:
        return not self.frames.counts.any()


@dataclass(frozen=True, slots=True)
class Row:
    """A line of manifest.csv: path in the folder, kind, and the work it shows."""

    file: str
    kind: str
    group: str

    @property
    def set(self) -> str:
        return self.file.split("/")[0]


def manifest(folder: Path, sets: Sequence[str]) -> list[Row]:
    """The readable pictures of these sets."""
    with (folder / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].split("/")[0] in sets]
    readable = [row for row in rows if row["observed_pillow_13_0_0"].startswith("ok")]
    return [Row(row["file"], row["kind"], row["group"] or row["file"]) for row in readable]


def stored(data: bytes) -> Stored | None:
    """None if it is no picture that is read here."""
    try:
        picture = decode(data)
    except PictureError:
        return None
    return Stored(stored_frames(picture), stored_regions(picture))


def asked(data: bytes) -> Asked | None:
    """None if it is no picture that is read here."""
    try:
        picture = decode(data)
    except PictureError:
        return None
    return Asked(asked_frames(picture), asked_regions(picture))


def plain(data: bytes) -> Pdq:
    """The PDQ of the full frame alone."""
    return pdq_dihedral(decode(data).luma)


def in_parallel(work: Callable[[T], R], items: Sequence[T], cache: Path | None, name: str) -> list[R]:
    """Map over a few processes; with a cache, only what it does not hold yet."""
    kept = None
    if cache:
        digest = hashlib.sha256(repr(items).encode()).hexdigest()[:16]
        kept = cache / f"{name}-{digest}.pickle"
        if kept.exists():
            found: list[R] = pickle.loads(kept.read_bytes())  # noqa: S301 - our own file, written below
            return found
    with ProcessPoolExecutor(WORKERS) as pool:
        results = list(pool.map(work, items, chunksize=4))
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(results))
    return results


def stacked(parts: Iterable[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All hashes below one another, and the place of the part that each came from."""
    arrays = list(parts)
    owners = np.repeat(np.arange(len(arrays)), [len(array) for array in arrays])
    return np.concatenate(arrays), owners
