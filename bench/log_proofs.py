"""Proofs from a large log: ours, from tiles in the database, beside pymerkle's, in one run.

    pip install pymerkle==7.0.0
    python -m bench.log_proofs [--leaves 1000000]

Both hold the same entries in SQLite, and both roots are compared. *cold* opens the database anew for each proof, as a
process does that has just started; *warm* asks the same object again and again. pymerkle stores leaves and computes the
rest, ours stores tiles: three rows are read for a proof.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlmodel import Session

from app.checkpoints import Publisher
from app.db import Database
from app.prepare import prepare
from app.settings import Settings
from app.tail import Edge, Tail
from app.tiles import read_bundle, read_hashes, root_at
from remarque.log.merkle import leaf_hash
from remarque.log.proofs import HashAt, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from remarque.log.tiles import ENTRIES, FULL, Tile, decode_bundle, hash_reader, tiles_at, width_at

BATCH = 10_000


def timed(count: int, work: Callable[[], object]) -> tuple[float, float]:
    """Median of ``count`` runs in milliseconds, wall and CPU."""
    wall, cpu = [], []
    for _ in range(count):
        begin, begin_cpu = time.perf_counter(), time.process_time()
        work()
        cpu.append(time.process_time() - begin_cpu)
        wall.append(time.perf_counter() - begin)
    return 1000 * statistics.median(wall), 1000 * statistics.median(cpu)


class Ours:
    """A log of the service."""

    def __init__(self, folder: Path, leaves: int) -> None:
        settings = Settings(data_dir=folder, database_url=None)
        prepare(settings)
        self.url, self.size, self.file = settings.database, leaves, folder / "remarque.db"
        database, publisher, edge = Database(self.url), Publisher.load(settings), None
        for start in range(0, leaves, BATCH):
            edge = self._append(database, publisher, edge, range(start, min(start + BATCH, leaves)))
        database.close()

    def _append(self, database: Database, publisher: Publisher, edge: Edge | None, numbers: range) -> Edge:
        with database.writing() as session:
            tail = Tail.lock(session, edge)
            for number in numbers:
                tail.append_bare("check", {"digest": hashlib.sha256(str(number).encode()).hexdigest()})
            tail.finish(publisher.sign)
            session.commit()
        return tail.edge

    def cold(self, work: Callable[[Session], object]) -> None:
        database = Database(self.url)
        with database.reading() as session:
            work(session)
        database.close()

    def hash_at(self, session: Session) -> HashAt:
        return hash_reader(lambda tile: read_hashes(session, tile), self.size)

    def entry(self, session: Session, index: int) -> bytes:
        n, offset = divmod(index, FULL)
        tile = Tile(ENTRIES, n, width_at(ENTRIES, n, self.size))
        return decode_bundle(read_bundle(session, tile), tile.width)[offset]

    def entries(self, session: Session) -> list[bytes]:
        bundles = ((tile, read_bundle(session, tile)) for tile in tiles_at(ENTRIES, self.size))
        return [entry for tile, bundle in bundles for entry in decode_bundle(bundle, tile.width)]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--leaves", type=int, default=1_000_000)
    parser.add_argument("--proofs", type=int, default=300)
    options = parser.parse_args()
    pymerkle: Any = importlib.import_module("pymerkle")
    rows: list[tuple[str, str, str]] = []

    def add(name: str, ours: tuple[float, float], theirs: tuple[float, float]) -> None:
        rows.append((name, *(f"{wall:,.3f} / {cpu:,.3f}" for wall, cpu in (ours, theirs))))

    with tempfile.TemporaryDirectory(prefix="remarque-bench-") as name:
        size, random = options.leaves, Random(1)
        made: list[Ours] = []
        ours_built = timed(1, lambda: made.append(Ours(Path(name), size)))
        ours, file = made[0], str(Path(name) / "pymerkle.db")
        database = Database(ours.url)
        with database.reading() as session:
            entries = ours.entries(session)
            root = root_at(session, size)
        tree = pymerkle.SqliteTree(file)

        def build() -> None:
            for start in range(0, size, BATCH):
                tree.append_entries(entries[start : start + BATCH])

        theirs_built = timed(1, build)
        if tree.get_root() != root:
            raise AssertionError("the two trees differ")
        build_us = [(1000 * wall / size, 1000 * cpu / size) for wall, cpu in (ours_built, theirs_built)]
        add("build, µs a leaf", build_us[0], build_us[1])

        def theirs_cold(work: Callable[[Any], object]) -> Callable[[], None]:
            def run() -> None:
                with pymerkle.SqliteTree(file) as opened:
                    work(opened)

            return run

        def anywhere() -> int:
            return random.randrange(size)

        old = size * 3 // 4 + 1
        add(
            "inclusion proof, cold",
            timed(options.proofs, lambda: ours.cold(lambda s: inclusion_proof(ours.hash_at(s), anywhere(), size))),
            timed(3, theirs_cold(lambda t: t.prove_inclusion(anywhere() + 1, size))),
        )
        add(
            "consistency proof, cold",
            timed(options.proofs, lambda: ours.cold(lambda s: consistency_proof(ours.hash_at(s), old, size))),
            timed(3, theirs_cold(lambda t: t.prove_consistency(old, size))),
        )
        tree.prove_inclusion(1, size)
        with database.reading() as session:
            add(
                "inclusion proof, warm",
                timed(options.proofs, lambda: inclusion_proof(ours.hash_at(session), anywhere(), size)),
                timed(options.proofs, lambda: tree.prove_inclusion(anywhere() + 1, size)),
            )
            add(
                "consistency proof, warm",
                timed(options.proofs, lambda: consistency_proof(ours.hash_at(session), anywhere() or 1, size)),
                timed(options.proofs, lambda: tree.prove_consistency(anywhere() or 1, size)),
            )
            index = size // 3
            leaf, path = leaf_hash(ours.entry(session, index)), inclusion_proof(ours.hash_at(session), index, size)
            between, old_root = consistency_proof(ours.hash_at(session), old, size), root_at(session, old)
        theirs, their_between = tree.prove_inclusion(index + 1, size), tree.prove_consistency(old, size)
        add(
            "verify inclusion",
            timed(options.proofs, lambda: verify_inclusion(leaf, index, size, path, root)),
            timed(options.proofs, lambda: pymerkle.verify_inclusion(tree.get_leaf(index + 1), root, theirs)),
        )
        add(
            "verify consistency",
            timed(options.proofs, lambda: verify_consistency(old, old_root, size, root, between)),
            timed(options.proofs, lambda: pymerkle.verify_consistency(old_root, root, their_between)),
        )
        mega = [f"{held.stat().st_size / 1e6:,.0f}" for held in (ours.file, Path(file))]
        rows.append(("database, MB", mega[0], mega[1]))
        database.close()
        tree.close()
    title = f"{options.leaves:,} leaves on SQLite, ms wall / CPU"
    shown = Table("", "ours", f"pymerkle {pymerkle.__version__}", title=title)
    for row in rows:
        shown.add_row(*row)
    Console(width=140).print(shown)
    Console().print(f"An inclusion proof has {len(path)} hashes.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
