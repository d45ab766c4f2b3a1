"""Is this installation's fingerprint the reference's? Pictures drawn by formula, against hashes that are shipped.

The expected values in ``remarque/vectors/pdq.json`` come from pdqhash and ImageHash, not from this code
(tests/make_pdq_vectors.py). The pictures are integer arithmetic alone, so that they are the same on every machine.
"""

import json
from collections.abc import Callable
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from remarque.errors import MissingExtra, RemarqueError
from remarque.fingerprints import fingerprint

Pixels = NDArray[np.uint8]
Integers = NDArray[np.int64]


def drawn_picture(formula: str, *, seed: int, width: int, height: int) -> Pixels:
    """Draw one picture. ``formula``: one of FORMULAS. Returns RGB, uint8 (height, width, 3)."""
    y, x = np.indices((height, width), np.int64)
    return np.stack([FORMULAS[formula](x, y, seed + channel) for channel in range(3)], axis=2).astype(np.uint8)


def selftest() -> list[str]:
    """Fingerprint every drawn picture, from the bytes of a PNG; return one line for each value that is not expected."""
    failures = []
    for vector in vectors():
        drawing = {key: vector[key] for key in ("formula", "seed", "width", "height")}
        file = BytesIO()
        Image.fromarray(drawn_picture(**drawing)).save(file, "PNG")
        try:
            prints = fingerprint(file.getvalue())
        except MissingExtra:
            raise
        except RemarqueError as error:
            failures.append(f"{drawing}: {error}")
            continue
        got = {
            "pdq": [row.tobytes().hex() for row in prints.pdq],
            "quality": prints.quality,
            "phash": (prints.phash or b"").hex(),
        }
        failures += [f"{drawing}: {key} is {got[key]}, not {vector[key]}" for key in got if got[key] != vector[key]]
    return failures


def vectors() -> list[dict[str, Any]]:
    """The shipped vectors: formula, seed, width, height, pdq (8 hex, as in ORIENTATIONS), quality, phash."""
    text = files("remarque").joinpath("vectors/pdq.json").read_text(encoding="utf-8")
    pictures: list[dict[str, Any]] = json.loads(text)["pictures"]
    return pictures


def _slope(x: Integers, y: Integers, seed: int) -> Integers:
    longest = int(x.max()) * (3 + seed) + int(y.max()) * 5 + 1
    return np.asarray((x * (3 + seed) + y * (5 - seed)) * 255 // longest % 256, np.int64)


def _rings(x: Integers, y: Integers, seed: int) -> Integers:
    across, down = 2 * x - int(x.max()), 3 * y - int(y.max())
    return np.asarray((across * across + down * down) // (7 * (seed + 2)) % 256, np.int64)


def _weave(x: Integers, y: Integers, seed: int) -> Integers:
    return ((x * (seed + 1) // 4) ^ (y * 3 // (seed + 2))) * 5 % 256


def _grain(x: Integers, y: Integers, seed: int) -> Integers:
    """Noise: the bits of the place, mixed (a hash of the multiply-and-shift kind, in 32 bits)."""
    mixed = (x * 374761393 + y * 668265263 + seed * 974634777) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0xFFFFFFFF
    return (mixed ^ (mixed >> 16)) & 0xFF


def _hills(x: Integers, y: Integers, seed: int) -> Integers:
    """Noise on a grid of 32 pixels, and between its points what lies between: clouds, the nearest to a photograph."""
    left, top, right, low = x // 32, y // 32, x % 32, y % 32
    upper = _grain(left, top, seed) * (32 - right) + _grain(left + 1, top, seed) * right
    lower = _grain(left, top + 1, seed) * (32 - right) + _grain(left + 1, top + 1, seed) * right
    return np.asarray((upper * (32 - low) + lower * low) // 1024, np.int64)


def _flat(x: Integers, y: Integers, seed: int) -> Integers:
    return x * 0 + 40 * seed % 256


FORMULAS: dict[str, Callable[[Integers, Integers, int], Integers]] = {
    "slope": _slope,
    "rings": _rings,
    "weave": _weave,
    "grain": _grain,
    "hills": _hills,
    "flat": _flat,
}
