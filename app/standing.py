"""Which declarations stand: what a party declared before about the same work, asked once for many works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, TextualSelect, bindparam, text
from sqlmodel import Session

from app.tables import DeclarationRow, UtcDateTime
from app.tail import Tail
from remarque.answers import Status


class Same(NamedTuple):
    """What makes two declarations one: the party, and the pdq of the work or its SHA-256."""

    party: str
    pdq: bytes
    digest: bytes | None


class Stands(NamedTuple):
    """A declaration that stands, and what it says."""

    idx: int
    id: str
    preferences: Mapping[str, str]


class Standing:
    """The first declaration that stands of each work that was asked about; ``add`` keeps it up to date."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._by_pdq: dict[tuple[str, bytes], Stands] = {}
        self._by_digest: dict[tuple[str, bytes], Stands] = {}

    def add(self, same: Same, stands: Stands, valid_until: datetime | None) -> None:
        """A declaration that was made, or found. An earlier one of the same work stays the first."""
        if valid_until is not None and valid_until <= self._now:
            return
        self._by_pdq.setdefault((same.party, same.pdq), stands)
        if same.digest is not None:
            self._by_digest.setdefault((same.party, same.digest), stands)

    def find(self, same: Same) -> Stands | None:
        """The first declaration of this work that stands."""
        found = [self._by_pdq.get((same.party, same.pdq))]
        if same.digest is not None:
            found.append(self._by_digest.get((same.party, same.digest)))
        return min((stands for stands in found if stands is not None), default=None, key=lambda stands: stands.idx)


#: Walked in this order on SQLite, and the only sensible order on PostgreSQL: one look into an index for each work. With
#: ``(party_id, pdq) IN (...)`` SQLite reads the whole table, and PostgreSQL all that a party declared.
_WORKS = {
    "sqlite": ":works AS asked CROSS JOIN",
    "postgresql": "unnest(CAST(:parties AS text[]), CAST(:values AS bytea[])) AS asked (column1, column2) JOIN",
}


@lru_cache
def _question(database: str, column: str) -> TextualSelect:
    table: Table = cast(Any, DeclarationRow).__table__
    shown = [table.c[name] for name in ("idx", "id", "preferences", "party_id", "pdq", "digest", "valid_until")]
    question = text(
        f"SELECT {', '.join(f'd.{each.name}' for each in shown)} FROM {_WORKS[database]} declaration d "  # noqa: S608
        f"ON d.party_id = asked.column1 AND d.{column} = asked.column2 "
        "WHERE d.status <> :withdrawn AND (d.valid_until IS NULL OR d.valid_until > :now)"
    ).bindparams(bindparam("now", type_=UtcDateTime()), bindparam("withdrawn", Status.WITHDRAWN.value))
    if database == "sqlite":
        question = question.bindparams(bindparam("works", expanding=True))
    return question.columns(*shown)


def standing(session: Session, tail: Tail, works: Sequence[Same]) -> Standing:
    """Ask the database about works, whoever they are of: one question for their pdqs and one for their digests."""
    session.flush()  # what other units changed and no statement has written yet
    connection, found = session.connection(), list[Any]()
    database = connection.dialect.name
    pdqs = {(same.party, same.pdq) for same in works}
    digests = {(same.party, same.digest) for same in works if same.digest is not None}
    for column, asked in (("pdq", pdqs), ("digest", digests)):
        if asked:
            parties, values = zip(*asked, strict=True)
            given = (
                {"works": list(asked)} if database == "sqlite" else {"parties": list(parties), "values": list(values)}
            )
            found += connection.execute(_question(database, column), {**given, "now": tail.now}).all()
    answer = Standing(tail.now)
    for idx, identifier, preferences, party, pdq, digest, valid_until in sorted(found, key=lambda row: int(row[0])):
        answer.add(Same(party, pdq, digest), Stands(idx, identifier, preferences), valid_until)
    return answer
