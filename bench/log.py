"""What the log costs: declarations a second with it and without it, in one run, on both databases.

    python -m bench.log [--seconds 2] [--in-flight 128]

*plain* writes the declaration and its fingerprints, with the same indexes, and commits as durably. *log* writes them
through the end of the log: entry, both openings, tiles, state, signed checkpoint; *mark* is log with the high-water
mark. The three take turns, medians of transactions are told; CPU is that of this process. Then whole declarations, many
callers at once, through the service's group commit (no HTTP, no picture).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Shown
from sqlalchemy import Column, Index, MetaData, Table
from sqlmodel import SQLModel

from app.access import Caller, create_party, identify
from app.checkpoints import Publisher
from app.db import Database
from app.logbook import Logbook
from app.prepare import prepare
from app.registry import Work, declare
from app.rows import write_rows
from app.schemas.requests import DeclarationCreate
from app.settings import Settings
from app.tables import DeclarationRow, Opening
from app.tail import Edge, Tail
from remarque.answers import Fingerprint
from remarque.log.entries import canonical_json
from remarque.preferences import DEFAULT_PREFERENCES, write_preferences
from tests.postgresql import address_of, administer, answers

BATCHES = (1, 100, 10_000)
PREFERENCES = write_preferences(DEFAULT_PREFERENCES)


def without_log(model: type[SQLModel], metadata: MetaData) -> Table:
    """The same table, with the same indexes, that refers to nothing."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    columns = [Column(c.name, c.type, primary_key=c.primary_key, nullable=c.nullable, unique=c.unique) for c in table.c]
    copy = Table(f"plain_{table.name}", metadata, *columns)
    for index in table.indexes:
        Index(f"plain_{index.name}", *(copy.c[c.name] for c in index.columns))
    return copy


class Bench:
    """One database, the writers on it, and how many works were declared."""

    def __init__(self, settings: Settings) -> None:
        prepare(settings)
        self.database = Database(settings.database)
        self.publisher = Publisher.load(settings)
        metadata = MetaData()
        self._declaration, self._opening = without_log(DeclarationRow, metadata), without_log(Opening, metadata)
        metadata.create_all(self.database.engine)
        with self.database.writing() as session:
            key = create_party(session, display_name=None, kind=None).api_key
        with self.database.reading() as session:
            caller = identify(session, f"Bearer {key}")
        assert caller is not None
        self.caller: Caller = caller
        self._edge: Edge | None = None
        self._declared = 0

    def _work(self) -> tuple[dict[str, Any], dict[str, Any]]:
        self._declared += 1
        identifier, pdq = f"dec_{uuid.uuid4().hex}", self._declared.to_bytes(32, "big")
        row = {"id": identifier, "party_id": self.caller.party, "status": "active", "claim": "self"}
        row |= {"preferences": PREFERENCES, "pdq": pdq}
        fingerprint = {"alg": "pdq", "value": pdq.hex(), "quality": 100}
        return row, {"id": identifier, "claim": "self", "preferences": PREFERENCES, "fingerprints": [fingerprint]}

    def plain(self, count: int) -> None:
        """One transaction without the log."""
        with self.database.writing() as session:
            connection = session.connection()
            rows, openings, now = [], [], datetime.now(UTC)
            for _ in range(count):
                row, payload = self._work()
                rows.append({**row, "idx": self._declared, "declared_at": now})
                openings.append({"idx": self._declared, "salt": b"", "payload": canonical_json(payload)})
            added = {self._opening: openings, self._declaration: rows}
            write_rows(connection, added, over=frozenset())
            session.commit()

    def log(self, count: int) -> bytes:
        """One transaction with the log; its checkpoint."""
        with self.database.writing() as session:
            tail = Tail.lock(session, self._edge)
            for _ in range(count):
                row, payload = self._work()
                index = tail.append("declare", opening=payload, identity={"party": self.caller.party})
                tail.add(DeclarationRow, {**row, "idx": index, "declared_at": tail.now})
            note = tail.finish(self.publisher.sign)
            session.commit()
        self._edge = tail.edge
        assert note is not None
        return note

    def mark(self, count: int) -> None:
        """One transaction with the log, and published."""
        self.publisher.publish(self.log(count))

    def in_flight(self, callers: int, seconds: float) -> tuple[float, float, float, int]:
        """Whole declarations: how many a second, microseconds of CPU for each, the median wait in milliseconds, and how
        many transactions."""
        commits = [0]
        logbook = Logbook(self.database, self.publisher, lambda: commits.__setitem__(0, commits[0] + 1))
        waits: list[float] = []
        stop = time.perf_counter() + seconds

        def run() -> None:
            while time.perf_counter() < stop:
                begin = time.perf_counter()
                work = Work([Fingerprint(alg="pdq", value=uuid.uuid4().hex * 2, quality=100)])
                declare(logbook, self.caller, work, DeclarationCreate())
                waits.append(time.perf_counter() - begin)

        threads = [threading.Thread(target=run) for _ in range(callers)]
        begin, begin_cpu = time.perf_counter(), time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
        logbook.close()
        return len(waits) / took, 1e6 * cpu / len(waits), 1000 * statistics.median(waits), commits[0]


def measured(writers: list[Callable[[int], object]], batch: int, seconds: float) -> list[tuple[float, float]]:
    """Of each writer: median microseconds a declaration, wall and CPU. They take turns."""
    for write in writers:
        write(batch)
    wall: list[list[float]] = [[] for _ in writers]
    cpu: list[list[float]] = [[] for _ in writers]
    stop = time.perf_counter() + seconds * len(writers)
    while time.perf_counter() < stop or len(wall[0]) < 5:
        for number, write in enumerate(writers):
            begin, begin_cpu = time.perf_counter(), time.process_time()
            write(batch)
            cpu[number].append(time.process_time() - begin_cpu)
            wall[number].append(time.perf_counter() - begin)
    return [
        (1e6 * statistics.median(w) / batch, 1e6 * statistics.median(c) / batch) for w, c in zip(wall, cpu, strict=True)
    ]


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, Settings]]:
    """Settings of a service on each database that there is."""
    made = {"SQLite": Settings(data_dir=folder / "sqlite", database_url=None)}
    name = f"remarque_bench_{uuid.uuid4().hex}"
    if answers():
        administer(f'CREATE DATABASE "{name}"')
        made["PostgreSQL"] = Settings(data_dir=folder / "postgresql", database_url=address_of(name))
    try:
        yield made
    finally:
        if "PostgreSQL" in made:
            administer(f'DROP DATABASE "{name}" WITH (FORCE)')


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--in-flight", type=int, default=128)
    options = parser.parse_args()
    shown = Shown("database", "batch", "plain", "log", "mark", "log / plain", "mark / plain", title="µs, wall / CPU")
    many = Shown(
        "database", "declarations/s", "CPU µs", "p50 ms", "transactions", title=f"{options.in_flight} in flight"
    )
    with tempfile.TemporaryDirectory(prefix="remarque-bench-") as name, databases(Path(name)) as made:
        for database, settings in made.items():
            bench = Bench(settings)
            for batch in BATCHES:
                found = measured([bench.plain, bench.log, bench.mark], batch, options.seconds)
                cells = [f"{wall:.1f} / {cpu:.1f}" for wall, cpu in found]
                (plain, plain_cpu), *others = found
                ratios = [f"{wall / plain:.2f} / {cpu / plain_cpu:.2f}" for wall, cpu in others]
                shown.add_row(database, f"{batch:,}", *cells, *ratios)
            rate, cpu, wait, commits = bench.in_flight(options.in_flight, options.seconds * 2)
            many.add_row(database, f"{rate:,.0f}", f"{cpu:.0f}", f"{wait:.0f}", str(commits))
            bench.database.close()
    console = Console(width=140)
    console.print(shown)
    console.print(many)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
