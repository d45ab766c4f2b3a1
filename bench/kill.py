"""kill -9 at any moment: is what was acknowledged still there, and does the log still hold together?

    python -m bench.kill [--runs 50] [--clients 8] [--seed 1]

Clients declare fingerprints over HTTP; at a random moment the service is killed with SIGKILL and started again on the
same folder and database. After each start everything is computed again: every acknowledged declaration stands in the
log at its index, with the bytes that its commitments open; every root that was ever told or signed, and every tile,
follows from the entries; the index finds every acknowledged declaration; no entry that was there has changed. On the
first difference it stops with an exception.

It is a crash of the process, not of the machine: what the disk does without power is not tried.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
from rich.console import Console
from rich.table import Table
from sqlmodel import Session, col, select

from app.checkpoints import Publisher
from app.db import Database
from app.settings import Settings
from app.tables import DeclarationRow, LogEntry, LogState, Opening, TileRow, TreeHead
from bench.log import databases
from bench.serving import Serving, Told, declare_on_one_connection, serving
from remarque.log.checkpoint import Checkpoint, open_checkpoint
from remarque.log.entries import OPENING_TAG, Entry, commitment
from remarque.log.merkle import Tree, leaf_hash
from remarque.log.tiles import append_batch, edge_tiles

#: The kill comes this long after the clients began, at most: some groups are then committed, and one is under way.
LONGEST = 1.0


@dataclass
class Seen:
    """All that was acknowledged so far, and what the checks went through."""

    key: str = ""
    told: list[Told] = field(default_factory=list)
    bodies: dict[int, bytes] = field(default_factory=dict)
    #: Entries that are in the log though the service was killed before it acknowledged them: allowed, and counted.
    unacknowledged: int = 0
    checkpoints: int = 0
    tiles: int = 0


def require(condition: bool, told: str) -> None:
    if not condition:
        raise AssertionError(told)


async def declare_until_killed(
    service: Serving, key: str, pdqs: Iterator[str], clients: int, after: float
) -> list[Told]:
    """Declare with several clients, kill the service after some seconds; what it acknowledged until then."""
    told: list[Told] = []
    tasks = [
        asyncio.create_task(declare_on_one_connection(service.address, key, pdqs, lambda: True, told))
        for _ in range(clients)
    ]
    await asyncio.sleep(after)
    service.process.send_signal(signal.SIGKILL)
    await asyncio.gather(*tasks)
    service.process.wait()
    return told


def check(service: Serving, settings: Settings, seen: Seen) -> None:
    """Everything again, from the tables and from the running service. Raises AssertionError."""
    database, publisher = Database(settings.database), Publisher.load(settings)
    try:
        with database.reading() as session:
            tree = check_log(session, publisher, seen)
            check_acknowledged(session, seen)
    finally:
        database.close()
    state = httpx.get(f"{service.address}/readyz").json()
    require((state["tree_size"], state["root"]) == (tree.size, tree.root().hex()), "the service says another state")
    if seen.told:
        question = {"alg": "pdq", "hashes": [told.pdq for told in seen.told]}
        headers = {"authorization": f"Bearer {seen.key}"}
        answer = httpx.post(f"{service.address}/v1/checks", json=question, headers=headers, timeout=60).json()
        require([hit["i"] for hit in answer["hits"]] == list(range(len(seen.told))), "the index misses declarations")
        require(
            (answer["tree_size"], answer["root"]) == (tree.size, tree.root().hex()), "the index is of another state"
        )


def check_mark(settings: Settings, seen: Seen) -> None:
    """Right after the kill, before any start raises it: the mark has reached every state that was told."""
    mark = Publisher.load(settings).mark.read()
    highest = max((told.declaration["log"]["tree_size"] for told in seen.told), default=0)
    require(mark is not None and mark.size >= highest, "an answer was given before the high-water mark rose")


def check_log(session: Session, publisher: Publisher, seen: Seen) -> Tree:
    """Entries, heads, checkpoints, tiles and the mark, computed anew; the tree."""
    rows = session.exec(select(LogEntry.idx, LogEntry.body).order_by(col(LogEntry.idx))).all()
    require([idx for idx, _ in rows] == list(range(len(rows))), "a gap in the log")
    bodies = dict(rows)
    require(all(bodies[idx] == body for idx, body in seen.bodies.items()), "an entry has changed")
    heads = session.exec(select(TreeHead).order_by(col(TreeHead.size))).all()
    roots = {told.declaration["log"]["tree_size"]: told.declaration["log"]["root"] for told in seen.told}
    tree, edge, tiles = Tree(), dict[int, bytes](), dict[tuple[int, int], bytes]()
    for head in heads:
        tree, dirty = append_batch(tree, edge, [leaf_hash(bodies[idx]) for idx in range(tree.size, head.size)])
        tiles |= {(tile.level, tile.n): data for tile, data in dirty.items()}
        edge = {tile.level: tiles[tile.level, tile.n] for tile in edge_tiles(tree.size)}
        require(head.root == tree.root(), f"the root at {head.size} does not follow from the entries")
        require(head.note is not None, f"no checkpoint at {head.size}")
        signed = open_checkpoint(head.note or b"", publisher.keys.log.verifier)
        require(
            signed == Checkpoint(publisher.keys.origin, tree.size, tree.root()), f"another checkpoint at {head.size}"
        )
        require(roots.pop(head.size, head.root.hex()) == head.root.hex(), f"another root at {head.size} was told")
    require(not roots, "a state was told that the log does not have")
    state = session.exec(select(LogState)).one()
    require((state.size, state.peaks) == (len(rows), tree.to_bytes()), "the state does not follow from the entries")
    stored = {(row.level, row.n): row.data for row in session.exec(select(TileRow)).all()}
    require(stored == tiles, "the tiles do not follow from the entries")
    mark = publisher.mark.read()
    require(mark is not None and mark.size <= tree.size, "the high-water mark is beyond the log")
    seen.bodies, seen.checkpoints, seen.tiles = bodies, len(heads), len(tiles)
    return tree


def check_acknowledged(session: Session, seen: Seen) -> None:
    """Each acknowledged declaration is at its index, and its entry opens to what was declared."""
    openings = {row.idx: row for row in session.exec(select(Opening)).all()}
    rows = {row.id: row.idx for row in session.exec(select(DeclarationRow)).all()}
    require(len(openings) == len(rows) == len(seen.bodies), "the tables differ")
    for told in seen.told:
        index, identifier = told.declaration["log"]["index"], told.declaration["id"]
        opening, entry = openings[index], Entry.decode(seen.bodies[index])
        payload = json.loads(opening.payload)
        require(rows[identifier] == index, f"{identifier} is not at its index")
        require(
            entry.fields["open"] == commitment(OPENING_TAG, opening.salt, opening.payload), f"{index} is not opened"
        )
        require(
            (payload["id"], payload["fingerprints"][0]["value"]) == (identifier, told.pdq), f"{index} is another one"
        )
    seen.unacknowledged = len(rows) - len(seen.told)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60, help="begin no further run after so long on one database")
    options = parser.parse_args()
    columns = ("kills", "acknowledged, all there", "entries", "not told", "checkpoints", "tiles", "seconds")
    shown = Table("database", *columns, title="kill -9 while clients declare")
    with tempfile.TemporaryDirectory(prefix="remarque-kill-") as name, databases(Path(name)) as made:
        for database, settings in made.items():
            random, seen, kills, begin = Random(options.seed), Seen(), 0, time.monotonic()
            # Far from each other: close ones would match each other, and every check would tell all of them.
            pdqs = (random.randbytes(32).hex() for _ in itertools.count())
            while True:
                with serving(settings) as service:
                    seen.key = seen.key or service.party()
                    check(service, settings, seen)
                    if kills == options.runs or time.monotonic() - begin > 60 * options.minutes:
                        break
                    after = random.uniform(0.02, LONGEST)
                    working = declare_until_killed(service, seen.key, pdqs, options.clients, after)
                    seen.told += asyncio.run(working)
                check_mark(settings, seen)
                kills += 1
            entries = len(seen.bodies)
            cells = (kills, len(seen.told), entries, seen.unacknowledged, seen.checkpoints, seen.tiles)
            shown.add_row(database, *(f"{cell:,}" for cell in cells), f"{time.monotonic() - begin:.0f}")
    Console(width=140).print(shown)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
