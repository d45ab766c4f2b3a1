"""How long a start takes with many declarations: reading the log, and from a base.

    python -m bench.start [--works N]

The works are declared by fingerprints alone (eight PDQ each), straight into the tables, with a real log.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert
from sqlmodel import Session, select

from app.bases import Bases
from app.db import Database
from app.index import Index
from app.migrate import migrate
from app.tables import LogEntry, LogState, Opening, TreeHead
from remarque.fingerprints import ORIENTATIONS
from remarque.log.entries import IDENTITY_TAG, OPENING_TAG, Entry, seal
from remarque.log.merkle import Tree, leaf_hash
from remarque.matching.matcher import PDQ
from remarque.preferences import DEFAULT_PREFERENCES, write_preferences

BATCH = 10_000


def fill(database: Database, works: int) -> None:
    """Declare ``works`` random works in the log."""
    random, tree, now = np.random.default_rng(1), Tree(), datetime.now(UTC)
    with database.writing() as session:
        state = session.exec(select(LogState)).one()
        for start in range(0, works, BATCH):
            entries, openings = [], []
            for index in range(start, min(start + BATCH, works)):
                values = random.integers(0, 256, (8, 32), np.uint8)
                items = [
                    {"alg": "pdq", "value": row.tobytes().hex(), "quality": 90, "orientation": name}
                    for row, name in zip(values, ORIENTATIONS, strict=True)
                ]
                opening = seal(
                    OPENING_TAG,
                    {
                        "id": f"dec_{index:032x}",
                        "claim": "self",
                        "preferences": write_preferences(DEFAULT_PREFERENCES),
                        "fingerprints": items,
                    },
                )
                who = seal(IDENTITY_TAG, {"party": "pty"})
                fields: dict[str, str | int] = {"open": opening.commitment, "who": who.commitment}
                body = Entry("declare", int(now.timestamp()), fields).encode()
                tree = tree.push(leaf_hash(body))
                entries.append({"idx": index, "body": body})
                openings.append({"idx": index, "salt": opening.salt, "payload": opening.payload})
            session.execute(insert(LogEntry), entries)
            session.execute(insert(Opening), openings)
        _finish(session, state, tree, now)


def _finish(session: Session, state: LogState, tree: Tree, now: datetime) -> None:
    state.size, state.peaks = tree.size, tree.to_bytes()
    session.add(state)
    session.add(TreeHead(size=tree.size, root=tree.root(), at=now))
    session.commit()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--works", type=int, default=1_000_000)
    works = parser.parse_args().works
    table = Table("step", "seconds", title=f"{works:,} declarations, SQLite")
    with tempfile.TemporaryDirectory(prefix="remarque-bench-") as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'r.db'}"
        migrate(url)
        database = Database(url)

        def timed(what: str, begin: float) -> None:
            table.add_row(what, f"{time.perf_counter() - begin:.2f}")

        begin = time.perf_counter()
        fill(database, works)
        timed("declared, straight into the tables", begin)
        begin = time.perf_counter()
        index = Index(database, Bases(folder / "index"))
        index.catch_up()
        timed("start without a base: the whole log is read and indexed", begin)
        begin = time.perf_counter()
        Bases(folder / "index").store(index.matcher, index.matcher.freeze())
        timed("a base is stored, while checks go on", begin)
        begin = time.perf_counter()
        again = Index(database, Bases(folder / "index"))
        again.catch_up()
        again.matcher.match(again.view, PDQ, np.zeros((1, 32), np.uint8))
        timed("start from the base, first check answered", begin)
        size = sum(path.stat().st_size for path in (folder / "index").rglob("*") if path.is_file())
        assert again.matcher.view == index.matcher.view
        database.close()
    console = Console(width=140)
    console.print(table)
    console.print(f"The base has {size / works:.0f} bytes a work.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
