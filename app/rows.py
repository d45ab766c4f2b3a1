"""Many rows at once, as the drivers take them fastest.

SQLAlchemy prepares each row and psycopg sends each row by itself: 10 to 25 µs a row, more than everything else that the
log does (docs/log-cost.md). Here SQLite gets one ``executemany`` for each table, and PostgreSQL one statement for all
tables, with one array for each column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, Connection, Dialect, LargeBinary, Table

Row = Mapping[str, Any]
_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Insert:
    """The statement for one table, and what is made of the values of each column before the driver has them."""

    sql: str
    columns: tuple[tuple[str, _Convert | None], ...]

    def by_column(self, rows: Sequence[Row]) -> list[list[Any]]:
        arrays = [[row.get(name) for row in rows] for name, _ in self.columns]
        return [
            array if to is None else [to(value) for value in array]
            for array, (_, to) in zip(arrays, self.columns, strict=True)
        ]

    def by_row(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        return list(zip(*self.by_column(rows), strict=True))


def write_rows(connection: Connection, added: Mapping[Table, Sequence[Row]], *, over: frozenset[Table]) -> None:
    """Insert rows, table by table in this order; a column that a row does not name is NULL. A row of a table in
    ``over`` takes the place of the one with its primary key. Raises what the driver raises, or SQLAlchemy for it."""
    dialect = connection.dialect
    inserts = [(_insert(table, dialect, table in over), rows) for table, rows in added.items() if rows]
    if dialect.name != "postgresql":
        cursor = connection.connection.cursor()  # SQLAlchemy's own costs five times as much as SQLite for one row
        for insert, rows in inserts:
            cursor.executemany(insert.sql, insert.by_row(rows))
        cursor.close()
    elif inserts:
        # The parts of one statement are run to their end together; foreign keys between them are checked after it.
        *others, last = [insert.sql for insert, _ in inserts]
        parts = ", ".join(f"w{number} AS ({sql})" for number, sql in enumerate(others))
        values = [array for insert, rows in inserts for array in insert.by_column(rows)]
        connection.exec_driver_sql(f"WITH {parts} {last}" if parts else last, tuple(values))


@lru_cache(maxsize=64)
def _insert(table: Table, dialect: Dialect, over: bool) -> _Insert:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    if dialect.name == "postgresql":
        # %b: arrays go in PostgreSQL's binary form, which spares quoting.
        arrays = ", ".join(f"%b::{column.type.compile(dialect)}[]" for column in table.columns)
        sql = f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608  (names of our tables)
    else:
        places = ", ".join("?" * len(table.columns))
        sql = f"INSERT INTO {table.name} ({names}) VALUES ({places})"  # noqa: S608  (names of our tables)
    if over:
        key = ", ".join(f'"{column.name}"' for column in table.primary_key)
        changed = ", ".join(f'"{c.name}" = excluded."{c.name}"' for c in table.columns if not c.primary_key)
        sql += f" ON CONFLICT ({key}) DO UPDATE SET {changed}"
    return _Insert(sql, tuple((column.name, _converter(column, dialect)) for column in table.columns))


def _converter(column: Column[Any], dialect: Dialect) -> _Convert | None:
    if isinstance(column.type, LargeBinary):
        return None  # both drivers take bytes as they are; SQLAlchemy would wrap each of them
    return column.type.dialect_impl(dialect).bind_processor(dialect)
