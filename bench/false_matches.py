"""Do different works match? Every picture of art, photos and traps is declared, and asked about, plain.

    python -m bench.false_matches DIR [--cache DIR] [--framed]

Two pictures of one group of manifest.csv are the same work, and so are the pairs listed in same_work.csv, each with its
reason. Anything else that matches at deep depth is printed, and the command ends with 1. ``--framed`` asks about each
picture with a white border of 10 % as well.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.brute import search
from bench.extraction import Asked, Row, Stored, asked, in_parallel, manifest, stacked, stored
from bench.transforms import border, jpeg, opened
from remarque.fingerprints.frames import DEEP_RADIUS, LEAST_DEEP_SIDE
from remarque.matching.regions import RADIUS, Declared, nearest

SETS = ("art", "photos", "traps")
FRAME_RADIUS = 31
#: Beyond the radii, so that the nearest that did not match are seen.
SEEN = 72
Pair = tuple[str, str]


def declared_and_asked(folder: Path, framed: bool, file: str) -> tuple[Stored | None, list[Asked]]:
    """Fingerprints of one file, as declared and as asked about."""
    data = (folder / file).read_bytes()
    first = asked(data)
    if first is None:
        return None, []
    queries = [first]
    if framed:
        queries += filter(None, [asked(jpeg(border(0.10)(opened(data), np.random.default_rng(0)), 88))])
    return stored(data), queries


def listed() -> dict[Pair, str]:
    """Pairs that are one work though their groups differ, with the reason."""
    with (Path(__file__).parent / "same_work.csv").open(newline="") as file:
        return {pair(row["one"], row["other"]): row["reason"] for row in csv.DictReader(file)}


def pair(one: str, other: str) -> Pair:
    return (one, other) if one < other else (other, one)


class Registry:
    """All that is declared."""

    def __init__(self, works: list[Stored]) -> None:
        self.works = works
        self.frames, self.frame_owner = stacked(work.frames.hashes[work.frames.counts] for work in works)
        self.frame_side = np.concatenate([work.frames.sides[work.frames.counts] for work in works])
        self.regions, self.region_owner = stacked(work.regions.hashes for work in works)
        self.shared = self._shared()

    def _shared(self) -> list[NDArray[np.int64]]:
        """For each region of each work, how many works hold one like it."""
        hits = search(self.regions, self.regions, RADIUS)
        pairs = np.unique(np.stack([hits.query, self.region_owner[hits.row]]), axis=1)
        ends = np.cumsum([len(work.regions) for work in self.works])
        return np.split(np.bincount(pairs[0], minlength=len(self.regions)), ends[:-1])

    def frame_distances(self, query: Asked) -> dict[int, tuple[int, int]]:
        """Work -> nearest distance, and the shorter side of the smaller of the two frames."""
        rows = np.flatnonzero(query.frames.counts)
        hits = search(query.frames.hashes[rows], self.frames, SEEN)
        best: dict[int, tuple[int, int]] = {}
        for i, row, distance in zip(hits.query.tolist(), hits.row.tolist(), hits.distance.tolist(), strict=True):
            work, side = int(self.frame_owner[row]), int(min(self.frame_side[row], query.frames.sides[rows[i]]))
            best[work] = min(best.get(work, (256, 0)), (distance, side))
        return best

    def region_margins(self, query: Asked) -> dict[int, float]:
        """Work -> margin of its best arrangement, of all works with a region within RADIUS."""
        hits = search(query.regions.hashes, self.regions, RADIUS)
        margins = {}
        for work in np.unique(self.region_owner[hits.row]).tolist():
            match = nearest(query.regions, Declared(self.works[work].regions, self.shared[work]), work)
            if match:
                margins[work] = match.margin if match.accepted else min(match.margin, -0.01)
        return margins


def matches(distance: int, side: int) -> bool:
    """Is this frame near enough at deep depth?"""
    return distance <= (DEEP_RADIUS if side >= LEAST_DEEP_SIDE else FRAME_RADIUS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--framed", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = manifest(options.folder, SETS)
    work = partial(declared_and_asked, options.folder, options.framed)
    found = in_parallel(work, [row.file for row in rows], options.cache, f"false-{options.framed}")
    rows = [row for row, (work_, _) in zip(rows, found, strict=True) if work_]
    works = [work_ for work_, _ in found if work_]
    queries = [asked_ for work_, asked_ in found if work_]
    registry = Registry(works)
    reasons = listed()
    frame_pairs: dict[Pair, tuple[int, int]] = {}
    margins: dict[Pair, float] = defaultdict(lambda: -9.0)
    for i, row in enumerate(rows):
        for query in queries[i]:
            for other, near in registry.frame_distances(query).items():
                if rows[other].group != row.group:
                    key = pair(row.file, rows[other].file)
                    frame_pairs[key] = min(frame_pairs.get(key, (256, 0)), near)
            for other, margin in registry.region_margins(query).items():
                if rows[other].group != row.group:
                    key = pair(row.file, rows[other].file)
                    margins[key] = max(margins[key], margin)
    false = {key for key, near in frame_pairs.items() if matches(*near)} | {k for k, m in margins.items() if m >= 0}
    console = Console(width=160)
    console.print(_refusals(rows, works))
    count = len(rows) * (len(rows) - 1) // 2
    console.print(f"{len(rows)} pictures, {count} pairs, {sum(len(q) for q in queries)} queries.")
    console.print(
        f"matched though their groups differ: {len(false)}, listed as the same work: {len(false & set(reasons))}"
    )
    unlisted = sorted(false - set(reasons))
    for key in unlisted:
        console.print("FALSE", *key, frame_pairs.get(key), round(margins[key], 2), soft_wrap=True)
    rest = {key: near for key, near in frame_pairs.items() if key not in reasons}
    large = Counter(d for d, side in rest.values() if side >= LEAST_DEEP_SIDE)
    small = Counter(d for d, side in rest.values() if side < LEAST_DEEP_SIDE)
    console.print("nearest frames of different works (bits: pairs), 64 pixels and more:", sorted(large.items())[:6])
    console.print("the same, smaller:", sorted(small.items())[:6])
    near_margins = sorted((round(m, 2) for k, m in margins.items() if k not in reasons), reverse=True)
    console.print("greatest region margins of different works (0 would match):", near_margins[:8])
    unused = sorted(set(reasons) - false)
    if unused:
        console.print("listed, but did not match:", unused)
    if options.json:
        result = {"pictures": len(rows), "pairs": count, "false": unlisted, "listed": len(false & set(reasons))}
        options.json.write_text(json.dumps(result | {"region_margins": near_margins[:8]}, indent=1))
    sys.exit(1 if unlisted else 0)


def _refusals(rows: list[Row], works: list[Stored]) -> Table:
    table = Table("set", "pictures", "refused as too plain", "no region", "regions, mean")
    for name in SETS:
        chosen = [work for row, work in zip(rows, works, strict=True) if row.set == name]
        refused, bare = sum(work.refused for work in chosen), sum(not len(work.regions) for work in chosen)
        mean = np.mean([len(work.regions) for work in chosen]) if chosen else 0
        table.add_row(name, str(len(chosen)), str(refused), str(bare), f"{mean:.0f}")
    return table


if __name__ == "__main__":
    main()
