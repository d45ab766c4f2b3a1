"""Erasure: what the log commits to is forgotten, and the log stays whole (docs/erasure.md).

An entry holds two salted digests and nothing that can be read back. So salts, payloads and rows are deleted, and an
entry ``erase`` says so in the same transaction. The copies that are made of the tables go too: snapshots here, the
arrays of the index in ``app.index``.

``python -m app.erasing`` does every erasure of the log again, after an older backup was restored.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import Session, col, func, select

from app import snapshots
from app.access import OPERATOR, Caller
from app.db import Database
from app.logbook import Logbook
from app.settings import Settings
from app.tables import (
    ApiKey,
    DeclarationRow,
    DisputeRow,
    EntryRef,
    Identity,
    LabelCount,
    LabelRow,
    LogEntry,
    Opening,
    Party,
)
from app.tail import Tail
from remarque.answers import Erasure, Status
from remarque.errors import InvalidRequest, NotFound, NotYours
from remarque.log.entries import Entry

#: Whose declarations are those of which nobody is left.
NOBODY = "erased"
#: Works erased in one transaction, which holds the log meanwhile: 0.3 s on SQLite.
BATCH = 500
#: Entries that are read at once, where the whole log is.
READ = 5000

log = logging.getLogger(__name__)

#: What a row of a declaration holds that anybody said.
_BLANK: dict[str, Any] = {
    "status": Status.WITHDRAWN,
    "preferences": {},
    "pdq": b"",
    **dict.fromkeys(("digest", "title", "creator", "url", "policy_url", "contact", "constraint", "valid_until")),
}


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases from one registry. ``folder`` holds its snapshots."""

    database: Database
    logbook: Logbook
    folder: Path

    def declaration(self, caller: Caller, declaration_id: str) -> None:
        """Erase a declaration and all that was said about it; a second time changes nothing.

        Raises NotFound; NotYours unless the caller is its party or the operator.
        """

        def find(session: Session) -> DeclarationRow:
            row = session.get(DeclarationRow, declaration_id)
            if row is None:
                raise NotFound(f"There is no declaration {declaration_id[:80]!r}.")
            if caller.party != row.party_id and not caller.operates:
                raise NotYours("This declaration belongs to another party; only that party can have it erased.")
            return row

        def unit(session: Session, tail: Tail) -> None:
            row = find(session)
            if row.pdq:
                _erase(session, tail, [row.idx])

        with self.database.reading() as session:
            ref = find(session).idx
        # Before the commit, so that nothing is left behind if this process ends after it; and after it, as a snapshot
        # may have been made in between.
        snapshots.withdraw(self.folder, ref)
        self.logbook.transact(unit)
        snapshots.withdraw(self.folder, ref)
        empty_journal(self.database)

    def party(self, caller: Caller, party_id: str) -> Erasure:
        """Erase a party with all that it declared, labelled and said, and its keys. Returns how much that was.

        Interrupted, it is asked for again: the keys go last. Raises NotFound; NotYours unless the caller is that party
        or the operator; InvalidRequest for the operator's own.
        """
        if caller.party != party_id and not caller.operates:
            raise NotYours("Only a party itself or the operator can have it erased.")
        if party_id == OPERATOR:
            raise InvalidRequest("The party of the operator runs this registry and cannot be erased.")
        with self.database.reading() as session:
            if party_id == NOBODY or session.get(Party, party_id) is None:
                raise NotFound(f"There is no party {party_id[:80]!r}.")
            first = session.exec(
                select(func.min(col(DeclarationRow.idx))).where(DeclarationRow.party_id == party_id)
            ).one()
        if first is not None:
            snapshots.withdraw(self.folder, first)
        declarations = labels = 0
        while True:
            step: Erasure | None = self.logbook.transact(lambda session, tail: _erase_some(session, tail, party_id))
            if step is None:
                break
            declarations, labels = declarations + step.declarations, labels + step.labels
        keys = self.logbook.transact(lambda session, tail: _end(session, tail, party_id))
        if first is not None:
            snapshots.withdraw(self.folder, first)
        empty_journal(self.database)
        return Erasure(declarations=declarations, labels=labels, keys=keys)


def _erase_some(session: Session, tail: Tail, party_id: str) -> Erasure | None:
    """Erase so much of a party as one transaction should; None where nothing is left."""
    declarations = _first(session, DeclarationRow.idx, DeclarationRow.party_id == party_id, DeclarationRow.pdq != b"")
    labels = _first(session, LabelRow.idx, LabelRow.party_id == party_id) if not declarations else []
    # What is left once its own works are erased: what it said about those of others.
    others = _first(session, EntryRef.idx, EntryRef.party_id == party_id) if not declarations and not labels else []
    if declarations or labels:
        _erase(session, tail, [*declarations, *labels])
    elif others:
        decisions = _decisions(session, others)
        said = [idx for idx in others if idx not in decisions]
        _forget(session, said)
        _blank(session, said)
        _log(tail, said)
        _anonymous(session, decisions)
    else:
        return None
    return Erasure(declarations=len(declarations), labels=len(labels), keys=0)


def _first(session: Session, index: Any, *conditions: Any) -> list[int]:
    return list(session.exec(select(index).where(*conditions).order_by(index).limit(BATCH)).all())


def _end(session: Session, tail: Tail, party_id: str) -> int:
    """Delete a party and its keys. Returns how many keys it had."""
    keys = session.exec(select(ApiKey.id).where(ApiKey.party_id == party_id)).all()
    if session.get(Party, NOBODY) is None:
        session.add(Party(id=NOBODY, created_at=tail.now))
        session.flush()
    # The rows of its declarations are blank, and stay for those who ask what became of one: nobody's, all alike.
    session.execute(update(DeclarationRow).where(col(DeclarationRow.party_id) == party_id).values(party_id=NOBODY))
    session.execute(update(DisputeRow).where(col(DisputeRow.party_id) == party_id).values(party_id=NOBODY))
    session.execute(delete(LabelCount).where(col(LabelCount.key_id).in_(keys)))
    session.execute(delete(ApiKey).where(col(ApiKey.party_id) == party_id))
    session.execute(delete(Party).where(col(Party.id) == party_id))
    return len(keys)


def _erase(session: Session, tail: Tail, works: Sequence[int]) -> None:
    """Erase the declarations and labels of these entries, with every entry about them, and log that."""
    _forget(session, [*works, *_about(session, works)])
    _blank(session, works)
    _log(tail, works)


def _log(tail: Tail, entries: Iterable[int]) -> None:
    for ref in entries:
        tail.append_bare("erase", {"ref": ref})


def _about(session: Session, entries: Sequence[int]) -> list[int]:
    """The entries about these, those about them, and so on."""
    found: list[int] = []
    asked = list(entries)
    while asked:
        # Each is about an earlier one, so this ends.
        asked = [
            idx
            for part in _parts(asked)
            for idx in session.exec(select(EntryRef.idx).where(col(EntryRef.ref).in_(part)))
        ]
        found += asked
    return found


def _parts(entries: Sequence[int]) -> Iterator[Sequence[int]]:
    """So many at once as a statement may name."""
    return (entries[start : start + BATCH] for start in range(0, len(entries), BATCH))


def _forget(session: Session, entries: Sequence[int]) -> None:
    """Delete what these entries commit to."""
    for part in _parts(entries):
        for table in (Opening, Identity, EntryRef):
            session.execute(delete(table).where(col(table.idx).in_(part)))


def _decisions(session: Session, entries: Sequence[int]) -> set[int]:
    """Which of these entries decide a dispute. What was decided stays: it says what becomes of a work of others."""
    return {
        idx
        for part in _parts(entries)
        for idx in session.exec(select(DisputeRow.decided_idx).where(col(DisputeRow.decided_idx).in_(part)))
        if idx is not None
    }


def _anonymous(session: Session, decisions: Iterable[int]) -> None:
    """Forget who made these decisions, and the words they were given in."""
    for part in _parts(sorted(decisions)):
        session.execute(delete(Identity).where(col(Identity.idx).in_(part)))
        session.execute(update(EntryRef).where(col(EntryRef.idx).in_(part)).values(party_id=None))


def _blank(session: Session, works: Sequence[int]) -> None:
    """Let the rows of these declarations say nothing, and those of these labels not be there.

    Disputes about these declarations go with them. Of a dispute that is itself among ``works`` the row stays, so that
    it can be decided; the words of its decision, which may repeat it, go.
    """
    for part in _parts(works):
        about = select(DeclarationRow.id).where(col(DeclarationRow.idx).in_(part))
        decided = select(DisputeRow.decided_idx).where(col(DisputeRow.idx).in_(part))
        session.execute(delete(DisputeRow).where(col(DisputeRow.declaration_id).in_(about)))
        session.execute(delete(Identity).where(col(Identity.idx).in_(decided)))
        session.execute(update(DeclarationRow).where(col(DeclarationRow.idx).in_(part)).values(**_BLANK))
        session.execute(delete(LabelRow).where(col(LabelRow.idx).in_(part)))


def empty_journal(database: Database) -> None:
    """Let SQLite move what is committed from its write-ahead log into the database, and cut the log off: until then it
    holds earlier states of the pages. PostgreSQL does so by itself (docs/erasure.md)."""
    if database.engine.dialect.name != "sqlite":
        return
    connection = database.engine.raw_connection()
    try:
        busy = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        connection.close()
    if busy:
        log.warning("somebody reads the database: its write-ahead log keeps what was erased until the next erasure")


# After a backup was restored


def repeat(session: Session) -> int:
    """Do every erasure that the log tells of again, in the caller's transaction. Returns how many there are.

    An older backup holds what was erased since, and does not know which of the entries that were put back are about
    which. Nothing is logged a second time.
    """
    erased = [ref for entries in _entries(session) for ref in _refer(session, entries)]
    _forget(session, [*erased, *_about(session, erased)])
    _blank(session, erased)
    return len(erased)


def _entries(session: Session) -> Iterator[dict[int, Entry]]:
    """The entries that are about others, by index, in portions of the log."""
    size = session.exec(select(func.coalesce(func.max(col(LogEntry.idx)), -1))).one() + 1
    for start in range(0, size, READ):
        rows = session.exec(
            select(LogEntry.idx, LogEntry.body).where(LogEntry.idx >= start, LogEntry.idx < start + READ)
        ).all()
        entries = {idx: Entry.decode(body) for idx, body in rows}
        yield {idx: entry for idx, entry in entries.items() if "ref" in entry.fields}


def _refer(session: Session, entries: dict[int, Entry]) -> list[int]:
    """Complete the table of what refers to what, and return what was erased by these entries."""
    own = [idx for idx, entry in entries.items() if entry.type != "erase"]
    for part in _parts(own):
        known = set(session.exec(select(EntryRef.idx).where(col(EntryRef.idx).in_(part))))
        said = dict(session.exec(select(Identity.idx, Identity.payload).where(col(Identity.idx).in_(part))).all())
        for idx in set(part) - known:
            party = json.loads(said[idx]).get("party") if idx in said else None
            session.add(EntryRef(idx=idx, ref=int(entries[idx].fields["ref"]), party_id=party))
    return [int(entry.fields["ref"]) for entry in entries.values() if entry.type == "erase"]


def main() -> None:
    """Repeat the erasures in the database that the environment describes. The service must not run."""
    settings = Settings()
    database = Database(settings.database)
    try:
        with database.writing() as session:
            count = repeat(session)
            session.commit()
        if count:
            snapshots.withdraw(settings.data_dir / snapshots.FOLDER, 0)
        empty_journal(database)
        sys.stdout.write(f"{count} erasures of the log hold in this database.\n")
    finally:
        database.close()


if __name__ == "__main__":
    main()
