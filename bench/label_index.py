"""Labels that were stripped, found again: 100 labelled works changed as on the web, and 100 that nobody labelled.

    python -m bench.label_index DIR [--works N]

*Found*: the label is among the candidates of a verification or of byContent. *Whole*: as a whole picture, so that the
verification says that it is AI. *Wrong*: labels of other works that were told as well, over all works. *ISCC* and
*ISCC 64*: found by byBinding with the 256 or the 64 bits of the copy. Below: how many of the unlabelled found anything.
"""

from __future__ import annotations

import argparse
import uuid
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.robustness import chosen_works
from bench.transforms import copy, opened
from remarque.errors import PictureError
from remarque.fingerprints import Fingerprints, decode, examine, fingerprint, image_code
from remarque.log.merkle import EMPTY_ROOT
from remarque.matching.labels import LabelMatcher

ROWS = (
    "png",
    "jpeg q70",
    "half size q50",
    "border 10%",
    "crop keep 70%",
    "crop keep 25%",
    "picture in text page",
    "social shot light",
    "h-flip",
)
COLUMNS = ("found", "whole", "wrong", "ISCC", "ISCC 64")


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labels in the index, each with the name of its work."""

    matcher: LabelMatcher
    works: dict[str, str]

    def asked(self, data: bytes, work: str) -> tuple[int, ...]:
        """What a copy of ``work`` finds, by column."""
        view = self.matcher.view
        found = {self.works[hit.id]: hit for hit in self.matcher.similar(view, examine(data))}
        code = image_code(decode(data))
        bound = [{self.works[hit.id] for hit in self.matcher.bound(view, part)} for part in (code, code[:8])]
        own = found.get(work)
        return own is not None, own is not None and own.whole, len(found.keys() - {work}), *(work in b for b in bound)


def read(data: bytes) -> Fingerprints | None:
    """None for what is no picture that is read here."""
    try:
        return fingerprint(data, interop=False, iscc=True)
    except PictureError:
        return None


def label(folder: Path, works: list[str]) -> Labelled:
    """Label these works."""
    matcher, names = LabelMatcher(), {}
    for place, work in enumerate(works):
        prints = read((folder / work).read_bytes())
        if prints is not None:
            name = str(uuid.UUID(int=place))
            names[name] = work
            items = [item for item in prints.to_items() if item.alg != "pdq-region"]
            matcher.add(place, id=name, fingerprints=items, regions=prints.regions)
    matcher.advance(len(works), EMPTY_ROOT.hex())
    return Labelled(matcher, names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--works", type=int, default=100)
    options = parser.parse_args()
    spread = chosen_works(options.folder, 2 * options.works)
    works, others = spread[::2], spread[1::2]
    labelled = label(options.folder, works)
    table = Table("row", *COLUMNS, title=f"{len(works)} labelled works")
    for row in ROWS:
        results = [labelled.asked(copy(row, opened((options.folder / w).read_bytes()), w), w) for w in works]
        table.add_row(row, *(str(sum(column)) for column in zip(*results, strict=True)))
    results = [labelled.asked((options.folder / w).read_bytes(), w) for w in others]
    wrong = [(w, result[2]) for w, result in zip(others, results, strict=True) if result[2]]
    Console(width=120).print(table)
    print(f"{len(others)} works without a label: {len(wrong)} found something: {wrong}")


if __name__ == "__main__":
    main()
