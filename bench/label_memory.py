"""Memory of a process that labels and verifies, over and over: does it grow?

    python -m bench.label_memory [--labels N] [--service N] [--every N] [--write]

Every picture is labelled and the label verified, in one process, keys and all; pictures of several formats and sizes
by turns, and every tenth file is broken, which must be an error and not a leak. Then a service does the same over HTTP,
all its processes together; that one grows by what it keeps in its index of every label. --write puts
docs/label-memory.csv and docs/label-memory.svg into the tree. Exits with 1 if the last tenth of the samples of the one
process is more than 10 % above the second.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from statistics import mean

from PIL import Image

from bench.label_paths import key_in, known, pictures, signed
from bench.line_plot import svg
from bench.processes import children, proportional_bytes, resident_bytes
from demo.service import running_service
from remarque.answers import Verdict
from remarque.client import Client
from remarque.errors import RemarqueError
from remarque.labels.verify import read_labels

DOCS = Path(__file__).parent.parent / "docs"
GROWTH = 0.10
PROCESS, SERVICE = "one process, RSS", "service, all processes, PSS"
Samples = list[tuple[int, float]]


def files() -> list[bytes]:
    """PNG, JPEG and WebP of three sizes."""
    found = []
    for side, kind in ((256, "PNG"), (512, "JPEG"), (512, "WEBP"), (1024, "PNG"), (1024, "JPEG")):
        with Image.open(io.BytesIO(pictures(1, side)[0])) as image:
            file = io.BytesIO()
            image.save(file, kind)
            found.append(file.getvalue())
    return found


def broken(labelled: bytes, number: int) -> bytes:
    """A labelled file with bytes changed and the end cut off, each time elsewhere."""
    at = number * 7919 % len(labelled)
    return labelled[:at] + bytes(64) + labelled[at + 64 : len(labelled) - number % 997]


def in_process(labels: int, every: int) -> Samples:
    """RSS of this process, MiB, by the number of labels."""
    samples: Samples = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key, root = key_in(folder), (folder / "root.pem").read_bytes()
        ready = cycle([known(data) for data in files()])
        for number in range(1, labels + 1):
            done = signed(next(ready), key)
            if read_labels(done.data, trust_anchors=root).verdict is not Verdict.TRUSTED_LABEL:
                raise ValueError("a label does not verify")
            if number % 10 == 0:
                _try(lambda data: read_labels(data, trust_anchors=root), broken(done.data, number))
            if number % every == 0 or number == 1:
                samples.append((number, resident_bytes(os.getpid()) / 2**20))
    return samples


def over_http(labels: int, every: int) -> Samples:
    """Memory of a service with all its processes (what they share once), MiB, by the number of labels."""
    samples: Samples = []
    with running_service({"REMARQUE_READERS": "1"}) as service:
        with Client(service.url, service.operator_key, timeout=120) as client:
            ready = cycle(files())
            for number in range(1, labels + 1):
                done = client.label(next(ready), system="A measurement")
                if client.verify(done.data).verdict is not Verdict.TRUSTED_LABEL:
                    raise ValueError("a label does not verify")
                if number % 10 == 0:
                    _try(client.verify, broken(done.data, number))
                if number % every == 0 or number == 1:
                    samples.append((number, proportional_bytes(children(os.getpid())) / 2**20))
    return samples


def _try(step: Callable[[bytes], object], data: bytes) -> None:
    """What is broken is an error or an invalid label, either is fine."""
    try:
        step(data)
    except RemarqueError:
        return


def growth(samples: Samples) -> float:
    """How far the last tenth of the samples lies above the second, as a share; the first warms up."""
    tenth = max(1, len(samples) // 10)
    sizes = [size for _, size in samples]
    return mean(sizes[-tenth:]) / mean(sizes[tenth : 2 * tenth] or sizes[:1]) - 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.label_memory")
    parser.add_argument("--labels", type=int, default=20_000, help="labels and verifications in this process")
    parser.add_argument("--service", type=int, default=2_000, help="labels and verifications over HTTP; 0 for none")
    parser.add_argument("--every", type=int, default=100, help="labels between two samples")
    parser.add_argument("--write", action="store_true", help="write docs/label-memory.csv and .svg")
    options = parser.parse_args()
    begin = time.perf_counter()
    lines = {PROCESS: in_process(options.labels, options.every)}
    if options.service:
        lines[SERVICE] = over_http(options.service, max(1, options.every // 10))
    for name, samples in lines.items():
        sizes = [size for _, size in samples]
        print(f"{name}: {samples[-1][0]} labels and verifications, {sizes[0]:.1f} MiB after the first,", end=" ")
        print(f"{max(sizes):.1f} at most, {sizes[-1]:.1f} at the end; {growth(samples):+.1%} since the second tenth")
    print(f"{time.perf_counter() - begin:.0f} s")
    if options.write:
        write(lines)
    return 1 if growth(lines[PROCESS]) > GROWTH else 0


def write(lines: dict[str, Samples]) -> None:
    """Put the samples and a plot of them into docs/."""
    with (DOCS / "label-memory.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["what", "labels and verifications", "MiB"])
        rows.writerows([name, number, f"{size:.1f}"] for name, samples in lines.items() for number, size in samples)
    plot = svg("Memory of what labels and verifies", "labels and verifications", "MiB", lines)
    (DOCS / "label-memory.svg").write_text(plot)


if __name__ == "__main__":
    raise SystemExit(main())
