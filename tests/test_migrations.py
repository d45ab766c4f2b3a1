"""One migration history, on both databases."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlmodel import SQLModel, text

from app.db import BUSY_TIMEOUT_MS, make_engine
from app.migrate import ROOT, migrate


def test_the_migrations_make_the_tables_that_the_code_describes(database_url: str):
    engine = make_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing_and_loses_no_row(database_url: str):
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO party (id, created_at) VALUES ('pty_1', '2026-01-01 00:00:00')"))
        connection.execute(text("INSERT INTO log_entry (idx, body) VALUES (0, 'x')").bindparams())
        connection.execute(text("INSERT INTO opening (idx, salt, payload) VALUES (0, 'x', 'x')"))
    migrate(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM opening")).scalar() == 1
        assert connection.execute(text("SELECT size FROM log_state")).scalar() == 0
    engine.dispose()


def test_the_history_can_be_walked_back(database_url: str):
    engine = make_engine(database_url)
    with engine.connect() as connection:
        config = Config(ROOT / "alembic.ini")
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        command.upgrade(config, "head")
    engine.dispose()


def test_commits_are_durable(database_url: str):
    engine = make_engine(database_url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            pragma = {
                name: connection.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("synchronous", "journal_mode", "foreign_keys", "busy_timeout")
            }
            assert pragma == {
                "synchronous": 2,
                "journal_mode": "wal",
                "foreign_keys": 1,
                "busy_timeout": BUSY_TIMEOUT_MS,
            }
        else:
            assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
    engine.dispose()
