"""What broken, hostile and odd files do to the reader: every file of DIR/broken through the sandbox.

    python -m bench.broken_files DIR

DIR/manifest.csv names the files (columns file, kind, expectation). Prints what came out for each kind, each
refused "valid" file and each accepted "invalid" one, whether pictures that differ in EXIF orientation alone agree, the
slowest file and the most memory. Exits with 1 if anything came out but fingerprints, a PictureError or BodyTooLarge.
"""

import csv
import resource
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from remarque.errors import BodyTooLarge, PictureError
from remarque.fingerprints import fingerprint
from remarque.sandbox import Sandbox

#: Pictures of one scene photographed upright and rotated by the camera's software differ by their JPEG encoding alone.
SAME_SCENE_BITS = 10


def expectation(row: dict[str, str]) -> str:
    """The first word of the manifest's expectation that we can hold ourselves to: valid, invalid or any."""
    text = row["expectation"]
    if text.startswith(("invalid", "decompression bomb")):
        return "invalid"
    return "valid" if text.startswith("valid") else "any"


def main(folder: Path) -> int:
    with (folder / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith("broken/")]
    outcomes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    surprises: list[str] = []
    bad: list[str] = []
    scenes: dict[str, list[np.ndarray[Any, Any]]] = defaultdict(list)
    slowest, slowest_file, peak, count = 0.0, "", 0, 0
    with Sandbox(1, preload=["remarque.fingerprints:warm"]) as sandbox:
        for row in rows:
            path = folder / row["file"]
            data = path.read_bytes()
            started = time.perf_counter()
            try:
                prints = sandbox.run(fingerprint, data)
                outcome, why = "read", f"{prints.mime} {prints.width} x {prints.height}"
            except (PictureError, BodyTooLarge) as error:
                outcome, why = type(error).__name__, str(error)
            except Exception as error:
                outcome, why = f"BUG {type(error).__name__}", str(error).splitlines()[-1]
                bad.append(f"{row['file']}: {why}")
            elapsed = time.perf_counter() - started
            count += 1
            if elapsed > slowest:
                slowest, slowest_file = elapsed, row["file"]
            # A worker that was replaced begins anew; what it held when it was stopped is the limit at most.
            peak = max(peak, sandbox.run(resource.getrusage, resource.RUSAGE_SELF).ru_maxrss)
            expected = expectation(row)
            outcomes[row["kind"], expected][outcome] += 1
            if (expected == "valid") != (outcome == "read") and expected != "any":
                surprises.append(f"{expected:8}{outcome:15}{row['file']}  {why}")
            if outcome == "read" and row["kind"] == "exif_orientation":
                scenes[path.stem.split("_")[0]].append(prints.pdq[0])
    report(outcomes)
    print(f"\n{count} files; slowest {slowest:.2f} s ({slowest_file}); most memory of a worker {peak / 1024:.0f} MB")
    for scene, hashes in scenes.items():
        apart = max(int(np.bitwise_count(a ^ b).sum()) for a in hashes for b in hashes)
        print(f"EXIF orientation, {scene}: {len(hashes)} files, at most {apart} bits apart (allowed {SAME_SCENE_BITS})")
        if apart > SAME_SCENE_BITS:
            bad.append(f"{scene}: upright pictures of one scene are {apart} bits apart")
    print(f"\n{len(surprises)} against the manifest's expectation:")
    print("\n".join(surprises))
    print(f"\n{len(bad)} failures")
    print("\n".join(bad))
    return 1 if bad else 0


def report(outcomes: dict[tuple[str, str], Counter[str]]) -> None:
    columns = sorted({outcome for counter in outcomes.values() for outcome in counter})
    print(f"{'kind':18}{'expected':10}" + "".join(f"{column:>15}" for column in columns))
    for (kind, expected), counter in sorted(outcomes.items()):
        print(f"{kind:18}{expected:10}" + "".join(f"{counter[column]:15}" for column in columns))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
