"""The locked end of the log, inside a transaction."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Table, event
from sqlmodel import Session, SQLModel

from app.rows import write_rows
from app.tables import DeclarationRow, EntryRef, Identity, LogEntry, LogState, Opening, TileRow, TreeHead
from app.tiles import edge_at
from remarque.errors import LogError
from remarque.log.entries import IDENTITY_TAG, OPENING_TAG, Entry, seal
from remarque.log.merkle import Tree, leaf_hash
from remarque.log.tiles import append_batch, edge_tiles

#: Statements that neither read what is held back nor fail without it: questions to other tables, and new rows whose
#: foreign key to an entry is checked at the commit. Before any other statement, it is written.
_APART = re.compile(r"SELECT|INSERT INTO (?:declaration|label) ")
_OF_THE_LOG = re.compile(r"\b(?:log_entry|opening|identity|entry_ref|declaration)\b")

#: What is held back, in the order in which it is written: no row comes before one that it refers to.
_HELD = (LogEntry, Opening, Identity, EntryRef, DeclarationRow, TileRow, TreeHead, LogState)
_TABLES: Mapping[type[SQLModel], Table] = {model: cast(Any, model).__table__ for model in _HELD}
#: Tiles grow in place, and the state is one row for ever.
_OVER = frozenset({_TABLES[TileRow], _TABLES[LogState]})


@dataclass(frozen=True, slots=True)
class Edge:
    """The tree and the partial tiles at its right edge, by level."""

    tree: Tree
    tiles: Mapping[int, bytes]


class Tail:
    """Entries are appended here. Their rows, and those that ``add`` is given, are held back and written together, at
    the latest by ``finish``."""

    def __init__(self, session: Session, edge: Edge) -> None:
        self.session = session
        self.edge = edge
        self.now = datetime.now(UTC)
        #: Grows with everything that is written; what it counts does not matter.
        self.written = 0
        #: What the unit at work and its neighbours asked ahead (``app.logbook.Ahead``).
        self.asked: Any = None
        self._leaves: list[bytes] = []
        self._held: dict[type[SQLModel], list[Mapping[str, Any]]] = {model: [] for model in _HELD}
        self._writing = False
        self._connection = session.connection()
        event.listen(self._connection, "before_cursor_execute", self._before)

    @classmethod
    def lock(cls, session: Session, known: Edge | None = None) -> Tail:
        """Lock the end of the log until the transaction ends. ``known`` spares reading an edge that is still the same.

        Raises LogError where the database holds no log.
        """
        connection = session.connection()
        question = "SELECT size, peaks FROM log_state"
        if connection.dialect.name == "postgresql":  # SQLite has locked everything by BEGIN IMMEDIATE
            question += " FOR UPDATE"
        state = connection.exec_driver_sql(question).one_or_none()
        if state is None:
            raise LogError("the database holds no state of the log; was it migrated?")
        tree = Tree.from_bytes(state.size, state.peaks)
        if known is None or known.tree != tree:
            known = Edge(tree, edge_at(session, tree.size))
        return cls(session, known)

    def state(self) -> tuple[object, ...]:
        """Equal twice where nothing was written, added, changed or removed in between."""
        session = self.session
        return self.written, *({id(row) for row in rows} for rows in (session.new, session.dirty, session.deleted))

    def add(self, model: type[SQLModel], row: Mapping[str, Any]) -> None:
        """Add a row beside the entries, of one of the tables that are held back."""
        self._held[model].append(row)
        self.written += 1

    def append(
        self,
        entry_type: str,
        *,
        identity: Mapping[str, Any],
        opening: Mapping[str, Any] | None = None,
        ref: int | None = None,
    ) -> int:
        """Append one entry with its sealed payloads. Returns its index."""
        fields: dict[str, str | int] = {}
        who = seal(IDENTITY_TAG, identity)
        fields["who"] = who.commitment
        opened = None if opening is None else seal(OPENING_TAG, opening)
        if opened is not None:
            fields["open"] = opened.commitment
        if ref is not None:
            fields["ref"] = ref
        index = self.append_bare(entry_type, fields)
        if ref is not None:
            self._held[EntryRef].append({"idx": index, "ref": ref, "party_id": identity.get("party")})
        self._held[Identity].append({"idx": index, "salt": who.salt, "payload": who.payload})
        if opened is not None:
            self._held[Opening].append({"idx": index, "salt": opened.salt, "payload": opened.payload})
        return index

    def append_bare(self, entry_type: str, fields: Mapping[str, str | int]) -> int:
        """Append one entry of these fields and nothing beside it. Returns its index."""
        index = self.edge.tree.size + len(self._leaves)
        body = Entry(entry_type, int(self.now.timestamp()), fields).encode()
        self._held[LogEntry].append({"idx": index, "body": body})
        self._leaves.append(leaf_hash(body))
        self.written += 1
        return index

    def finish(self, sign: Callable[[Tree], bytes]) -> bytes | None:
        """Write what is held back, the tiles, the state and a signed checkpoint: the note, or None if nothing was
        appended. Then ``edge`` is the one after it."""
        self.session.flush()
        if not self._leaves:
            return None
        before = self.edge
        tree, dirty = append_batch(before.tree, before.tiles, self._leaves)
        note = sign(tree)
        self._held[TileRow] = [{"level": tile.level, "n": tile.n, "data": data} for tile, data in dirty.items()]
        self._held[TreeHead].append({"size": tree.size, "root": tree.root(), "at": self.now, "note": note})
        self._held[LogState].append({"one": 1, "size": tree.size, "peaks": tree.to_bytes()})
        self._write()
        self.edge = Edge(
            tree, {t.level: dirty[t] if t in dirty else before.tiles[t.level] for t in edge_tiles(tree.size)}
        )
        return note

    def _write(self) -> None:
        self._writing = True
        write_rows(self._connection, {_TABLES[model]: rows for model, rows in self._held.items()}, over=_OVER)
        for rows in self._held.values():
            rows.clear()
        self._writing = False

    def _before(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if self._writing:
            return
        if not statement.startswith("SELECT"):
            self.written += 1
        if self._held[LogEntry] and not (_APART.match(statement) and not _OF_THE_LOG.search(statement)):
            self._write()
