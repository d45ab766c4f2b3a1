"""Rows that are written in bulk are the rows that anybody else would have written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest
from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel, col, select

from app.db import Database
from app.rows import write_rows
from app.tables import DeclarationRow, EntryRef, LogEntry, TileRow
from tests.api.test_group_commit import party

HARD = ["", "'", '"', "\\", "{a,b}", "NULL", "null", "%b %s ?", "ä漢🖌", "a\nb\tc", "(1,2)", "\\x00"]


def table(model: type[SQLModel]) -> Table:
    return cast(Table, cast(Any, model).__table__)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def declarations(party_id: str, texts: list[str | None]) -> list[dict[str, Any]]:
    now = datetime(2026, 1, 2, 3, 4, 5, 678901, timezone(timedelta(hours=5)))
    return [
        {
            "id": f"dec_{number}",
            "idx": number,
            "party_id": party_id,
            "status": "active",
            "claim": "self",
            "preferences": {} if text is None else {"search": text},
            "pdq": bytes([number]) * 32,
            "digest": None if text is None else text.encode(),
            "title": text,
            "contact": text,
            "valid_until": None if text is None else now,
            "declared_at": now,
        }
        for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize("texts", [HARD, [None], [None, None], [None, *HARD, None], []], ids=str)
def test_what_was_written_is_read(database: Database, texts: list[str | None]):
    party_id = party(database).party
    rows = declarations(party_id, texts)
    entries = [{"idx": row["idx"], "body": bytes(range(256))} for row in rows]
    with database.writing() as session:
        added = {table(LogEntry): entries, table(DeclarationRow): rows}
        write_rows(session.connection(), added, over=frozenset())
        session.commit()
    with database.reading() as session:
        assert [row.body for row in session.exec(select(LogEntry)).all()] == [entry["body"] for entry in entries]
        read = session.exec(select(DeclarationRow).order_by(col(DeclarationRow.idx))).all()
        for row, written in zip(read, rows, strict=True):
            found = row.model_dump()
            assert {name: found[name] for name in written} == written
            assert all(value is None for name, value in found.items() if name not in written)
            assert row.declared_at.tzinfo is UTC


def test_a_row_takes_the_place_of_another_only_where_it_is_told(database: Database):
    def write(data: bytes, *, over: bool) -> None:
        tiles = [{"level": 0, "n": 2**40, "data": data}, {"level": 1, "n": len(data), "data": data}]
        with database.writing() as session:
            chosen = frozenset({table(TileRow)}) if over else frozenset()
            write_rows(session.connection(), {table(TileRow): tiles}, over=chosen)
            session.commit()

    write(b"a", over=True)
    write(b"ab", over=True)
    with database.reading() as session:
        rows = session.exec(
            select(TileRow.level, TileRow.n, TileRow.data).order_by(TileRow.level, col(TileRow.n))
        ).all()
    assert rows == [(0, 2**40, b"ab"), (1, 1, b"a"), (1, 2, b"ab")]
    with pytest.raises(Exception, match=r"(?i)unique") as raised:
        write(b"abc", over=False)
    assert isinstance(raised.value, DBAPIError) or type(raised.value).__module__ == "sqlite3"


def test_a_reference_to_no_entry_is_refused(database: Database):
    with database.writing() as session:
        connection = session.connection()
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            write_rows(connection, {table(EntryRef): [{"idx": 5, "ref": 4}]}, over=frozenset())
