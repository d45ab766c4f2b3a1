"""A snapshot of many declarations: made, fetched over loopback, verified, opened, kept up to date.

    .venv/bin/python -m bench.snapshot --works 1000000

The declarations are synthetic and written through the log: a random PDQ in eight orientations, and for a share of them
64 random regions. Nothing of it is a picture, so it says nothing about matching. The peer is the full fetch: what
somebody pays who knows no changes.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np

from app.checkpoints import Publisher
from app.db import Database
from app.logkeys import LogKeys
from app.prepare import prepare
from app.settings import Settings
from app.snapshots import build
from app.tail import Tail
from remarque.client import Client
from remarque.fingerprints import ORIENTATIONS
from remarque.fingerprints.packing import RECORD, pack_regions
from remarque.fingerprints.regions import Regions
from remarque.snapshots import Pulled, open_snapshot, pull, verify_snapshot

T = TypeVar("T")
REGIONS = 64
GROUP = 5000


def opening(random: np.random.Generator, number: int, share: float) -> dict[str, object]:
    """What a declaration of a picture commits to."""
    values = [{"alg": "pdq", "value": random.bytes(32).hex(), "quality": 100, "orientation": o} for o in ORIENTATIONS]
    for value in values:
        value["size"] = 1024
    values.append({"alg": "phash", "value": random.bytes(8).hex()})
    said = {"ai_generative_training": "disallowed", "ai_training": "disallowed"}
    made: dict[str, object] = {
        "id": f"dec_{number:032x}",
        "claim": "self",
        "preferences": said,
        "fingerprints": values,
        "url": f"https://artist.example/works/{number}",
    }
    if random.random() < share:
        records = np.frombuffer(random.bytes(REGIONS * RECORD.itemsize), RECORD)
        places = random.uniform(10, 1000, (REGIONS, 4)).astype(np.float32)
        says = random.integers(30, 64, REGIONS).astype(np.uint8)
        made["regions"] = pack_regions(Regions(records["hash"].copy(), places, says, np.zeros(REGIONS, np.bool_), 0, 0))
    return made


def fill(database: Database, settings: Settings, first: int, count: int, share: float) -> None:
    """Append declarations to the log."""
    publisher, random = Publisher.load(settings), np.random.default_rng(first)
    for start in range(first, first + count, GROUP):
        with database.writing() as session:
            tail = Tail.lock(session)
            for number in range(start, min(start + GROUP, first + count)):
                tail.append("declare", identity={"party": "pty_bench"}, opening=opening(random, number, share))
            note = tail.finish(publisher.sign)
            session.commit()
        assert note is not None
        publisher.publish(note)


def timed(name: str, do: Callable[[], T], told: Callable[[T], str] = lambda _: "") -> T:
    """Do it and print a row: wall and CPU seconds of this process, and what there is to tell."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = do()
    spent = f"{time.perf_counter() - wall:9.2f} | {time.process_time() - cpu:9.2f}"
    print(f"| {name:44} | {spent} | {told(result):40} |", flush=True)
    return result


@contextmanager
def serving(data_dir: Path) -> Iterator[str]:
    """The real service on that data directory; ready once its index holds the log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "remarque.cli", "serve", "--port", str(port), "--data-dir", str(data_dir)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        with Client(url) as client:
            while not client.ready():
                assert process.poll() is None, "the service ended"
                time.sleep(0.5)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--works", type=int, default=100_000)
    parser.add_argument("--regions", type=float, default=0.05, help="share of the works that have regions")
    parser.add_argument("--more", type=float, default=0.01, help="share that is declared between the two snapshots")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="remarque-bench-") as name:
        run(Path(name), given.works, given.regions, given.more)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; peak memory of this process {peak:.1f} GB")


def run(folder: Path, works: int, share: float, more: float) -> None:
    settings = Settings(data_dir=folder / "data")
    prepare(settings)
    database = Database(settings.database)
    print(f"| {f'{works:,} works, {share:.0%} with regions':44} | wall s    | CPU s     | {'':40} |")
    print(f"|{'-' * 46}|{'-' * 11}|{'-' * 11}|{'-' * 42}|")
    timed("declare, in groups", lambda: fill(database, settings, 0, works, share))
    first = timed("make from the whole log", lambda: build(database, settings), lambda b: megabytes(b.manifest.bytes))
    pulled = folder / "pulled"
    with serving(settings.data_dir) as url:
        key = (settings.data_dir / "operator.key").read_text().strip()
        keys = LogKeys.load(settings).pinned
        full = timed("pull over loopback, verified", lambda: pull(url, pulled, key=key, keys=keys), _received)
        timed("verify", lambda: verify_snapshot(pulled, keys), lambda m: megabytes(m.bytes))
        snapshot = timed("open", lambda: open_snapshot(pulled), lambda s: f"{len(s):,} declarations")
        hashes = np.frombuffer(np.random.default_rng(1).bytes(32 * 100_000), np.uint8).reshape(-1, 32)
        snapshot.check(hashes[:10])
        timed("check 100,000 hashes", lambda: snapshot.check(hashes))
        timed("declare more", lambda: fill(database, settings, works, int(works * more), share))
        second = timed(
            "make from the one before", lambda: build(database, settings), lambda b: megabytes(b.manifest.bytes)
        )
        assert first.manifest.bytes < second.manifest.bytes
        assert second.since == first.manifest.tree_size
        less = timed("pull what changed, verified", lambda: pull(url, pulled, key=key, keys=keys), _received)
        assert less.note is None, less.note
        assert less.saved == less.manifest.bytes
        part = less.received / full.received
        print(f"\nwhat changed has {part:.1%} of the bytes of a full fetch ({less.saved:,} bytes saved)")
    database.close()


def _received(done: Pulled) -> str:
    return f"{megabytes(done.received)} received, {megabytes(done.saved)} saved"


if __name__ == "__main__":
    main()
