"""Declare real works over HTTP, then ask for poor copies of them, and for photographs that nobody declared.

    python -m bench.declare_and_check DIR

DIR holds art/, photos/ and manifest.csv. Every file whose kind is painting or illustration is declared; the copy asked
about has half the size and is a JPEG of quality 50. A work that is refused as too plain counts as a miss.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps
from rich.console import Console
from rich.table import Table

from demo.service import running_service
from remarque.client import Client
from remarque.errors import ServiceRefused
from remarque.preferences import Preference

KINDS = {"painting", "illustration"}
#: Upper ends of the short side, in pixels; what is asked of this tier begins at 400.
SIZES = (128, 200, 300, 400, 600, 1000, 100_000)
REQUIRED_SIDE, REQUIRED_RECALL = 400, 0.96


@dataclass
class Row:
    """What came out for one range of sizes."""

    works: int = 0
    refused: int = 0
    found: int = 0


def half_size_q50(data: bytes) -> bytes:
    """The copy that is asked about, as a person would see the original: turned upright, on white."""
    with Image.open(io.BytesIO(data)) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    half = (max(1, image.width // 2), max(1, image.height // 2))
    copy = io.BytesIO()
    white.convert("RGB").resize(half, Image.Resampling.LANCZOS).save(copy, "JPEG", quality=50)
    return copy.getvalue()


def short_side(data: bytes) -> int:
    """In pixels."""
    with Image.open(io.BytesIO(data)) as image:
        return min(image.size)


def measure(folder: Path, client: Client, builder: Client) -> tuple[dict[int, Row], int, int]:
    """Declare and check; rows by size, photographs asked about, and those of them that were found restricted."""
    with (folder / "manifest.csv").open(newline="") as file:
        works = [row["file"] for row in csv.DictReader(file) if row["kind"] in KINDS and row["file"].startswith("art/")]
    rows: dict[int, Row] = defaultdict(Row)
    declared: list[tuple[bytes, Row]] = []
    for name in works:
        data = (folder / name).read_bytes()
        row = rows[next(size for size in SIZES if short_side(data) < size)]
        row.works += 1
        try:
            client.declare((Path(name).name, data))
        except ServiceRefused as refusal:
            if refusal.slug != "too-plain":
                raise
            row.refused += 1
            continue
        declared.append((data, row))
    for data, row in declared:
        [result] = builder.check(("copy.jpg", half_size_q50(data))).results
        row.found += result.preference is Preference.DISALLOWED
    photos = sorted(path for path in (folder / "photos").rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    restricted = 0
    for photo in photos:
        [result] = builder.check((photo.name, photo.read_bytes())).results
        restricted += result.preference is not Preference.UNKNOWN
    return dict(rows), len(photos), restricted


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    folder = parser.parse_args().folder
    with running_service() as service, Client(service.url, service.operator_key) as client:
        rows, photos, restricted = measure(folder, client, client)
    table = Table("short side, px", "works", "refused as too plain", "found", "recall", title="Half size, JPEG q50")
    for size in sorted(rows):
        row = rows[size]
        low = ([0, *SIZES])[SIZES.index(size)]
        span = f"{low} - {size - 1}" if size < SIZES[-1] else f"{low} and more"
        table.add_row(span, str(row.works), str(row.refused), str(row.found), f"{row.found / row.works:.3f}")
    large = [row for size, row in rows.items() if size > REQUIRED_SIDE]
    works, found = sum(row.works for row in large), sum(row.found for row in large)
    recall = found / works
    table.add_row(
        f"{REQUIRED_SIDE} and more", str(works), str(sum(r.refused for r in large)), str(found), f"{recall:.3f}"
    )
    console = Console(width=140)
    console.print(table)
    console.print(f"{photos} photographs that nobody declared: {restricted} found restricted.")
    return 0 if recall >= REQUIRED_RECALL and restricted == 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
