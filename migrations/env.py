"""Alembic's environment: one history for SQLite and PostgreSQL.

The caller passes a connection in ``config.attributes["connection"]``; from the command line the settings say where.
"""

from alembic import context
from sqlalchemy import Connection
from sqlmodel import SQLModel

import app.tables  # noqa: F401  (fills the metadata)
from app.db import make_engine
from app.settings import Settings


def run(connection: Connection) -> None:
    """Migrate inside one transaction, with foreign keys off on SQLite.

    SQLite changes a table by building it anew; with foreign keys on, dropping the old one would delete every row that
    refers to it. They are checked afterwards instead.
    """
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.commit()
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
    if sqlite:
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        connection.commit()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        connection.commit()
        if broken:
            raise RuntimeError(f"the migration left rows that refer to nothing: {broken[:5]}")


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database, not into a script.")
given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with make_engine(Settings().database).connect() as fresh:
        run(fresh)
