"""What a fingerprint costs beside decoding, pdqhash and ImageHash: CPU milliseconds a picture, on one core.

    python -m bench.fingerprint DIR [--json FILE]

DIR holds photos/ and manifest.csv. Small pictures are the JPEGs there; 12 megapixels are ten of them, enlarged.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import imagehash
import numpy as np
import pdqhash
from PIL import Image
from rich.console import Console
from rich.table import Table

from remarque.fingerprints import examine, fingerprint
from remarque.fingerprints.decode import decode
from remarque.fingerprints.pdq import pdq_dihedral

RUNS = 5
LARGE = (4000, 3000)
LARGE_PICTURES = 10


def draft(data: bytes) -> object:
    """The floor: what Pillow needs for the reduced grey picture."""
    image = Image.open(io.BytesIO(data))
    image.draft("L", (512, 512))
    image.load()
    return image


def rgb(data: bytes) -> Image.Image:
    """What pdqhash and ImageHash decode."""
    return Image.open(io.BytesIO(data)).convert("RGB")


STEPS: dict[str, Callable[[bytes], object]] = {
    "decode floor (Pillow, grey, reduced)": draft,
    "decode, pinned path": decode,
    "decode + PDQ in eight orientations": lambda data: pdq_dihedral(decode(data).luma),
    "frame check: + area hashes of frames": lambda data: examine(data, deep=False),
    "deep check: + regions, both mirrors": lambda data: examine(data, deep=True),
    "registration: all that is stored": fingerprint,
    "Pillow RGB decode": rgb,
    "pdqhash, one": lambda data: pdqhash.compute(np.asarray(rgb(data))),
    "pdqhash, eight orientations": lambda data: pdqhash.compute_dihedral(np.asarray(rgb(data))),
    "ImageHash phash": lambda data: imagehash.phash(rgb(data)),
}


def milliseconds(step: Callable[[bytes], object], pictures: Sequence[bytes]) -> float:
    """Median over runs of the mean CPU time a picture."""
    step(pictures[0])
    runs = []
    for _ in range(RUNS):
        before = time.process_time()
        for data in pictures:
            step(data)
        runs.append((time.process_time() - before) * 1000 / len(pictures))
    return median(runs)


def enlarged(data: bytes) -> bytes:
    """A picture of 12 megapixels made of a small one."""
    out = io.BytesIO()
    rgb(data).resize(LARGE, Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    files = sorted(p for p in (arguments.folder / "photos").rglob("*") if p.suffix.lower() in {".jpg", ".jpeg"})
    small = [path.read_bytes() for path in files]
    large = [enlarged(data) for data in small[:LARGE_PICTURES]]
    rows = {name: (milliseconds(step, small), milliseconds(step, large)) for name, step in STEPS.items()}
    floor = rows[next(iter(STEPS))]
    pixels = median(np.prod(rgb(data).size) for data in small) / 1e6
    table = Table(
        "step", f"{len(small)} JPEGs, {pixels:.2f} MP", "x floor", "12 MP", "x floor", title="CPU ms a picture"
    )
    for name, (one, other) in rows.items():
        table.add_row(name, f"{one:.2f}", f"{one / floor[0]:.1f}", f"{other:.1f}", f"{other / floor[1]:.1f}")
    Console(width=120).print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
