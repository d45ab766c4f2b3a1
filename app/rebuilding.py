"""Everything that the log's tables hold beside the entries, computed again from the entries.

``app.prepare`` does it for a database of a version that kept no tiles. After missing entries were put back into a
restored database, ``python -m app.rebuilding`` does it; the service then starts if nothing published is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from sqlmodel import Session, col, delete, select

from app import keyevents
from app.checkpoints import Publisher
from app.db import Database
from app.settings import Settings
from app.tables import KeyEvent, LogEntry, LogState, TileRow, TreeHead
from app.tiles import edge_at, write_tiles
from remarque.errors import LogError
from remarque.log.entries import Entry
from remarque.log.merkle import Tree, leaf_hash
from remarque.log.tiles import append_batch

#: Entries at a time, which bounds the memory: a hundred full tiles.
BATCH = 25_600


def rebuild(session: Session, publisher: Publisher) -> int:
    """Write tiles, state and a signed checkpoint anew, in the caller's transaction. Returns the size of the log.

    Raises LogError on a gap, an entry that is none, and where a root that was written down is not that of the entries.
    """
    state = session.exec(select(LogState).with_for_update()).one_or_none()
    if state is None:
        raise LogError("the database holds no state of the log; was it migrated?")
    heads = {head.size: head for head in session.exec(select(TreeHead)).all()}
    session.execute(delete(TileRow))
    session.execute(delete(KeyEvent))
    tree = Tree()
    for bodies in _batches(session):
        keyevents.find(session, tree.size, bodies)
        leaves = [leaf_hash(body) for body in bodies]
        _compare(tree, leaves, heads)
        tree, dirty = append_batch(tree, edge_at(session, tree.size), leaves)
        write_tiles(session, dirty)
    if max(heads, default=0) > tree.size:
        raise LogError(f"the database knows of {max(heads)} entries and holds {tree.size}: some are missing")
    state.size, state.peaks = tree.size, tree.to_bytes()
    head = heads.get(tree.size) or TreeHead(size=tree.size, root=tree.root(), at=datetime.now(UTC))
    head.note = publisher.sign(tree)
    session.add_all([state, head])
    session.flush()
    return tree.size


def _batches(session: Session) -> Iterator[list[bytes]]:
    """The bodies of all entries in order. Raises LogError on a gap and on a body that is no entry."""
    begin = 0
    while True:
        rows = session.exec(
            select(LogEntry.idx, LogEntry.body).where(LogEntry.idx >= begin).order_by(col(LogEntry.idx)).limit(BATCH)
        ).all()
        if [row[0] for row in rows] != list(range(begin, begin + len(rows))):
            raise LogError(f"the log has a gap after entry {begin}")
        if not rows:
            return
        for _, body in rows:
            Entry.decode(body)
        yield [body for _, body in rows]
        begin += len(rows)


def _compare(tree: Tree, leaves: list[bytes], heads: dict[int, TreeHead]) -> None:
    begin = tree.size
    for size in sorted(size for size in heads if begin < size <= begin + len(leaves)):
        tree = tree.extend(leaves[tree.size - begin : size - begin])
        if heads[size].root != tree.root():
            raise LogError(
                f"at size {size} the root was {heads[size].root.hex()}, the entries have {tree.root().hex()}"
            )


def main() -> None:
    """Rebuild the database that the environment describes."""
    settings = Settings()
    database = Database(settings.database)
    try:
        with database.writing() as session:
            publisher = Publisher.load(settings)
            size = rebuild(session, publisher)
            publisher.check(session)
            session.commit()
            publisher.newest(session)
        sys.stdout.write(f"Rebuilt from {size} entries, and nothing that was published is missing.\n")
    finally:
        database.close()


if __name__ == "__main__":
    main()
