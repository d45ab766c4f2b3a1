"""The first start: a migrated database, the keys and the first checkpoint of the log, the operator's key, a development
certificate. Every start: the log is the one that was published."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from app.access import create_operator, has_operator, new_key
from app.checkpoints import Publisher, newest_head
from app.db import Database
from app.logkeys import prepare_log_keys
from app.migrate import migrate
from app.rebuilding import rebuild
from app.settings import Settings
from app.signing import prepare_development_keys


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was made just now."""

    operator_key: Path | None
    development_keys: bool


def prepare(settings: Settings) -> Prepared:
    """Bring the data directory and the database to a state that a service can run on. Safe to repeat."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # keys and personal data lie in it
    migrate(settings.database)
    made_keys = prepare_development_keys(settings)
    database = Database(settings.database)
    try:
        database.require_durable()
        _prepare_log(database, settings)
        with database.writing() as session:
            if has_operator(session):
                return Prepared(None, made_keys)
            path = settings.data_dir / "operator.key"
            create_operator(session, _kept_key(path))
            return Prepared(path, made_keys)
    finally:
        database.close()


def _prepare_log(database: Database, settings: Settings) -> None:
    """Make the keys and the first checkpoint, and what a version that kept no tiles left out; then check the log."""
    with database.writing() as session:
        head = newest_head(session)
        signed = head is not None and head.note is not None
        publisher = Publisher.of(prepare_log_keys(settings, signed=signed), settings)
        if not signed:
            rebuild(session, publisher)
        publisher.check(session)
        session.commit()
        publisher.newest(session)


def _kept_key(path: Path) -> str:
    """Return the key in the file, or write a new one: the file comes first, so that no key is ever lost."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        key = new_key()
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key
