"""Recall of copies: every row of bench.transforms, over real works, beside what others do with the same pictures.

    python -m bench.robustness DIR [--works N] [--rows NAME,...] [--cache DIR] [--json FILE] [--radius BITS]

A copy is found if the work it was made from matches: *frame* at 31 bits; *deep* at the deep frame radius, or by
regions. Works that are refused as too plain count as missed. Beside it, of the same pictures: ImageHash pHash at 10
bits of 64, and python-threatexchange's rule (one PDQ, upright, within 31), computed by pdqhash.
"""

from __future__ import annotations

import argparse
import itertools
import json
from functools import partial
from pathlib import Path

import imagehash
import numpy as np
import pdqhash  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from bench.extraction import KINDS, Asked, Stored, asked, in_parallel, manifest, stored
from bench.false_matches import FRAME_RADIUS, matches
from bench.transforms import COMBINATIONS, TRANSFORMS, copy, opened
from remarque.matching.regions import RADIUS, Declared, nearest

#: Shorter side of the works, in pixels, unless --least says otherwise.
LEAST_WORK = 128
SIZES = (0, 100, 128, 200, 300, 400, 600, 1000, 100_000)
COLUMNS = ("pHash@10", "pdqhash@31", "frame", "regions", "deep")

Peers = tuple[NDArray[np.bool_], NDArray[np.uint8]]
Result = dict[str, list[bool]]


def peers(image: Image.Image) -> Peers:
    """pHash bits and PDQ bits as their own libraries give them."""
    vector, _ = pdqhash.compute(np.asarray(image))
    return imagehash.phash(image).hash.ravel(), vector


def work_rows(folder: Path, rows: list[str], radius: int, file: str) -> tuple[tuple[int, int], Result]:
    """Size of the work, and for each row whether its copy was found, by column."""
    data = (folder / file).read_bytes()
    image = opened(data)
    known, own = stored(data), peers(image)
    results: Result = {}
    for name in rows:
        made = copy(name, image, file)
        query, other = asked(made), peers(opened(made))
        ours = (False, False, False) if known is None or query is None else found(known, query, radius)
        distances = [int(np.count_nonzero(a != b)) for a, b in zip(own, other, strict=True)]
        results[name] = [distances[0] <= 10, distances[1] <= 31, ours[0], ours[2], ours[1] or ours[2]]
    return image.size, results


def found(known: Stored, query: Asked, radius: int) -> tuple[bool, bool, bool]:
    """By a frame at 31, by a frame at the deep radius, by regions."""
    a, b = np.flatnonzero(query.frames.counts), np.flatnonzero(known.frames.counts)
    distances = np.bitwise_count(query.frames.hashes[a][:, None] ^ known.frames.hashes[b][None]).sum(2)
    sides = np.minimum(query.frames.sides[a][:, None], known.frames.sides[b][None])
    deep = any(matches(d, s) for d, s in zip(distances.ravel().tolist(), sides.ravel().tolist(), strict=True))
    pairs = np.bitwise_count(query.regions.hashes[:, None] ^ known.regions.hashes[None]).sum(2)
    match = None
    if pairs.size and pairs.min() <= radius:
        match = nearest(query.regions, Declared(known.regions, np.ones(len(known.regions), np.int64)))
    near = bool(distances.size) and int(distances.min()) <= FRAME_RADIUS
    return near, deep, match is not None and match.accepted


def chosen_works(folder: Path, count: int, least: int = LEAST_WORK) -> list[str]:
    """Evenly spread over art and photographs, all paintings first."""
    files = [row.file for row in manifest(folder, ("art", "photos")) if row.kind in KINDS]
    files = [file for file in files if min(Image.open(folder / file).size) >= least]
    kinds = {row.file: row.kind for row in manifest(folder, ("art", "photos"))}
    first = [file for file in files if kinds[file] == "painting"][:count]
    rest = [file for file in files if kinds[file] != "painting"]
    more = count - len(first)
    spread = [rest[i * len(rest) // more] for i in range(min(more, len(rest)))] if more > 0 else []
    return first + spread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--works", type=int, default=120)
    parser.add_argument("--rows", default=",".join(TRANSFORMS))
    parser.add_argument("--radius", type=int, default=RADIUS, help="of the search for candidate regions, bits")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--least", type=int, default=LEAST_WORK, help="shorter side of the works, pixels")
    options = parser.parse_args()
    rows = options.rows.split(",")
    works = chosen_works(options.folder, options.works, options.least)
    name = f"robustness-{options.radius}-{len(rows)}"
    results = in_parallel(partial(work_rows, options.folder, rows, options.radius), works, options.cache, name)
    table = Table("row", *COLUMNS, title=f"recall over {len(works)} works")
    recall = {}
    for row in rows:
        shares = np.mean([result[row] for _, result in results], axis=0)
        recall[row] = dict(zip(COLUMNS, shares.round(3).tolist(), strict=True))
        mark = " (combination)" if row in COMBINATIONS else " *" if shares[-1] < 0.95 else ""
        table.add_row(row + mark, *(f"{share:.3f}" for share in shares))
    Console(width=120).print(table)
    if len(rows) == 1:
        Console(width=120).print(_by_size(rows[0], [size for size, _ in results], [r[rows[0]] for _, r in results]))
    if options.json:
        missed = {row: [w for w, (_, r) in zip(works, results, strict=True) if not r[row][-1]] for row in rows}
        options.json.write_text(json.dumps({"works": len(works), "recall": recall, "missed": missed}, indent=1))


def _by_size(row: str, sizes: list[tuple[int, int]], found_by: list[list[bool]]) -> Table:
    """Recall of one row by the shorter side of the work."""
    table = Table("shorter side", "works", *COLUMNS, title=row)
    for low, high in itertools.pairwise(SIZES):
        chosen = [f for size, f in zip(sizes, found_by, strict=True) if low <= min(size) < high]
        if chosen:
            shares = np.mean(chosen, axis=0)
            table.add_row(f"{low}-{high}", str(len(chosen)), *(f"{share:.3f}" for share in shares))
    return table


if __name__ == "__main__":
    main()
