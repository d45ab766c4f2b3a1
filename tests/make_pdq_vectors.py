"""Write remarque/vectors/pdq.json: drawn pictures and what pdqhash and ImageHash make of them.

    python -m tests.make_pdq_vectors

Run it when a picture is added. The hashes never come from our own code.
"""

import json
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pdqhash
from PIL import Image

import remarque
from remarque.fingerprints.selftest import FORMULAS, drawn_picture

#: Width and height: even and odd, wide and tall, 64 x 64, under and at the least side that is hashed, and large.
SIZES = [(512, 384), (301, 211), (97, 640), (64, 64), (5, 7), (40, 4), (1, 1), (1100, 700)]

#: Where the form that we call ORIENTATIONS[k] stands in the answer of pdqhash.compute_dihedral.
REFERENCE_ORDER = (0, 5, 4, 2, 6, 1, 3, 7)


def reference_hashes(rgb: np.ndarray[Any, Any]) -> tuple[list[str], int]:
    """The eight hashes of the reference, in our order, and its quality. ``rgb``: uint8 (h, w, 3)."""
    bits, quality = pdqhash.compute_dihedral(np.ascontiguousarray(rgb))
    return [np.packbits(bits[place]).tobytes().hex() for place in REFERENCE_ORDER], quality


def reference_phash(rgb: np.ndarray[Any, Any]) -> str:
    return str(imagehash.phash(Image.fromarray(rgb)))


def vector(formula: str, seed: int, width: int, height: int) -> dict[str, Any]:
    rgb = drawn_picture(formula, seed=seed, width=width, height=height)
    hashes, quality = reference_hashes(rgb)
    return {
        "formula": formula,
        "seed": seed,
        "width": width,
        "height": height,
        "quality": quality,
        "phash": reference_phash(rgb),
        "pdq": hashes,
    }


def main() -> None:
    pictures = [
        vector(formula, seed, *SIZES[(place + step) % len(SIZES)])
        for place, formula in enumerate(FORMULAS)
        for step, seed in ((0, 0), (3, 1), (5, 2))
    ]
    about = "pdqhash.compute_dihedral and imagehash.phash of pictures drawn by remarque.fingerprints.selftest"
    target = Path(remarque.__file__).parent / "vectors" / "pdq.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({"about": about, "pictures": pictures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
