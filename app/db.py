"""The database: SQLite without set-up, PostgreSQL by URL. Both commit durably or not at all."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlmodel import Session

from remarque.errors import LogError

#: How long a writer waits for another one before it gives up, in milliseconds.
BUSY_TIMEOUT_MS = 15_000

_DURABLE_SQLITE: Mapping[str, Collection[object]] = {"PRAGMA synchronous": (2, 3), "PRAGMA journal_mode": ("wal",)}
_DURABLE_POSTGRESQL: Mapping[str, Collection[object]] = {
    "SHOW synchronous_commit": ("on", "remote_apply"),
    "SHOW fsync": ("on",),
}


class Database:
    """The engine, and the two kinds of sessions on it."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        # The option is read by the begin hook below: a SQLite writer takes its lock at once and never has to give
        # up half-way because another one was faster.
        self._writing = self.engine.execution_options(remarque_begin="BEGIN IMMEDIATE")

    def reading(self) -> Session:
        """A session for reading. It never commits."""
        return Session(self.engine)

    def writing(self) -> Session:
        """A session for one transaction that writes."""
        return Session(self._writing, expire_on_commit=False)

    def require_durable(self) -> None:
        """Ask the database, on a connection that writes, whether commits last. Raises LogError where they may not:
        a published state of the log could be lost, and another one signed in its place."""
        sqlite = self.engine.dialect.name == "sqlite"
        questions = _DURABLE_SQLITE if sqlite else _DURABLE_POSTGRESQL
        with self._writing.connect() as connection:
            for question, enough in questions.items():
                answer = connection.exec_driver_sql(question).scalar()
                if answer not in enough:
                    raise LogError(f"REFUSING TO SIGN: commits are not durable, {question} says {answer}")

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def make_engine(url: str) -> Engine:
    """Return an engine whose commits are durable when they return."""
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(url, pool_size=10, max_overflow=30, connect_args={"options": "-c synchronous_commit=on"})


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # No implicit BEGIN by the driver: the hook below says which one.
    connection.isolation_level = None
    # What is deleted is overwritten with zeros in the same transaction (docs/erasure.md).
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("remarque_begin", "BEGIN"))
