"""Labels that were stripped, found again over HTTP: copies of labelled pictures, and pictures that nobody labelled.

    python -m bench.recovery DIR [--pictures N] [--json FILE]

Pictures of DIR/art and DIR/photos are labelled by a service that is started for this. Then each is copied in ways that
lose the label, and verified. A row counts what was ``recovered`` with the right label among the candidates. As many
other pictures, of other works, are verified too: none may be recovered. Exits with 1 if one is.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.extraction import KINDS, manifest
from bench.screenshots import browser, screenshot
from bench.transforms import Copy, border, crop, opened, resize, then_jpeg
from demo.service import running_service
from remarque.answers import Layer, Verdict, Verification
from remarque.client import Client
from remarque.errors import RemarqueError

SAME_WORK = Path(__file__).parent / "same_work.csv"
#: Shorter side of the pictures, in pixels. Generators make larger ones; the photographs of the folder have about 375.
LEAST_SIDE = 320
FORMATS = {".jpg", ".jpeg", ".png", ".webp"}

SAVED_AGAIN = then_jpeg(lambda picture, _: picture)
ROWS: dict[str, Copy] = {
    "saved again, JPEG 88": SAVED_AGAIN,
    "half size, JPEG 60": then_jpeg(resize(0.5), 60),
    "border of 10 % of the longer side": then_jpeg(border(0.10)),
    "crop, 75 % of the area left": then_jpeg(crop(0.75)),
    "crop, 25 % of the area left": then_jpeg(crop(0.25)),
}
SCREENSHOT = "screenshot of a page that shows it"


@dataclass(slots=True)
class Row:
    """What came of one kind of copy: verdicts by count, and what the recovered ones say."""

    verified: int = 0
    right: int = 0
    says_ai: int = 0
    others: int = 0
    missed: list[str] = field(default_factory=list)
    verdicts: dict[str, int] = field(default_factory=dict)

    def count(self, file: str, label: str | None, answer: Verification) -> None:
        """Add one answer; ``label`` is the id of the picture's own label."""
        found = [one["label"] for layer in answer.layers if layer.layer == "fingerprint" for one in _candidates(layer)]
        self.verified += 1
        self.verdicts[answer.verdict] = self.verdicts.get(answer.verdict, 0) + 1
        recovered = answer.verdict is Verdict.RECOVERED
        self.right += recovered and label in found
        self.says_ai += answer.ai_generated is True
        self.others += any(one != label for one in found)
        if not (recovered and label in found):
            self.missed.append(file)


def _candidates(layer: Layer) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = layer.detail["candidates"]
    return listed


def pictures(folder: Path) -> Iterator[str]:
    """Pictures that show different works, paintings, illustrations and photographs by turns."""
    with SAME_WORK.open(newline="") as file:
        same = [(row["one"], row["other"]) for row in csv.DictReader(file)]
    kinds: dict[str, list[str]] = {kind: [] for kind in KINDS}
    seen: set[str] = set()
    for row in manifest(folder, ("art", "photos")):
        partners = {a if b == row.file else b for a, b in same if row.file in (a, b)}
        if row.kind not in kinds or row.group in seen or partners & seen or Path(row.file).suffix not in FORMATS:
            continue
        with Image.open(folder / row.file) as image:
            if min(image.size) < LEAST_SIDE:
                continue
        seen |= {row.group, row.file}
        kinds[row.kind].append(row.file)
    for turn in itertools.zip_longest(*kinds.values()):
        yield from filter(None, turn)


def random_of(row: str, file: str) -> np.random.Generator:
    """The same for the same names."""
    return np.random.default_rng([zlib.crc32(row.encode()), zlib.crc32(file.encode())])


def label(client: Client, folder: Path, files: Iterator[str], count: int) -> dict[str, tuple[str, bytes]]:
    """Label that many pictures. Returns the id and the labelled file of each."""
    done: dict[str, tuple[str, bytes]] = {}
    for file in files:
        if len(done) == count:
            break
        try:
            made = client.label((folder / file).read_bytes(), system="A measurement")
        except RemarqueError as error:
            print(f"left out: {file}: {error}")
            continue
        if "not_recoverable" in made.warnings:
            print(f"too plain to be found again, and counted all the same: {file}")
        done[file] = (made.label_id, made.data)
    return done


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.recovery")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--pictures", type=int, default=100, help="how many are labelled, and how many are not")
    parser.add_argument("--json", type=Path, help="write counts and misses there")
    options = parser.parse_args()
    chromium, console = browser(), Console(width=120)
    if chromium is None:
        console.print("no Chromium: the row of screenshots is left out")
    rows = {name: Row() for name in (*ROWS, *([SCREENSHOT] if chromium else []))}
    files, unlabelled = pictures(options.folder), Row()
    with running_service() as service, Client(service.url, service.operator_key, timeout=120) as client:
        begin = time.perf_counter()
        labelled = label(client, options.folder, files, options.pictures)
        console.print(f"{len(labelled)} pictures labelled in {time.perf_counter() - begin:.1f} s")
        for file, (id, data) in track(labelled.items(), "copies", console=console, transient=True):
            picture = opened(data)
            for name, change in ROWS.items():
                rows[name].count(file, id, client.verify(change(picture, random_of(name, file))))
            if chromium:
                rows[SCREENSHOT].count(file, id, client.verify(screenshot(chromium, data)))
        for file in itertools.islice(files, options.pictures):
            copied = SAVED_AGAIN(opened((options.folder / file).read_bytes()), random_of("", file))
            unlabelled.count(file, None, client.verify(copied))
    table = Table("copy", "verified", "right label found", "says AI", "other labels too", title="Labels found again")
    for name, row in rows.items():
        share = row.right / max(1, row.verified)
        told = (str(row.verified), f"{row.right} ({share:.2f})", str(row.says_ai), str(row.others))
        table.add_row(name, *told)
    recovered = unlabelled.verdicts.get(Verdict.RECOVERED, 0)
    told = (str(unlabelled.verified), f"{recovered} recovered", str(unlabelled.says_ai), str(unlabelled.others))
    table.add_row("never labelled", *told)
    console.print(table)
    for name, row in rows.items():
        console.print(f"{name}: {row.verdicts}; missed: {', '.join(row.missed) or 'none'}")
    if options.json:
        everything = {**rows, "never labelled": unlabelled}
        kept = {n: {"verified": r.verified, "right": r.right, "verdicts": r.verdicts} for n, r in everything.items()}
        options.json.write_text(json.dumps(kept, indent=1))
    return 1 if recovered or unlabelled.others else 0


if __name__ == "__main__":
    raise SystemExit(main())
