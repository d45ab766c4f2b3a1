"""A log that was published is never continued from an earlier state, and never under another name or key."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlmodel import delete, select, update

from app.checkpoints import Publisher, newest_head
from app.db import Database
from app.logbook import Logbook
from app.prepare import prepare
from app.registry import Work, declare
from app.schemas.requests import DeclarationCreate
from app.settings import Settings
from app.tables import LogState, TileRow, TreeHead
from remarque.answers import Fingerprint
from remarque.errors import LogError
from remarque.log.vkeys import SigningKey
from tests.api.test_group_commit import party
from tests.postgresql import administer, answers

Make = Callable[..., Settings]


def grow(settings: Settings, first: int, last: int) -> Database:
    """Prepare and declare works, one commit each. The database is left open."""
    prepare(settings)
    database = Database(settings.database)
    logbook = Logbook(database, Publisher.load(settings), lambda: None)
    caller = party(database)
    for number in range(first, last):
        declare(logbook, caller, Work([Fingerprint(alg="pdq", value=f"{number:064x}")]), DeclarationCreate())
    logbook.close()
    return database


def test_invariant_5_a_restored_backup_is_refused(settings_for: Make, tmp_path: Path):
    settings = settings_for()
    grow(settings, 0, 3).close()
    shutil.copy(tmp_path / "remarque.db", tmp_path / "backup.db")
    grow(settings, 3, 5).close()
    shutil.copy(tmp_path / "backup.db", tmp_path / "remarque.db")
    with pytest.raises(LogError, match=r"^REFUSING TO SIGN: database at 3, published high-water mark 5$"):
        prepare(settings)


@pytest.fixture
def backup() -> Iterator[str]:
    """The name of a database on PostgreSQL for a copy of another one."""
    if not answers():
        pytest.skip("PostgreSQL is not reachable")
    name = f"remarque_backup_{uuid.uuid4().hex}"
    yield name
    administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def restore(name: str, backup: str) -> None:
    """Put a copy of the database ``backup`` in the place of the database ``name``."""
    administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    administer(f'CREATE DATABASE "{name}" TEMPLATE "{backup}"')


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_invariant_5_a_restored_backup_is_refused_on_postgresql_too(settings_for: Make, database_url: str, backup: str):
    settings, name = settings_for(database_url=database_url), database_url.rpartition("/")[2]
    grow(settings, 0, 3).close()
    restore(backup, name)
    prepare(settings)  # the copy was made from a log that goes on
    grow(settings, 3, 5).close()
    restore(name, backup)
    with pytest.raises(LogError, match=r"^REFUSING TO SIGN: database at 3, published high-water mark 5$"):
        prepare(settings)
    database = grow(settings_for(database_url=database_url, high_water_mark=settings.data_dir / "none"), 3, 5)
    database.close()
    with pytest.raises(LogError, match="another history up to 5"):
        prepare(settings)


def test_invariant_5_a_restored_backup_that_went_on_elsewhere_is_refused(settings_for: Make, tmp_path: Path):
    settings = settings_for()
    grow(settings, 0, 3).close()
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tmp_path, elsewhere)
    grow(settings, 3, 5).close()
    grow(settings_for(data_dir=elsewhere), 5, 9).close()
    shutil.copy(elsewhere / "remarque.db", tmp_path / "remarque.db")
    with pytest.raises(LogError, match="another history up to 5"):
        prepare(settings)


@pytest.mark.parametrize("kept", [0, 0.2, 0.5, 0.8, 0.95, 0.999, 1])
def test_invariant_3_a_database_that_lost_the_end_of_its_wal_is_refused_or_whole(
    settings_for: Make, tmp_path: Path, kept: float
):
    settings = settings_for()
    database = grow(settings, 0, 12)
    lost = tmp_path / "lost"
    shutil.copytree(tmp_path, lost)  # as a crash would leave it: the write-ahead log is not yet in the database
    database.close()
    wal = lost / "remarque.db-wal"
    assert wal.stat().st_size > 100_000
    (lost / "remarque.db-shm").unlink()
    with wal.open("r+b") as file:
        file.truncate(int(kept * wal.stat().st_size))
    if kept == 1:
        grow(settings_for(data_dir=lost), 12, 13).close()
        return
    with pytest.raises(LogError, match="REFUSING TO SIGN"):
        grow(settings_for(data_dir=lost), 12, 13)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"origin": "other.example/log1"}, "holds the key of localhost/log1, not of other.example/log1"),
        ({"log_key": "missing.key"}, "missing.key is not there"),
        ({"receipts_key": "missing.key"}, "missing.key is not there"),
        ({"log_key": "other.key"}, "another origin or key"),
    ],
)
def test_origin_and_keys_are_fixed_by_the_first_checkpoint(
    settings_for: Make, tmp_path: Path, change: dict[str, str], told: str
):
    grow(settings_for(), 0, 1).close()
    (tmp_path / "elsewhere").mkdir()
    prepare(settings_for(data_dir=tmp_path / "elsewhere"))
    shutil.copy(tmp_path / "elsewhere/log/log.key", tmp_path / "other.key")
    settings = settings_for(**{name: tmp_path / value if "key" in name else value for name, value in change.items()})
    with pytest.raises(LogError, match=told):
        prepare(settings)


def test_a_later_public_address_does_not_rename_the_log(settings_for: Make):
    grow(settings_for(public_url="https://registry.example:8443/"), 0, 1).close()
    settings = settings_for(public_url="https://other.example/")
    prepare(settings)
    assert Publisher.load(settings).keys.origin == "registry.example/log1"


def test_keys_are_secret_and_the_two_are_different(settings_for: Make, tmp_path: Path):
    prepare(settings_for())
    texts = []
    for name in ("log.key", "receipts.key"):
        assert (tmp_path / "log" / name).stat().st_mode & 0o777 == 0o600
        texts.append((tmp_path / "log" / name).read_text().strip())
    assert SigningKey.parse(texts[0]).seed != SigningKey.parse(texts[1]).seed


def test_a_database_of_a_version_without_tiles_gets_them(
    settings_for: Make, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.rebuilding.BATCH", 2)
    settings = settings_for(database_url=database_url)
    database = grow(settings, 0, 5)
    with database.writing() as session:
        before = session.exec(select(TileRow.level, TileRow.n, TileRow.data)).all()
        session.execute(delete(TileRow))
        session.execute(delete(TreeHead).where(TreeHead.size == 0))
        session.execute(update(TreeHead).values(note=None))
        session.commit()
    prepare(settings)
    with database.reading() as session:
        assert session.exec(select(TileRow.level, TileRow.n, TileRow.data)).all() == before
        assert newest_head(session).note is not None
    grow(settings, 5, 6).close()
    database.close()


@pytest.mark.parametrize("damage", ["tile", "state", "head", "entry"])
def test_invariant_1_and_2_tables_that_contradict_each_other_are_refused(
    settings_for: Make, database_url: str, damage: str
):
    settings = settings_for(database_url=database_url)
    database = grow(settings, 0, 3)
    with database.writing() as session:
        if damage == "tile":
            session.execute(update(TileRow).values(data=b"\0" * 96))
        elif damage == "state":
            session.execute(update(LogState).values(size=2, peaks=b"\0" * 32))
        elif damage == "head":
            session.execute(delete(TreeHead).where(TreeHead.size == 3))
        else:
            session.connection().exec_driver_sql("INSERT INTO log_entry (idx, body) VALUES (3, 'x')")
        session.commit()
    database.close()
    with pytest.raises(LogError, match="REFUSING TO SIGN"):
        prepare(settings)


def test_invariant_4_a_database_that_commits_loosely_is_refused(database_url: str):
    database = Database(database_url)
    loosely = "PRAGMA synchronous=NORMAL" if database.engine.dialect.name == "sqlite" else "SET synchronous_commit=off"

    @event.listens_for(database.engine, "connect")
    def _loosen(connection, _record) -> None:
        connection.cursor().execute(loosely)
        if hasattr(connection, "commit"):
            connection.commit()

    with pytest.raises(LogError, match="not durable"):
        database.require_durable()
    database.close()
