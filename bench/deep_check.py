"""A deep check against many works: CPU time of each part, and what a registered work takes.

    python -m bench.deep_check DIR [--works N] [--radii 31,48]

The works are made of real ones from DIR/photos and DIR/art: each further work has their regions with 60 random bits of
each hash changed, which keeps what real hashes have in common and matches nothing. Asked about are photographs that
are not among them, and crops of works that are.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from remarque.errors import PictureError
from remarque.fingerprints import Candidate, Fingerprints, examine, fingerprint
from remarque.matching import matcher as matching
from remarque.matching.matcher import Matcher
from remarque.preferences import DEFAULT_PREFERENCES, Claim

REAL_WORKS = 200
ASKED = 30
CHANGED_BITS = 60


def read(folder: Path, count: int) -> list[bytes]:
    """Up to ``count`` pictures below a folder, evenly spread."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    return [path.read_bytes() for path in files[:: max(1, len(files) // count)][:count]]


def changed(hashes: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Hashes (n, 32) with CHANGED_BITS bits of each changed."""
    order = np.argsort(random.random((len(hashes), 256), np.float32), axis=1)
    flips = np.zeros((len(hashes), 256), np.uint8)
    np.put_along_axis(flips, order[:, :CHANGED_BITS], 1, axis=1)
    return hashes ^ np.packbits(flips, axis=1)


def register(works: list[Fingerprints], count: int) -> Matcher:
    """A matcher of ``count`` works, the real ones first."""
    random, made = np.random.default_rng(1), Matcher()
    for number in range(count):
        work = works[number % len(works)]
        assert work.regions is not None
        regions, items = work.regions, [item for item in work.to_items() if item.alg != "pdq-region"]
        if number >= len(works):
            regions = replace(regions, hashes=changed(regions.hashes, random))
            values = changed(work.frames.hashes, random)
            items = [replace(item, value=value.tobytes().hex()) for item, value in zip(items, values, strict=False)]
        made.declare(
            number,
            id=f"dec_{number:032x}",
            claim=Claim.SELF,
            preferences=DEFAULT_PREFERENCES,
            fingerprints=items,
            regions=regions,
        )
    made.advance(count, "00" * 32)
    return made


def crop(data: bytes) -> bytes:
    """The middle half of a picture, as JPEG."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = image.size
    out = io.BytesIO()
    image.crop((width // 7, height // 7, width * 6 // 7, height * 6 // 7)).save(out, "JPEG", quality=80)
    return out.getvalue()


def milliseconds(step: Callable[[Candidate], object], asked: list[Candidate]) -> tuple[float, float]:
    """Median and 95th percentile of the CPU time of a step."""
    step(asked[0])
    times = []
    for candidate in asked:
        before = time.process_time()
        step(candidate)
        times.append((time.process_time() - before) * 1000)
    return median(times), float(np.percentile(times, 95))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--works", type=int, default=100_000)
    parser.add_argument("--radii", default="31,48")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    console = Console(width=120)
    works, originals = [], []
    for data in read(arguments.folder / "art", REAL_WORKS):
        try:
            works.append(fingerprint(data))
            originals.append(data)
        except PictureError as error:
            console.print(f"left out: {error}")
    others = read(arguments.folder / "photos", ASKED)
    begin = time.process_time()
    held = register(works, arguments.works)
    rows = held.view.rows
    console.print(f"{arguments.works} works, {rows} rows, built in {time.process_time() - begin:.0f} s")
    stored = held.arrays(held.freeze())
    size = sum(array.nbytes for array in stored.values())
    regions = sum(array.nbytes for name, array in stored.items() if name.startswith("pdq-region_"))
    console.print(
        f"{size / arguments.works:.0f} bytes a work as a base, {regions / arguments.works:.0f} of them regions"
    )
    begin = time.process_time()
    asked = [examine(data) for data in others]
    console.print(f"examining: {(time.process_time() - begin) * 1000 / len(asked):.1f} ms a picture")
    copies = [examine(crop(data)) for data in originals[:ASKED]]
    table = Table("radius", "asked", "median ms", "p95 ms", "found", title="Matching, CPU ms a picture, one core")
    for radius in map(int, arguments.radii.split(",")):
        matching.REGION = replace(matching.REGION, radius=radius)
        for name, candidates in (("photographs not declared", asked), ("crops of declared works", copies)):
            middle, late = milliseconds(lambda c: held.match_picture(held.view, c), candidates)
            found = sum(bool(held.match_picture(held.view, c)) for c in candidates)
            table.add_row(str(radius), name, f"{middle:.1f}", f"{late:.1f}", f"{found} of {len(candidates)}")
    console.print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
