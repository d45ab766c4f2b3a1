"""Bring a database to the newest state of ``migrations/``."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from app.db import make_engine

ROOT = Path(__file__).parent.parent


def migrate(url: str, revision: str = "head") -> None:
    """Upgrade the database at ``url``; an empty one is made whole, an up-to-date one is left alone."""
    config = Config(ROOT / "alembic.ini")
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    finally:
        engine.dispose()
