"""What changed in the registry since a state of the log: the entries about declarations, one line each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select

from app.checkpoints import Publisher
from app.db import Database
from app.tables import DeclarationRow, LogEntry, Opening
from remarque.errors import InvalidRequest
from remarque.log.entries import Entry
from remarque.snapshots.changes import TYPES, Change, Until

#: Entries that are read at once: each has up to a few thousand bytes of opening.
BATCH = 500
#: Entries of one answer, at most: a client that breaks off begins again from the last line it has.
MOST = 100_000


def changes(
    database: Database, publisher: Publisher, *, since: int, until: int | None, openings: bool
) -> Iterator[bytes]:
    """The lines of the answer: the entries from ``since`` on, before ``until``, and the line that says how far they go.

    ``openings``: with what each entry commits to. Raises InvalidRequest, before any line, on a range that is none, and
    NotReady where nothing was published yet.
    """
    with database.reading() as session:
        head = publisher.newest(session)
        size, root = head.size, head.root
    if not 0 <= since <= size:
        raise InvalidRequest(f"since is the tree size of an earlier state, 0 to {size}.")
    if until is not None and not since <= until <= size:
        raise InvalidRequest(f"until is a tree size from {since} to {size}.")
    stop = min(size if until is None else until, since + MOST)
    return _lines(database, since, stop, Until(tree_size=size, root=root.hex(), next=stop), openings)


def _lines(database: Database, start: int, stop: int, last: Until, openings: bool) -> Iterator[bytes]:
    for first in range(start, stop, BATCH):
        # A session for each batch: a slow reader must not keep a transaction open.
        with database.reading() as session:
            told = [each.to_line() for each in _changes(session, first, min(first + BATCH, stop), openings)]
        yield b"".join(told)
    yield last.to_line()


def _changes(session: Session, first: int, stop: int, openings: bool) -> Iterator[Change]:
    rows = session.execute(
        select(LogEntry.idx, LogEntry.body, Opening.payload)
        .join(Opening, col(Opening.idx) == col(LogEntry.idx), isouter=True)
        .where(LogEntry.idx >= first, LogEntry.idx < stop)
        .order_by(col(LogEntry.idx))
    ).all()
    entries = [(index, Entry.decode(body), payload) for index, body, payload in rows]
    about = [(index, entry, payload) for index, entry, payload in entries if entry.type in TYPES]
    names = _names(session, {_subject(index, entry) for index, entry, _ in about})
    for index, entry, payload in about:
        opening: dict[str, Any] | None = None if payload is None else json.loads(payload)
        ref = entry.fields.get("ref")
        yield Change(
            index=index,
            type=entry.type,
            at=datetime.fromtimestamp(entry.t, UTC),
            declaration=names.get(_subject(index, entry)),
            ref=None if ref is None else int(ref),
            preferences=None if opening is None else opening.get("preferences"),
            outcome=None if opening is None else opening.get("outcome"),
            opening=opening if openings else None,
        )


def _subject(index: int, entry: Entry) -> int:
    """The entry of the declaration that an entry is about."""
    return int(entry.fields.get("ref", index))


def _names(session: Session, entries: set[int]) -> dict[int, str]:
    """The identifiers of the declarations that these entries made."""
    rows = session.exec(select(DeclarationRow.idx, DeclarationRow.id).where(col(DeclarationRow.idx).in_(entries)))
    return dict(rows.all())
