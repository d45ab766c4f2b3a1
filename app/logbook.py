"""Everything that changes the registry goes through here: one transaction, its entries, one commit, then the answer.

A use case is a *unit of work*: a function of a session and the end of the log. It checks, adds rows and appends
entries; it does not commit. ``Logbook.transact`` locks the end of the log, runs the unit, stores the new state of
the tree, commits durably, and lets the index catch up before it returns. What a caller is told has therefore
happened, and an interrupted request leaves nothing behind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from app.db import Database
from app.tables import Identity, LogEntry, LogState, Opening, TreeHead
from remarque.answers import LogPosition
from remarque.errors import LogError
from remarque.log.entries import IDENTITY_TAG, OPENING_TAG, Entry, seal
from remarque.log.merkle import Tree, leaf_hash

Result = TypeVar("Result")
log = logging.getLogger(__name__)


@dataclass
class Tail:
    """The locked end of the log, inside a transaction."""

    session: Session
    tree: Tree
    now: datetime

    def append(
        self,
        entry_type: str,
        *,
        identity: Mapping[str, Any],
        opening: Mapping[str, Any] | None = None,
        ref: int | None = None,
    ) -> int:
        """Append one entry with its sealed payloads. Returns its index."""
        index = self.tree.size
        fields: dict[str, str | int] = {}
        rows: list[Opening | Identity] = []
        who = seal(IDENTITY_TAG, identity)
        fields["who"] = who.commitment
        rows.append(Identity(idx=index, salt=who.salt, payload=who.payload))
        if opening is not None:
            opened = seal(OPENING_TAG, opening)
            fields["open"] = opened.commitment
            rows.append(Opening(idx=index, salt=opened.salt, payload=opened.payload))
        if ref is not None:
            fields["ref"] = ref
        body = Entry(entry_type, int(self.now.timestamp()), fields).encode()
        self.session.add(LogEntry(idx=index, body=body))
        self.session.flush()  # before the rows that refer to it
        self.session.add_all(rows)
        self.tree = self.tree.push(leaf_hash(body))
        return index


def first_head(index: Any) -> ColumnElement[bool]:
    """The condition that joins TreeHead to an entry's index: the first state of the log that holds the entry."""
    later = aliased(TreeHead)
    first = select(func.min(later.size)).where(col(later.size) > index).correlate_except(later)
    return col(TreeHead.size) == first.scalar_subquery()


def log_position(index: int, head: TreeHead) -> LogPosition:
    """Where an entry stands, as answers say it."""
    return LogPosition(index=index, tree_size=head.size, root=head.root.hex())


class Logbook:
    """The one way to write. ``published`` is called after each commit."""

    def __init__(self, database: Database, published: Callable[[], None]) -> None:
        self._database = database
        self._published = published

    def transact(self, unit: Callable[[Session, Tail], Result]) -> Result:
        """Run one unit of work and return its result once it is committed.

        Raises what the unit raises, after which nothing of it is left.
        """
        with self._database.writing() as session:
            state = session.exec(select(LogState).with_for_update()).one_or_none()
            if state is None:
                raise LogError("the database holds no state of the log; was it migrated?")
            tree = Tree.from_bytes(state.size, state.peaks)
            tail = Tail(session, tree, datetime.now(UTC))
            result = unit(session, tail)
            if tail.tree.size != tree.size:
                state.size, state.peaks = tail.tree.size, tail.tree.to_bytes()
                session.add(state)
                session.add(TreeHead(size=tail.tree.size, root=tail.tree.root(), at=tail.now))
            session.commit()
        try:
            self._published()
        except Exception:
            # The commit stands and the caller is told so; the index follows by itself and says when it cannot.
            log.exception("the index could not catch up after a commit")
        return result
